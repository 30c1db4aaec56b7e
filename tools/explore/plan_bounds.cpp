#include "tools/explore/plan_bounds.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <unordered_map>

#include "sim/engine/scheduler.h"
#include "sim/metrics/summary.h"
#include "sim/step/step_model.h"

namespace penstock::explore {
namespace {

/// Rounding of sums, and of the step model's tables, must not rule anything out.
constexpr double slack = 1 - 1e-6;

double ms(SimTime time) { return time.milliseconds(); }

/// What one request takes with a replica to itself, ps; infinite if it is refused.
struct Alone {
  double ttft = 0;
  double tpot = 0;
  double e2e = 0;
  bool is_refused = false;
};

/// Prompt tokens that are computed at least.
std::int64_t computed(const EngineSpec& engine, const Traffic::Request& request) {
  return engine.enable_prefix_caching ? request.least : request.input;
}

/// Most tokens of a step; 0 if there is no limit worth the name.
std::int64_t largest_step(const EngineSpec& engine) {
  const std::int64_t budget = engine.max_num_batched_tokens;
  if (engine.scheduler == "sarathi") {  // decodes are not counted
    return budget + engine.max_num_seqs;
  }
  if (engine.scheduler == "sglang") {  // a prompt alone may be longer
    const std::int64_t prompts =
        engine.enable_chunked_prefill
            ? budget
            : std::max(engine.sglang.max_prefill_tokens, engine.max_model_len);
    return prompts + engine.max_num_seqs;
  }
  return engine.holds_slots() ? 0 : budget;
}

class AloneTimes {
 public:
  explicit AloneTimes(const Scenario& replica)
      : engine_(replica.engine),
        stages_(replica.cluster.pipeline_parallel),
        model_(make_step_model(replica)) {}

  Alone of(const Traffic::Request& request) {
    Alone alone;
    const std::int64_t output = std::min(request.output, engine_.max_model_len - request.input);
    alone.is_refused =
        output < 1 || find_scheduler(engine_.scheduler)->refuse(engine_, request.input, output) !=
                          RejectReason::none;
    if (alone.is_refused) {
      return alone;
    }
    const auto decodes = static_cast<double>(output - 1);
    alone.ttft = static_cast<double>(prefill(computed(engine_, request))) / stages_;
    const DecodeCost& decode = model_->decode(1);
    // From prompt + 1 to prompt + output - 1 tokens of KV.
    const double kv = static_cast<double>(request.input) + 0.5 * static_cast<double>(output);
    const double step =
        static_cast<double>(decode.fixed.total) + static_cast<double>(decode.per_kv) * kv;
    alone.tpot = output > 1 ? std::max(step, static_cast<double>(decode.cpu)) : 0;
    alone.e2e = alone.ttft + decodes * alone.tpot;
    return alone;
  }

 private:
  std::int64_t prefill(std::int64_t prompt) {
    const auto [known, is_new] = prefill_.try_emplace(prompt, 0);
    std::int64_t piece = engine_.enable_chunked_prefill ? engine_.max_num_batched_tokens : prompt;
    if (engine_.long_prefill_token_threshold > 0) {
      piece = std::min(piece, engine_.long_prefill_token_threshold);
    }
    for (std::int64_t at = 0; is_new && at < prompt; at += piece) {
      const std::array chunk{Chunk{.q = std::min(piece, prompt - at), .context = at}};
      const bool completes = at + piece >= prompt;
      known->second += model_->cost({.chunks = chunk, .sampled = completes ? 1 : 0}).total;
    }
    return known->second;
  }

  const EngineSpec& engine_;
  int stages_;
  std::unique_ptr<StepModel> model_;
  std::unordered_map<std::int64_t, std::int64_t> prefill_;
};

/// The sum without the `dropped` largest.
double sum_of_cheapest(std::vector<double>& work, std::uint64_t dropped) {
  const auto kept = static_cast<std::ptrdiff_t>(work.size() - std::min(dropped, work.size()));
  std::nth_element(work.begin(), work.begin() + kept, work.end());
  double sum = 0;
  for (auto it = work.begin(); it != work.begin() + kept; ++it) {
    sum += *it;
  }
  return sum;
}

SimTime plus(SimTime time, SimTime span) {
  return span == SimTime::never() || span > SimTime::max() ? SimTime::never() : time + span;
}

}  // namespace

PlanBounds::PlanBounds(const Scenario& replica, const Traffic& traffic)
    : stages_(replica.cluster.pipeline_parallel),
      work_(traffic.by_class.size()),
      unreachable_(traffic.by_class.size()) {
  const ClusterSpec& cluster = replica.cluster;
  const bool has_ranks = cluster.data_parallel > 1;           // their steps depend on each other
  if (!traffic.is_open || replica.engine.speculative.on() ||  // a step may emit many tokens
      has_ranks || largest_step(replica.engine) == 0) {
    return;
  }
  for (const std::int64_t seconds : {0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 1024}) {
    horizons_.push_back(plus(traffic.last_arrival, SimTime{seconds * 1'000'000'000'000}));
  }
  const StepFloor floor = measure_steps(replica);
  for (std::size_t c = 0; c < traffic.by_class.size(); ++c) {
    if (slo_of(replica, c).any() && !traffic.by_class[c].empty()) {
      add_class(c, replica, traffic, floor);
      find_unreachable(c, replica, traffic);
    }
  }
}

PlanBounds::StepFloor PlanBounds::measure_steps(const Scenario& replica) {
  const auto model = make_step_model(replica);
  const std::int64_t budget = largest_step(replica.engine);
  const std::int64_t sequences = std::min(replica.engine.max_num_seqs, budget);
  // By tokens: what depends on their number alone, and the least overhead of any step.
  std::vector<double> time(static_cast<std::size_t>(budget) + 1);
  std::int64_t overhead = model->decode(1).fixed.part(Part::overhead);
  for (std::int64_t n = 1; n <= budget; ++n) {
    const std::array chunk{Chunk{.q = n, .context = 0}};
    const StepCost cost = model->cost({.chunks = chunk});
    overhead = std::min(overhead, cost.part(Part::overhead));
    time[static_cast<std::size_t>(n)] = static_cast<double>(
        cost.part(Part::weights) + cost.part(Part::compute) + cost.part(Part::communication));
  }
  for (std::int64_t n = 2; n <= sequences; ++n) {
    overhead = std::min(overhead, model->decode(n).fixed.part(Part::overhead));
  }
  StepFloor floor;
  floor.max_model_len = replica.engine.max_model_len;
  floor.per_kv = static_cast<double>(std::max<std::int64_t>(0, model->decode(1).per_kv - 1));
  floor.per_token = floor.per_decode = INFINITY;
  double at_least = INFINITY;  // a step of n tokens or more
  for (std::int64_t n = budget; n >= 1; --n) {
    const double step = time[static_cast<std::size_t>(n)] + static_cast<double>(overhead);
    at_least = std::min(at_least, step);
    floor.per_token = std::min(floor.per_token, step / static_cast<double>(n));
    if (n <= sequences) {
      floor.per_decode = std::min(floor.per_decode, at_least / static_cast<double>(n));
    }
  }
  return floor;
}

void PlanBounds::add_class(std::size_t class_index, const Scenario& replica, const Traffic& traffic,
                           const StepFloor& floor) {
  const std::vector<Traffic::Request>& requests = traffic.by_class[class_index];
  const Slo& slo = slo_of(replica, class_index);
  const std::uint64_t misses = allowed_misses(requests.size(), slo.attainment);
  std::vector<double> by_tokens(requests.size());
  std::vector<double> by_decodes(requests.size());
  Work& work = work_[class_index];
  for (const SimTime horizon : horizons_) {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const Traffic::Request& r = requests[i];
      const std::int64_t output = std::clamp(
          r.output, std::int64_t{1}, std::max<std::int64_t>(1, floor.max_model_len - r.input));
      const SimTime prefilled = plus(r.arrival, std::min(slo.ttft, slo.e2e));
      SimTime end = plus(r.arrival, slo.e2e);
      if (slo.ttft != Slo::none && slo.tpot != Slo::none) {
        end = std::min(end, plus(plus(r.arrival, slo.ttft), slo.tpot * (output - 1)));
      }
      const double decodes = end <= horizon ? static_cast<double>(output - 1) : 0;
      const auto prompt = static_cast<double>(computed(replica.engine, r));
      const double tokens = (prefilled <= horizon ? prompt : 0) + decodes;
      const double kv = decodes * (static_cast<double>(r.input) + (decodes + 1) / 2);
      by_tokens[i] = tokens * floor.per_token + kv * floor.per_kv;
      by_decodes[i] = decodes * floor.per_decode + kv * floor.per_kv;
    }
    work.by_tokens.push_back(sum_of_cheapest(by_tokens, misses));
    work.by_decodes.push_back(sum_of_cheapest(by_decodes, misses));
  }
  first_arrival_ = std::min(first_arrival_, requests.front().arrival);
}

void PlanBounds::find_unreachable(std::size_t class_index, const Scenario& replica,
                                  const Traffic& traffic) {
  const std::vector<Traffic::Request>& requests = traffic.by_class[class_index];
  const Slo& slo = slo_of(replica, class_index);
  const std::uint64_t misses = allowed_misses(requests.size(), slo.attainment);
  struct Metric {
    const char* name;
    double limit_ms;
    std::function<double(const Alone&)> value;
  };
  const std::array metrics{
      Metric{"prompt", 0, [](const Alone& a) { return a.is_refused ? 1e9 : 0.0; }},
      Metric{"ttft", ms(slo.ttft), [](const Alone& a) { return a.ttft; }},
      Metric{"tpot", ms(slo.tpot), [](const Alone& a) { return a.tpot; }},
      Metric{"e2e", ms(slo.e2e), [](const Alone& a) { return a.e2e; }}};
  AloneTimes times(replica);
  std::vector<Alone> alone;
  for (const Traffic::Request& request : requests) {
    alone.push_back(times.of(request));
  }
  for (const Metric& metric : metrics) {
    // The request that would have to meet the limit, were all slower ones to miss it.
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t i = 0; i < alone.size(); ++i) {
      order.emplace_back(metric.value(alone[i]) / 1e9, i);
    }
    std::sort(order.begin(), order.end());
    if (misses >= order.size()) {
      continue;
    }
    const auto& [bound, index] = order[order.size() - 1 - misses];
    if (bound * slack <= metric.limit_ms) {
      continue;
    }
    const auto over = static_cast<double>(std::count_if(
        order.begin(), order.end(), [&](const auto& o) { return o.first > metric.limit_ms; }));
    unreachable_[class_index] = Unreachable{.class_index = class_index,
                                            .metric = metric.name,
                                            .limit_ms = metric.limit_ms,
                                            .bound_ms = bound,
                                            .input_tokens = requests[index].input,
                                            .output_tokens = requests[index].output,
                                            .share = over / static_cast<double>(order.size())};
    return;
  }
}

int PlanBounds::least_replicas(ClassMask classes) const {
  double most = 1;
  for (std::size_t h = 0; h < horizons_.size(); ++h) {
    if (horizons_[h] <= first_arrival_ || horizons_[h] == SimTime::never()) {
      continue;
    }
    double by_tokens = 0;
    double by_decodes = 0;
    for (std::size_t c = 0; c < work_.size(); ++c) {
      if ((classes >> c & 1U) != 0 && !work_[c].by_tokens.empty()) {
        by_tokens += work_[c].by_tokens[h];
        by_decodes += work_[c].by_decodes[h];
      }
    }
    const double span = static_cast<double>((horizons_[h] - first_arrival_).ps) * stages_;
    most = std::max(most, std::max(by_tokens, by_decodes) * slack / span);
  }
  return static_cast<int>(std::ceil(std::min(most, 1e9)));
}

std::optional<Unreachable> PlanBounds::unreachable(ClassMask classes) const {
  for (std::size_t c = 0; c < unreachable_.size(); ++c) {
    if ((classes >> c & 1U) != 0 && unreachable_[c]) {
      return unreachable_[c];
    }
  }
  return std::nullopt;
}

}  // namespace penstock::explore
