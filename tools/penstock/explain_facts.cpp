#include "tools/penstock/explain_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "sim/kv/prefix_memory.h"
#include "workloads/lengths.h"
#include "workloads/source.h"

namespace penstock::cli {
namespace {

constexpr int quantiles = 32;                // of each length
constexpr std::uint64_t most_rows = 50'000;  // of a trace
constexpr std::uint64_t most_turns = 5000;   // of conversations

/// Weight of a class's requests beside those of other classes.
double weight_of(const ClassSpec& one) {
  switch (one.arrivals.process) {
    case ArrivalSpec::Process::offline:
      return one.share;
    case ArrivalSpec::Process::closed_loop:
      return static_cast<double>(one.arrivals.concurrency);
    default:
      return one.rate;
  }
}

/// What requests find of each other's prompts and answers in a cache that forgets nothing.
class Hits {
 public:
  explicit Hits(const EngineSpec& engine)
      : block_size_(engine.block_size), is_on_(engine.enable_prefix_caching) {}

  /// Prompt tokens that the request finds; those after it may find its own.
  std::int64_t take(const Request& request) {
    if (!is_on_ || request.content.empty()) {
      return 0;
    }
    std::vector<std::uint64_t> keys =
        block_keys(request.content, request.input_tokens + request.output_tokens - 1, block_size_);
    const std::int64_t found = memory_.insert(std::move(keys));
    return block_size_ * std::min(found, (request.input_tokens - 1) / block_size_);
  }

 private:
  std::int64_t block_size_;
  bool is_on_;
  PrefixMemory memory_{PrefixMemory::unlimited};
};

/// Conversations, one after the other, served at once: their turns, by the weight of the class.
void add_sessions(const Scenario& scenario, const ClassSpec& one, TrafficAccumulator& sums) {
  WorkloadSpec alone;
  alone.classes = {one};
  alone.classes[0].arrivals = {};
  alone.classes[0].arrivals.process = ArrivalSpec::Process::closed_loop;
  alone.classes[0].arrivals.concurrency = 1;
  alone.classes[0].sessions->think = {};
  alone.classes[0].sessions->tool_delay = {};
  alone.requests = most_turns;
  const OpenedSource opened = open_source(alone, scenario.seed);
  std::vector<Request> turns;
  std::uint64_t sessions = 0;
  while (opened.source && opened.source->next_arrival() != SimTime::never()) {
    turns.push_back(opened.source->pop());
    const Request& turn = turns.back();
    sessions += turns.size() < 2 || turns[turns.size() - 2].session != turn.session ? 1 : 0;
    opened.source->on_departure({.tag = turn.tag, .at = turn.arrival});
  }
  Hits hits(scenario.engine);
  for (const Request& turn : turns) {
    sums.add(weight_of(one) / static_cast<double>(sessions), turn.input_tokens, turn.output_tokens,
             hits.take(turn), TrafficAccumulator::Held::by_request);
  }
}

void add_class(const Scenario& scenario, const ClassSpec& one, TrafficAccumulator& sums) {
  if (one.sessions) {
    add_sessions(scenario, one, sums);
    return;
  }
  const auto points = [](const LengthSpec& spec) {
    std::vector<std::int64_t> lengths;
    const int count = spec.kind == LengthSpec::Kind::fixed ? 1 : quantiles;
    for (int i = 0; i < count; ++i) {
      lengths.push_back(length_at(spec, (i + 0.5) / count));
    }
    return lengths;
  };
  const std::vector<std::int64_t> inputs = points(one.input);
  const std::vector<std::int64_t> outputs = points(one.output);
  const double weight =
      weight_of(one) / static_cast<double>(inputs.size()) / static_cast<double>(outputs.size());
  const EngineSpec& engine = scenario.engine;
  for (const std::int64_t input : inputs) {
    // All but the first request of a group find its prefix; of a prompt, all of it.
    const std::int64_t shared = one.prefix.prompts > 0 ? input : one.prefix.shared;
    const std::int64_t found = std::min(shared, input - 1) / engine.block_size;
    const std::int64_t cached = engine.enable_prefix_caching ? found * engine.block_size : 0;
    for (const std::int64_t output : outputs) {
      sums.add(weight, input, output, cached);
    }
  }
}

void add_trace(const Scenario& scenario, TrafficAccumulator& sums) {
  WorkloadSpec alone = scenario.workload;
  alone.classes = {scenario.workload.classes.at(scenario.workload.trace_class)};
  alone.trace_class = 0;
  const OpenedSource opened = open_source(alone, scenario.seed);
  if (!opened.source) {
    return;
  }
  std::vector<Request> rows;
  while (rows.size() < most_rows && opened.source->next_arrival() != SimTime::never()) {
    rows.push_back(opened.source->pop());
    const Request& row = rows.back();
    opened.source->on_departure(
        {.class_index = row.class_index, .tag = row.tag, .at = row.arrival});
  }
  if (rows.empty()) {
    return;
  }
  const double span_s = rows.back().arrival.milliseconds() / 1e3;
  const double rate = static_cast<double>(rows.size()) / std::max(span_s, 1e-3);
  Hits hits(scenario.engine);
  for (const Request& row : rows) {
    sums.add(rate / static_cast<double>(rows.size()), row.input_tokens, row.output_tokens,
             hits.take(row));
  }
}

std::vector<BatchRow> batch_rows(const Scenario& scenario, StepModel& model,
                                 const TrafficMeans& means, const Saturation& full) {
  std::vector<BatchRow> rows;
  const auto most = static_cast<std::int64_t>(full.sequences);
  for (std::int64_t batch = 1; batch <= most; batch *= batch < 64 ? 4 : 2) {
    if (const auto state = saturate(scenario.engine, model, means, batch)) {
      rows.push_back({batch, *state});
    }
  }
  if (!rows.empty() && rows.back().batch < most) {
    rows.push_back({most, full});
  }
  return rows;
}

std::vector<LoadRow> load_rows(const Scenario& scenario, StepModel& model,
                               const TrafficMeans& means, const Saturation& full) {
  std::vector<LoadRow> rows;
  for (const double load : {0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0}) {
    rows.push_back(state_at_load(scenario, model, means, full, load));
  }
  return rows;
}

std::vector<ContextRow> context_rows(const Scenario& scenario, StepModel& model,
                                     const TrafficMeans& means) {
  std::vector<ContextRow> rows;
  const std::int64_t output = std::max<std::int64_t>(1, std::llround(means.output));
  for (std::int64_t input = 128; input <= 131'072; input *= 4) {
    const TrafficMeans alike = means_of(scenario.engine, input, output);
    if (alike.output < static_cast<double>(output)) {
      break;  // cut at max_model_len, or refused
    }
    if (const auto state = saturate(scenario.engine, model, alike)) {
      rows.push_back({input, *state});
    }
  }
  return rows;
}

std::vector<RatioRow> ratio_rows(const Scenario& scenario, StepModel& model,
                                 const TrafficMeans& means) {
  std::vector<RatioRow> rows;
  const double tokens = means.input + means.output;
  for (const double ratio : {1.0, 3.0, 10.0, 30.0, 100.0}) {
    RatioRow row;
    row.ratio = ratio;
    row.output = std::max<std::int64_t>(1, std::llround(tokens / (1 + ratio)));
    row.input = std::max<std::int64_t>(1, std::llround(static_cast<double>(row.output) * ratio));
    const TrafficMeans alike = means_of(scenario.engine, row.input, row.output);
    if (const auto state = saturate(scenario.engine, model, alike)) {
      row.state = *state;
      rows.push_back(row);
    }
  }
  return rows;
}

}  // namespace

TrafficMeans workload_means(const Scenario& scenario) {
  TrafficAccumulator sums(scenario.engine);
  const WorkloadSpec& workload = scenario.workload;
  for (std::size_t c = 0; c < workload.classes.size(); ++c) {
    if (workload.trace && c == workload.trace_class) {
      add_trace(scenario, sums);
    } else {
      add_class(scenario, workload.classes[c], sums);
    }
  }
  return sums.means();
}

BreakEven break_even_hit_rate(const Scenario& scenario, StepModel& model, const TrafficMeans& means,
                              const Saturation& plain) {
  BreakEven out;
  out.plain_requests_per_s = plain.requests_per_s;
  EngineSpec smaller = scenario.engine;
  smaller.num_gpu_blocks = static_cast<std::int64_t>(static_cast<double>(smaller.num_gpu_blocks) *
                                                     (1 - out.cache_share));
  const auto input = std::max<std::int64_t>(1, std::llround(means.input));
  const auto output = std::max<std::int64_t>(1, std::llround(means.output));
  const auto rate = [&](std::int64_t cached) {
    const auto state = saturate(smaller, model, means_of(smaller, input, output, cached));
    return state ? state->requests_per_s : 0;
  };
  // Both sides with requests all alike, so that only the cache differs.
  const auto alike = saturate(scenario.engine, model, means_of(scenario.engine, input, output));
  if (!alike) {
    return out;
  }
  out.plain_requests_per_s = alike->requests_per_s;
  out.cold_requests_per_s = rate(0);
  std::int64_t low = -1;  // too few
  std::int64_t high = input - 1;
  if (rate(high) < out.plain_requests_per_s) {
    return out;
  }
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (rate(middle) >= out.plain_requests_per_s ? high : low) = middle;
  }
  out.hit_rate = static_cast<double>(high) / static_cast<double>(input);
  return out;
}

LoadRow state_at_load(const Scenario& scenario, StepModel& model, const TrafficMeans& means,
                      const Saturation& full, double load) {
  const double rate = load * full.requests_per_s;
  const auto at = [&](std::int64_t batch) {
    return saturate(scenario.engine, model, means, batch).value_or(full);
  };
  std::int64_t low = 0;  // too few sequences
  auto high = std::max<std::int64_t>(1, std::llround(std::floor(full.sequences)));
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (at(middle).requests_per_s >= rate ? high : low) = middle;
  }
  LoadRow row{load, load < 1 ? at(high) : full};
  Saturation& state = row.state;
  const auto input_share = [&means](const Saturation& s) {
    const double input = s.input_ps * means.input;
    return input / (input + s.output_ps * means.output);
  };
  double share = input_share(state);
  if (low > 0) {
    const Saturation below = at(low);
    const double gap = state.requests_per_s - below.requests_per_s;
    const double t = gap > 0 ? std::min(1.0, (rate - below.requests_per_s) / gap) : 1;
    share += (1 - t) * (input_share(below) - share);
    state.sequences += (1 - t) * (below.sequences - state.sequences);
    state.step_ms += (1 - t) * (below.step_ms - state.step_ms);
  } else {
    state.sequences *= std::min(1.0, rate / state.requests_per_s);
  }
  state.requests_per_s = rate;
  state.input_tokens_per_s = rate * means.input;
  state.output_tokens_per_s = rate * means.output;
  state.input_ps = share * 1e12 / state.input_tokens_per_s;
  state.output_ps = (1 - share) * 1e12 / state.output_tokens_per_s;
  return row;
}

ExplainFacts explain_facts(const config::Loaded& loaded) {
  ExplainFacts facts;
  auto lane = std::make_shared<Scenario>(loaded.scenario);
  lane->engine = lane_engine(loaded.scenario);
  facts.scenario = lane;
  const Scenario& scenario = *facts.scenario;
  facts.memory = &loaded.memory;
  facts.means = workload_means(loaded.scenario);
  const auto model = make_step_model(scenario);
  facts.saturation = saturate(scenario.engine, *model, facts.means);
  if (!facts.saturation) {
    return facts;
  }
  const Saturation& full = *facts.saturation;
  const auto batch = std::max<std::int64_t>(1, std::llround(full.decodes));
  facts.roofline = roofline_phases(scenario, facts.means, batch);
  if (scenario.step_model.kind != StepModelSpec::Kind::constant) {
    facts.position = price_positions(scenario.engine, *model, batch);
  }
  facts.batches = batch_rows(scenario, *model, facts.means, full);
  facts.loads = load_rows(scenario, *model, facts.means, full);
  facts.contexts = context_rows(scenario, *model, facts.means);
  facts.ratios = ratio_rows(scenario, *model, facts.means);
  facts.break_even = break_even_hit_rate(scenario, *model, facts.means, full);
  return facts;
}

}  // namespace penstock::cli
