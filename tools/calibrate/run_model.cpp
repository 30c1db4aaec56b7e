#include "tools/calibrate/run_model.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "sim/core/math.h"
#include "sim/metrics/summary.h"
#include "sim/simulation.h"
#include "tools/output/vllm.h"
#include "workloads/source.h"

namespace penstock::calibrate {
namespace {

/// The measured requests: at their times, or each as one of `clients` is free.
class MeasuredRequests final : public RequestSource {
 public:
  explicit MeasuredRequests(const Measurement& measured)
      : requests_(measured.requests),
        free_(measured.arrivals == Measurement::Arrivals::closed_loop
                  ? std::optional(std::vector<SimTime>(
                        static_cast<std::size_t>(measured.concurrency), SimTime{}))
                  : std::nullopt) {}

  SimTime next_arrival() override {
    if (at_ == requests_.size()) {
      return SimTime::never();
    }
    if (!free_) {
      return requests_[at_].request.arrival;
    }
    return free_->empty() ? SimTime::never() : free_->front();
  }
  Request pop() override {
    Request request = requests_[at_++].request;
    if (free_) {
      request.arrival = free_->front();
      free_->erase(free_->begin());
    }
    return request;
  }
  void on_departure(const Departure& departure) override {
    if (free_) {
      free_->push_back(departure.at);
    }
  }
  std::uint64_t expected_requests() const override { return requests_.size(); }

 private:
  const std::vector<ServedRequest>& requests_;
  std::optional<std::vector<SimTime>> free_;  ///< since when clients wait, ascending
  std::size_t at_ = 0;
};

/// How much further off than time per token a figure may be: times to first token hang on queues,
/// tails on few requests.
double weight_of(const std::string& name) {
  const bool is_first = name.starts_with("ttft") || name.starts_with("queue");
  const bool is_tail = !name.ends_with(".mean") && !name.ends_with("_per_s");
  return (is_first ? 2.0 : 1.0) * (is_tail ? 2.0 : 1.0);
}

double statistic(const Result& result, const Summary& summary, const std::string& name) {
  static constexpr std::pair<const char*, LatencyStats Summary::*> latencies[] = {
      {"ttft_ms", &Summary::ttft},
      {"tpot_ms", &Summary::tpot},
      {"itl_ms", &Summary::itl},
      {"e2e_ms", &Summary::e2e},
      {"queue_ms", &Summary::queue}};
  for (const auto& [metric, member] : latencies) {
    if (name.starts_with(metric)) {
      const LatencyStats& stats = summary.*member;
      return name.ends_with(".mean")  ? stats.mean
             : name.ends_with(".p50") ? stats.p50
             : name.ends_with(".p90") ? stats.p90
                                      : stats.p99;
    }
  }
  return output::vllm_output_throughput(result);  // only benchmarks state it
}

/// Simulated times of the requests, in ms, by the name of a statistic; nothing of single gaps.
std::vector<double> times_of(const Result& result, const std::string& name) {
  std::vector<double> out;
  for (const RequestRecord& record : result.requests) {
    if (record.status != RequestStatus::completed) {
      continue;
    }
    const auto since = [](SimTime from, SimTime to) { return (to - from).seconds() * 1e3; };
    const double gaps = static_cast<double>(record.output_tokens - 1);
    if (name.starts_with("ttft_ms")) {
      out.push_back(since(record.arrival, record.first_token));
    } else if (name.starts_with("e2e_ms")) {
      out.push_back(since(record.arrival, record.finish));
    } else if (name.starts_with("tpot_ms") && gaps > 0) {
      out.push_back(since(record.first_token, record.finish) / gaps);
    }
  }
  return out;
}

/// A quantile as the measured one was read: off the same buckets.
std::optional<double> bucketed(const Result& result, const Statistic& was) {
  const std::vector<double> times =
      was.buckets.empty() ? std::vector<double>() : times_of(result, was.name);
  if (times.empty()) {
    return std::nullopt;
  }
  std::vector<double> up_to;
  for (const double end : was.buckets) {
    up_to.push_back(static_cast<double>(
        std::count_if(times.begin(), times.end(), [end](double time) { return time <= end; })));
  }
  return histogram_quantile(was.buckets, up_to, static_cast<double>(times.size()),
                            was.name.ends_with(".p50") ? 0.5 : 0.9);
}

/// A time of a request, as measured and as simulated; below 0 where there is none.
struct Pair {
  double measured = -1;
  double simulated = -1;

  bool is_whole() const { return measured > 0 && simulated > 0; }
};

Figure mean_of(std::string name, const std::vector<Pair>& pairs, double weight) {
  Figure out{std::move(name), 0, 0, weight};
  double count = 0;
  for (const Pair& pair : pairs) {
    out.measured += pair.is_whole() ? pair.measured : 0;
    out.simulated += pair.is_whole() ? pair.simulated : 0;
    count += pair.is_whole() ? 1 : 0;
  }
  out.measured = count > 0 ? out.measured / count : 0;
  out.simulated = count > 0 ? out.simulated / count : 0;
  return out;
}

/// The means of equal groups of requests, which rise in `key`: means are smooth in the parameters
/// where single requests jump from step to step.
void add_group_means(const std::string& name, const std::vector<Pair>& pairs,
                     const std::vector<double>& key, double weight, std::vector<Figure>& out) {
  constexpr std::size_t most = 12;
  constexpr std::size_t fewest_of_group = 8;
  std::vector<std::size_t> order(pairs.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&key](std::size_t a, std::size_t b) { return key[a] < key[b]; });
  const std::size_t groups = std::clamp<std::size_t>(order.size() / fewest_of_group, 1, most);
  for (std::size_t g = 0; g < groups; ++g) {
    std::vector<Pair> group;
    for (std::size_t i = g * order.size() / groups; i < (g + 1) * order.size() / groups; ++i) {
      group.push_back(pairs[order[i]]);
    }
    out.push_back(mean_of(name, group, weight));
  }
}

/// Requests in the system as each arrives, by the measured times.
std::vector<double> companies(const std::vector<ServedRequest>& requests) {
  std::vector<std::int64_t> ends;
  for (const ServedRequest& one : requests) {
    ends.push_back(one.request.arrival.ps +
                   std::llround(1e9 * std::max({one.e2e_ms, one.ttft_ms, 0.0})));
  }
  std::sort(ends.begin(), ends.end());
  std::vector<double> out;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto gone =
        std::upper_bound(ends.begin(), ends.end(), requests[i].request.arrival.ps) - ends.begin();
    out.push_back(static_cast<double>(i) - static_cast<double>(gone));
  }
  return out;
}

/// Mean, median and 90th percentile.
void add_shown(const std::string& name, const std::vector<Pair>& pairs, std::vector<Figure>& out) {
  std::vector<std::int64_t> measured;
  std::vector<std::int64_t> simulated;
  for (const Pair& pair : pairs) {
    if (pair.is_whole()) {
      measured.push_back(std::llround(pair.measured * 1e9));
      simulated.push_back(std::llround(pair.simulated * 1e9));
    }
  }
  if (measured.empty()) {
    return;
  }
  const LatencyStats was = latency_stats(measured, 0);
  const LatencyStats is = latency_stats(simulated, 0);
  out.push_back({name + ".mean", was.mean, is.mean});
  out.push_back({name + ".p50", was.p50, is.p50});
  out.push_back({name + ".p90", was.p90, is.p90});
}

}  // namespace

double Figure::error() const {
  constexpr double most = 3;
  if (!(measured > 0)) {
    return 0;
  }
  return simulated > 0 ? std::clamp(math::log(simulated / measured), -most, most) : most;
}

RunModel::RunModel(const Scenario& scenario, const Measurement& measurement)
    : measurement_(measurement), workload_(scenario.workload) {
  if (!measurement.requests.empty()) {
    workload_ = {};
    workload_.classes.emplace_back();
    companies_ = companies(measurement.requests);
    for (const ServedRequest& one : measurement.requests) {
      lengths_.push_back(static_cast<double>(one.request.input_tokens));
    }
  }
}

RunModel::Figures RunModel::play(const Scenario& scenario) const {
  return measurement_.requests.empty() ? play_workload(scenario) : play_requests(scenario);
}

RunModel::Figures RunModel::play_requests(const Scenario& scenario) const {
  Scenario played = scenario;
  played.workload = workload_;
  MeasuredRequests source(measurement_);
  SimulationOptions without_bill;
  without_bill.attribution = false;
  const Result result = simulate(played, source, without_bill);
  const std::size_t count = measurement_.requests.size();
  std::vector<Pair> ttft(count);
  std::vector<Pair> tpot(count);
  std::vector<Pair> e2e(count);
  Figures out;
  for (std::size_t i = 0; i < count; ++i) {
    const ServedRequest& was = measurement_.requests[i];
    const RequestRecord& record = result.requests[i];
    if (record.status != RequestStatus::completed) {
      ++out.unserved;
      continue;
    }
    ServedRequest is;
    is.request.output_tokens = record.output_tokens;
    is.ttft_ms = (record.first_token - record.arrival).seconds() * 1e3;
    is.e2e_ms = (record.finish - record.arrival).seconds() * 1e3;
    ttft[i] = {was.ttft_ms, is.ttft_ms};
    tpot[i] = {was.tpot_ms(), is.tpot_ms()};
    e2e[i] = {was.e2e_ms, is.e2e_ms};
  }
  const bool has_tpot = std::any_of(tpot.begin(), tpot.end(), [](Pair p) { return p.is_whole(); });
  const std::string slower = has_tpot ? "tpot_ms.mean" : "e2e_ms.mean";
  for (const std::vector<double>* key : {&lengths_, &companies_}) {
    add_group_means("ttft_ms.mean", ttft, *key, weight_of("ttft_ms.mean"), out.fitted);
    add_group_means(slower, has_tpot ? tpot : e2e, *key, weight_of(slower), out.fitted);
  }
  add_shown("ttft_ms", ttft, out.shown);
  add_shown("tpot_ms", tpot, out.shown);
  add_shown("e2e_ms", e2e, out.shown);
  return out;
}

RunModel::Figures RunModel::play_workload(const Scenario& scenario) const {
  OpenedSource opened = open_source(workload_, scenario.seed);
  if (!opened.source) {
    throw std::runtime_error("the workload was opened before, and cannot be now");
  }
  const Result result = simulate(scenario, *opened.source);
  const Summary summary = summarize(scenario, result);
  Figures out;
  for (const Statistic& was : measurement_.statistics) {
    const double is = bucketed(result, was).value_or(statistic(result, summary, was.name));
    out.fitted.push_back({was.name, was.value, is, weight_of(was.name)});
  }
  out.shown = out.fitted;
  return out;
}

}  // namespace penstock::calibrate
