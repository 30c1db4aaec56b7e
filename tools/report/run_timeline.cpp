#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tools/output/text.h"
#include "tools/report/options.h"
#include "tools/report/run_report.h"

namespace penstock::report {
namespace {

std::string at_text(double seconds) { return output::span_text(seconds); }

/// Time in front, then what `row` gives of each interval that lasts.
template <typename Row>
Data over_time(const std::vector<Interval>& intervals, const TimeScale& scale,
               std::vector<Column> columns, Row row) {
  Data data{.columns = {{"time_" + scale.unit, "time", scale.unit}}};
  data.columns.insert(data.columns.end(), columns.begin(), columns.end());
  for (const Interval& one : intervals) {
    if (one.length_s > 0) {
      Json line = Json::array({rounded(one.time_s / scale.seconds)});
      for (const double value : row(one)) {
        line.push_back(rounded(value));
      }
      data.rows.push_back(std::move(line));
    }
  }
  thin(data, most_rows);
  return data;
}

Json time_axis(const TimeScale& scale) {
  Json axis = bottom_axis("simulated time (" + scale.unit + ")", "count");
  axis["min"] = "dataMin";
  axis["max"] = "dataMax";
  return axis;
}

std::string queue_answer(const std::vector<Interval>& intervals) {
  const auto most =
      std::max_element(intervals.begin(), intervals.end(),
                       [](const Interval& a, const Interval& b) { return a.waiting < b.waiting; });
  if (most == intervals.end() || most->waiting < 0.5) {
    return "Requests hardly ever wait: on average, fewer than one at any time.";
  }
  return fmt::format("The queue is longest at {}: {} requests wait, {} run (means of {}).",
                     at_text(most->time_s), output::figure(most->waiting),
                     output::figure(most->running), at_text(most->length_s));
}

void add_queue(const std::vector<Interval>& intervals, const TimeScale& scale, Page& page) {
  Data data = over_time(intervals, scale,
                        {{"running", "running", "requests"},
                         {"waiting", "waiting", "requests"},
                         {"arrivals_per_s", "arrivals", "/s"},
                         {"completed_per_s", "completed", "/s"}},
                        [](const Interval& one) {
                          return std::array{one.running, one.waiting, one.arrivals / one.length_s,
                                            one.completed / one.length_s};
                        });
  Json arrivals = line_series("arrivals", 0, 3, "arrivals", "/s");
  arrivals["yAxisIndex"] = 1;
  arrivals["lineStyle"] = {{"width", 1}, {"opacity", 0.7}};
  Json waiting = line_series("waiting", 0, 2, "waiting", "requests");
  waiting["areaStyle"] = {{"opacity", 0.25}};
  Json rate = value_axis("arrivals/s", "count");
  rate["splitLine"] = {{"show", false}};
  Json option{{"tooltip", axis_tooltip()},
              {"legend", Json::object()},
              {"dataZoom", zoom()},
              {"xAxis", time_axis(scale)},
              {"yAxis", Json::array({value_axis("requests", "count"), rate})},
              {"series", Json::array({arrivals, line_series("running", 0, 1, "running", "requests"),
                                      waiting})}};
  page.chart(
      {.id = "queue",
       .question = "When does the queue grow?",
       .answer = queue_answer(intervals),
       .option = std::move(option),
       .data = std::move(data),
       .sketch = Sketch{"time_" + scale.unit, {{"running", "running"}, {"waiting", "waiting"}}}});
}

struct Share {
  const char* name;   ///< as in timeseries.csv
  const char* label;  ///< for people
};
constexpr std::array<Share, bound_count> shares{{{"compute", "compute"},
                                                 {"memory", "memory bandwidth"},
                                                 {"communication", "communication"},
                                                 {"latency", "kernel latency"},
                                                 {"cpu", "waiting for the CPU"}}};

void add_gpu(const SummaryView& view, const std::vector<Interval>& intervals,
             const TimeScale& scale, Page& page) {
  std::vector<Column> columns;
  Json series = Json::array();
  const auto add = [&](const char* name, const char* label) {
    columns.push_back({name, label, "share"});
    Json one = line_series(label, 0, columns.size(), name, "share");
    one["stack"] = "time";
    one["lineStyle"] = {{"width", 0}};
    one["areaStyle"] = {{"opacity", 0.85}};
    series.push_back(std::move(one));
  };
  for (const Share& share : shares) {
    add(share.name, share.label);
  }
  add("idle", "idle");
  Data data = over_time(intervals, scale, columns, [](const Interval& one) {
    std::array<double, bound_count + 1> row{};
    double sum = 0;
    for (std::size_t r = 0; r < bound_count; ++r) {
      row[r] = one.bound[r];
      sum += one.bound[r];
    }
    row[bound_count] = std::max(0.0, 1 - sum);
    return row;
  });
  Json up = value_axis("share of the time", "share");
  up["max"] = 1;
  Json option{{"tooltip", axis_tooltip()}, {"legend", Json::object()},
              {"dataZoom", zoom()},        {"xAxis", time_axis(scale)},
              {"yAxis", std::move(up)},    {"series", std::move(series)}};
  const std::string bottleneck = view.word("/bottleneck/resource");
  std::string answer = "Busy " + view.text("/utilization/busy", Style::percent) + " of the time";
  if (!bottleneck.empty()) {
    answer += fmt::format("; the largest part, {}, is bound by {} in {}",
                          view.text("/bottleneck/share", Style::percent), bottleneck,
                          view.word("/bottleneck/phase"));
  }
  answer += fmt::format("; MFU {}, MBU {}.", view.text("/utilization/mfu", Style::percent),
                        view.text("/utilization/mbu", Style::percent));
  page.chart({.id = "gpu",
              .question = "What do the GPUs do all day?",
              .answer = std::move(answer),
              .option = std::move(option),
              .data = std::move(data),
              .sketch = Sketch{"time_" + scale.unit,
                               {{"compute", "compute"}, {"memory", "memory"}, {"idle", "idle"}}}});
}

void add_kv(const SummaryView& view, const std::vector<Interval>& intervals, const TimeScale& scale,
            Page& page) {
  Data data = over_time(intervals, scale,
                        {{"kv_mean", "mean of the replicas", "share"},
                         {"kv_max", "fullest replica", "share"},
                         {"preemptions", "preemptions", "count"}},
                        [](const Interval& one) {
                          return std::array{one.kv, one.kv_max, one.preemptions};
                        });
  Json full = line_series("mean of the replicas", 0, 1, "kv", "share");
  full["areaStyle"] = {{"opacity", 0.2}};
  Json up = value_axis("KV blocks in use", "share");
  up["min"] = 0;
  Json axes = Json::array({up});
  Json series = Json::array({full, line_series("fullest replica", 0, 2, "kv_max", "share")});
  const double preemptions = view.number("/requests/preemptions").value_or(0);
  if (preemptions > 0) {
    axes.push_back(value_axis("preemptions", "count"));
    axes.back()["splitLine"] = {{"show", false}};
    series.push_back({{"type", "bar"},
                      {"name", "preemptions"},
                      {"yAxisIndex", 1},
                      {"encode", {{"x", 0}, {"y", 3}}},
                      {"itemStyle", {{"color", "$preemptions"}}},
                      {"barMinWidth", 1},
                      {"barMaxWidth", 6},
                      {"unit", "count"}});
  }
  Json option{{"tooltip", axis_tooltip()}, {"legend", Json::object()},
              {"dataZoom", zoom()},        {"xAxis", time_axis(scale)},
              {"yAxis", std::move(axes)},  {"series", std::move(series)}};
  page.chart(
      {.id = "kv",
       .question = "How full is the KV cache?",
       .answer = fmt::format("{} on average, {} at its peak; {}.",
                             view.text("/utilization/kv_mean", Style::percent),
                             view.text("/utilization/kv_peak", Style::percent),
                             preemptions > 0 ? view.text("/requests/preemptions", Style::count) +
                                                   " preemptions for want of blocks"
                                             : "nobody was preempted"),
       .option = std::move(option),
       .data = std::move(data),
       .height = "low",
       .sketch = Sketch{"time_" + scale.unit, {{"kv_max", "kv_max"}, {"kv_mean", "kv"}}}});
}

}  // namespace

TimeScale time_scale(double seconds) {
  return seconds < 300         ? TimeScale{"s", 1}
         : seconds < 4 * 3600  ? TimeScale{"min", 60}
         : seconds < 5 * 86400 ? TimeScale{"h", 3600}
                               : TimeScale{"days", 86400};
}

double rounded(double value) {
  return std::isfinite(value) && value != 0 ? std::stod(fmt::format("{:.6g}", value)) : 0.0;
}

std::size_t thin(Data& data, std::size_t most) {
  const std::size_t before = data.rows.size();
  const std::size_t columns = data.columns.size();
  if (before <= most || columns < 2) {
    return before;
  }
  const std::size_t buckets = std::max<std::size_t>(1, most / (2 * (columns - 1)));
  std::set<std::size_t> kept{0, before - 1};
  for (std::size_t b = 0; b < buckets; ++b) {
    const std::size_t begin = b * before / buckets;
    const std::size_t end = (b + 1) * before / buckets;
    for (std::size_t c = 1; c < columns; ++c) {
      std::size_t low = begin;
      std::size_t high = begin;
      for (std::size_t i = begin; i < end; ++i) {
        const double value = data.rows[i][c].is_number() ? data.rows[i][c].get<double>() : 0;
        low = value < data.rows[low][c].get<double>() ? i : low;
        high = value > data.rows[high][c].get<double>() ? i : high;
      }
      kept.insert({low, high});
    }
  }
  Json rows = Json::array();
  for (const std::size_t i : kept) {
    rows.push_back(std::move(data.rows[i]));
  }
  data.rows = std::move(rows);
  return before;
}

void add_timeline(const SummaryView& view, const std::vector<Interval>& intervals, Page& page) {
  const TimeScale scale = time_scale(view.number("/duration_s").value_or(0));
  page.section("time", "Over time", "What happens over time?",
               "Means of intervals, all replicas together. Ctrl and wheel, or two fingers, zoom.");
  add_queue(intervals, scale, page);
  add_gpu(view, intervals, scale, page);
  add_kv(view, intervals, scale, page);
}

}  // namespace penstock::report
