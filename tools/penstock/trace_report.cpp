#include "tools/penstock/trace_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "sim/kv/prefix_memory.h"
#include "tools/output/json_text.h"
#include "tools/output/text.h"

namespace penstock::cli {
namespace {

using Json = nlohmann::ordered_json;
using output::figure;
using output::percent;

std::string count_of(std::uint64_t number, std::string_view one) {
  return fmt::format("{} {}{}", output::group_digits(static_cast<std::int64_t>(number)), one,
                     number == 1 ? "" : "s");
}

std::string figure_or_dash(const std::optional<double>& value) {
  return value ? figure(*value) : "–";
}

/// Bars of eight heights, one for each count; empty ones are blank.
std::string bars(std::span<const std::uint64_t> counts) {
  constexpr std::array heights{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const std::uint64_t most = *std::max_element(counts.begin(), counts.end());
  std::string text;
  for (const std::uint64_t count : counts) {
    text += count == 0 ? " " : heights[(count * heights.size() - 1) / most];
  }
  return text;
}

std::string line(std::string_view name, const std::string& text) {
  return fmt::format(" {:<16} {}\n", name, text);
}

std::string arrival_lines(const ArrivalFigures& all) {
  std::string text = line("rate", fmt::format("{} req/s · peak {} in a second, {} over a minute",
                                              figure_or_dash(all.rate), figure_or_dash(all.peak_1s),
                                              figure_or_dash(all.peak_60s)));
  text += line("gaps", fmt::format("CV {} ({} within 5 min) · Fano {} in 1 s, {} in 10 s, {} in "
                                   "60 s (1 = Poisson)",
                                   figure_or_dash(all.gap_cv), figure_or_dash(all.gap_cv_300s),
                                   figure_or_dash(all.fano[0]), figure_or_dash(all.fano[1]),
                                   figure_or_dash(all.fano[2])));
  return text;
}

std::string length_row(std::string_view name, const LengthFigures& all) {
  std::string text = fmt::format(" {:<16}", name);
  const auto add = [&text](const std::string& value) { text += output::pad_left(value, 10); };
  add(output::group_digits(all.total));
  for (const double value :
       {all.mean, all.p5, all.p25, all.p50, all.p75, all.p90, all.p95, all.p99}) {
    add(figure(value));
  }
  add(output::group_digits(all.max));
  return text + "\n";
}

std::string length_rows(const TraceInfo& info) {
  std::string text = fmt::format(" {:<16}", "tokens");
  for (const char* name :
       {"total", "mean", "p5", "p25", "p50", "p75", "p90", "p95", "p99", "max"}) {
    text += output::pad_left(name, 10);
  }
  return text + "\n" + length_row("input", info.input) + length_row("output", info.output);
}

std::string length_bars(const LengthFigures& all) {
  const auto first = std::find_if(all.by_power_of_two.begin(), all.by_power_of_two.end(),
                                  [](std::uint64_t count) { return count > 0; });
  const auto skipped = first - all.by_power_of_two.begin();
  return fmt::format("{} {} {} tokens, each bar twice as long", std::int64_t{1} << skipped,
                     bars({first, all.by_power_of_two.end()}),
                     output::group_digits((std::int64_t{1} << all.by_power_of_two.size()) - 1));
}

std::string ratio_lines(const TraceInfo& info) {
  std::string text = line(
      "input : output",
      fmt::format("{} in total · {} median · below 1 in {}, 3 to 10 in {}, above 10 in {} of "
                  "requests",
                  figure(info.ratio_total), figure(info.ratio_p50), percent(info.share_below_1),
                  percent(info.share_3_to_10), percent(info.share_above_10)));
  if (info.rank_correlation && info.linear_correlation) {
    text += line("correlation", fmt::format("of ranks {:+.2f}, linear {:+.2f} (input and output)",
                                            *info.rank_correlation, *info.linear_correlation));
  }
  return text;
}

std::string cache_lines(const TraceInfo& info) {
  std::string text;
  for (const PrefixCacheFigures& cache : info.prefix_cache) {
    const bool is_unlimited = cache.blocks == PrefixMemory::unlimited;
    text += line(text.empty() ? "prefix cache" : "",
                 fmt::format("{}: {:.1f} % of blocks, {:.1f} % of tokens",
                             is_unlimited ? "unlimited" : count_of(cache.blocks, "block"),
                             100 * cache.block_hit_ratio, 100 * cache.token_hit_ratio));
  }
  return text;
}

Json number(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

Json lengths_json(const LengthFigures& all) {
  return {{"total", all.total},
          {"mean", all.mean},
          {"p5", all.p5},
          {"p25", all.p25},
          {"p50", all.p50},
          {"p75", all.p75},
          {"p90", all.p90},
          {"p95", all.p95},
          {"p99", all.p99},
          {"max", all.max},
          {"by_power_of_two", all.by_power_of_two}};
}

Json arrivals_json(const TraceInfo& info, Json& reasons) {
  const ArrivalFigures all = info.arrivals.value_or(ArrivalFigures{});
  if (!info.arrivals) {
    for (const char* path : {"span_s", "rate", "interarrival_cv", "fano"}) {
      reasons[path] = "the trace has no times";
    }
    return {};
  }
  Json json;
  json["span_s"] = all.span_s;
  json["rate"] = {{"mean", number(all.rate)},
                  {"peak_1s", number(all.peak_1s)},
                  {"peak_60s", number(all.peak_60s)}};
  json["interarrival_cv"] = number(all.gap_cv);
  json["interarrival_cv_300s"] = number(all.gap_cv_300s);
  json["fano"] = {
      {"1s", number(all.fano[0])}, {"10s", number(all.fano[1])}, {"60s", number(all.fano[2])}};
  json["over_time"] = all.over_time;
  if (!all.fano[2]) {
    reasons["fano"] = "windows of which the trace has no whole one are null";
    reasons["rate"] = reasons["fano"];
  }
  return json;
}

Json cache_json(const TraceInfo& info) {
  Json list = Json::array();
  for (const PrefixCacheFigures& cache : info.prefix_cache) {
    const bool is_unlimited = cache.blocks == PrefixMemory::unlimited;
    list.push_back({{"blocks", is_unlimited ? Json("inf") : Json(cache.blocks)},
                    {"block_hit_ratio", cache.block_hit_ratio},
                    {"token_hit_ratio", cache.token_hit_ratio}});
  }
  return list;
}

}  // namespace

std::string trace_table(const std::string& file, const TraceInfo& info) {
  std::string text = fmt::format(
      "{} · {} · {} · {}\n", output::printable(std::filesystem::path(file).filename().string()),
      info.scan.format->name, count_of(info.scan.rows, "request"),
      info.arrivals ? output::span_text(info.arrivals->span_s) : "no times");
  text += info.arrivals ? arrival_lines(*info.arrivals) : "";
  text += length_rows(info) + ratio_lines(info);
  if (info.sessions > 0) {
    text += line(
        "sessions",
        fmt::format(
            "{}, {} turns each{}", output::group_digits(static_cast<std::int64_t>(info.sessions)),
            figure(static_cast<double>(info.scan.rows) / static_cast<double>(info.sessions)),
            info.scan.has_delays ? ", with pauses after answers" : ""));
  }
  text += cache_lines(info);
  if (info.arrivals) {
    text += line("over time", bars(info.arrivals->over_time));
  }
  text += line("input", length_bars(info.input)) + line("output", length_bars(info.output));
  if (info.over_context > 0) {
    text += line("too long", count_of(info.over_context, "request") + " for --max-model-len");
  }
  for (std::size_t i = 0; i < info.notes.size(); ++i) {
    text += line(i == 0 ? "rows" : "", output::printable(info.notes[i]));
  }
  return text;
}

std::string trace_json(const std::string& file, const TraceInfo& info) {
  Json json;
  Json reasons = Json::object();
  json["schema_version"] = 1;
  json["file"] = file;
  json["format"] = info.scan.format->name;
  json["requests"] = info.scan.rows;
  const Json arrivals = arrivals_json(info, reasons);
  for (const char* key : {"span_s", "rate"}) {
    json[key] = arrivals.contains(key) ? arrivals[key] : Json();
  }
  json["input"] = lengths_json(info.input);
  json["output"] = lengths_json(info.output);
  json["ratio"] = {{"total", info.ratio_total},
                   {"p50", info.ratio_p50},
                   {"share_below_1", info.share_below_1},
                   {"share_3_to_10", info.share_3_to_10},
                   {"share_above_10", info.share_above_10}};
  json["rank_correlation"] = number(info.rank_correlation);
  json["linear_correlation"] = number(info.linear_correlation);
  for (const char* key : {"interarrival_cv", "interarrival_cv_300s", "fano", "over_time"}) {
    json[key] = arrivals.contains(key) ? arrivals[key] : Json();
  }
  json["sessions"] = info.sessions > 0 ? Json(info.sessions) : Json();
  if (info.sessions == 0) {
    reasons["sessions"] = "the trace names no sessions";
  }
  json["prefix_cache"] = cache_json(info);
  if (!info.scan.has_blocks) {
    reasons["prefix_cache"] = "the trace names no blocks (hash_ids)";
  }
  json["rows"] = {{"without_tokens", info.scan.empty_rows},
                  {"unreadable", info.scan.bad_rows},
                  {"out_of_order", info.scan.late_rows},
                  {"duplicates", info.scan.duplicate_rows},
                  {"over_max_model_len", info.over_context}};
  json["reasons"] = reasons;
  return output::to_text(json);
}

}  // namespace penstock::cli
