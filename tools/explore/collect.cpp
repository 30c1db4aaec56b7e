#include "tools/explore/collect.h"

#include <nlohmann/json.hpp>
#include <set>

#include "tools/explore/average.h"
#include "tools/explore/pareto.h"

namespace penstock::explore {
namespace {

using output::at;
using output::SweepFigure;
using output::SweepOutput;
using output::SweepPoint;
using Json = nlohmann::ordered_json;

void take_metrics(std::string summary, SweepPoint& point) {
  point.metrics = std::move(summary);
  point.figures = output::sweep_figures(point.metrics);
  point.meets_slo = output::sweep_meets_slo(point.metrics);
}

/// The point of all its runs, the first of which is `first`.
SweepPoint point_of_runs(const SweepSpec& spec, const Records& records, std::size_t first) {
  std::vector<std::string> summaries;
  for (std::size_t run = 0; run < spec.runs; ++run) {
    const Record& record = *records[first + run];
    if (record.status != PointStatus::ok) {
      return point_of(spec, record);
    }
    summaries.push_back(record.summary);
  }
  if (spec.runs == 1) {
    return point_of(spec, *records[first]);
  }
  SweepPoint point;
  point.values = spec.design.points[first / spec.runs];
  point.status = to_string(PointStatus::ok);
  Average average = average_of(summaries);
  take_metrics(std::move(average.summary), point);
  point.ci95 = std::move(average.ci95);
  point.half_widths = output::sweep_figures(point.ci95);
  return point;
}

void mark_front(SweepOutput& sweep) {
  std::vector<std::optional<Tradeoff>> tradeoffs;
  for (const SweepPoint& point : sweep.points) {
    const auto cost = at(point.figures, SweepFigure::blended_cost);
    const auto latency = at(point.figures, SweepFigure::e2e_p50_ms);
    tradeoffs.push_back(cost && latency ? std::optional(Tradeoff{*cost, *latency}) : std::nullopt);
  }
  for (const std::size_t i : pareto_front(tradeoffs)) {
    sweep.points[i].on_front = true;
  }
}

void find_cheapest(SweepOutput& sweep) {
  for (std::size_t i = 0; i < sweep.points.size(); ++i) {
    const SweepPoint& point = sweep.points[i];
    const bool counts = at(point.figures, SweepFigure::blended_cost) && point.meets_slo != false;
    if (counts && (!sweep.cheapest || is_cheaper(point, sweep.points[*sweep.cheapest]))) {
      sweep.cheapest = i;
    }
  }
}

/// Why metrics are null, of all points: the first that says so.
void take_reasons(SweepOutput& sweep) {
  std::set<std::string> known;
  for (const SweepPoint& point : sweep.points) {
    if (point.metrics.empty()) {
      continue;
    }
    const Json reasons = Json::parse(point.metrics).value("reasons", Json::object());
    for (const auto& item : reasons.items()) {
      if (item.value().is_string() && known.insert(item.key()).second) {
        sweep.reasons.emplace_back(item.key(), item.value().get<std::string>());
      }
    }
  }
}

std::string currency_of(const SweepOutput& sweep) {
  const Json::json_pointer pointer("/cost/currency");
  for (const SweepPoint& point : sweep.points) {
    const Json metrics = point.metrics.empty() ? Json() : Json::parse(point.metrics);
    if (metrics.is_object() && metrics.contains(pointer) && metrics.at(pointer).is_string()) {
      return metrics.at(pointer).get<std::string>();
    }
  }
  return "USD";
}

}  // namespace

SweepPoint point_of(const SweepSpec& spec, const Record& record) {
  SweepPoint point;
  point.values = spec.design.points[record.point];
  point.status = to_string(record.status);
  point.reason = record.reason;
  if (!record.summary.empty()) {
    take_metrics(record.summary, point);
  }
  return point;
}

bool is_cheaper(const SweepPoint& a, const SweepPoint& b) {
  const bool a_meets = a.meets_slo != false;
  const bool b_meets = b.meets_slo != false;
  const auto a_cost = at(a.figures, SweepFigure::blended_cost);
  const auto b_cost = at(b.figures, SweepFigure::blended_cost);
  if (!a_cost || !b_cost) {
    return a_cost.has_value() && !b_cost;
  }
  return a_meets != b_meets ? a_meets : *a_cost < *b_cost;
}

SweepOutput collect(const SweepSpec& spec, const Records& records) {
  SweepOutput sweep;
  sweep.workload = spec.name.substr(spec.name.find_last_of('/') + 1);
  sweep.paths = spec.design.paths;
  sweep.sets = spec.load.sets;
  sweep.runs = spec.runs;
  sweep.total = spec.design.points.size();
  for (std::size_t first = 0; first < records.size(); first += spec.runs) {
    bool is_done = true;
    for (std::size_t run = 0; run < spec.runs; ++run) {
      is_done = is_done && records[first + run].has_value();
    }
    if (is_done) {
      sweep.points.push_back(point_of_runs(spec, records, first));
    }
  }
  sweep.currency = currency_of(sweep);
  mark_front(sweep);
  find_cheapest(sweep);
  take_reasons(sweep);
  return sweep;
}

}  // namespace penstock::explore
