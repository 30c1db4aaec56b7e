#include "tests/support/engine_probe.h"

#include <map>
#include <sstream>

namespace penstock::probe {

namespace {

class LinearModel final : public StepModel {
 public:
  explicit LinearModel(const LinearStep& step) : step_(step) {}

  StepCost cost(const StepLoad& load) override {
    if (load.chunks.empty()) {
      const DecodeCost& affine = decode(load.decodes);
      StepCost cost = affine.fixed;
      add_kv(cost, affine.context_cost(load.kv_sum, load.window_sum));
      return cost;
    }
    std::int64_t tokens = load.decodes;
    std::int64_t reads = step_.per_kv * load.kv_sum + step_.per_window * load.window_sum;
    for (const Chunk& chunk : load.chunks) {
      tokens += chunk.q;
      reads += step_.reads(chunk.context + chunk.q);
    }
    StepCost cost = fixed(tokens);
    add_kv(cost, reads);
    return cost;
  }
  std::int64_t window() const override { return step_.window; }
  PeakTimes peak_times() const override {
    return {.token_flop = 1000.3,
            .row_flop = 20.7,
            .pair_flop = 3.1,
            .step_bytes = 500'000.9,
            .head_bytes = 7000.5,
            .token_bytes = 11.2,
            .row_bytes = 5.4,
            .kv_bytes = 2.6,
            .window_pair_flop = step_.window > 0 ? 1.7 : 0,
            .window_kv_bytes = step_.window > 0 ? 0.9 : 0,
            .sequence_bytes = 3.3,
            .window = step_.window};
  }

 private:
  DecodeCost make_decode(std::int64_t n) override {
    DecodeCost out;
    out.fixed = fixed(n);
    out.per_kv = step_.per_kv;
    out.per_window = step_.per_window;
    return out;
  }
  StepCost fixed(std::int64_t tokens) const {
    StepCost cost;
    cost.part(Part::weights) = step_.base;
    cost.part(Part::compute) = step_.per_token * tokens;
    cost.total = cost.gpu = step_.base + step_.per_token * tokens;
    cost.resources[static_cast<std::size_t>(Resource::compute)] = cost.total;
    return cost;
  }
  static void add_kv(StepCost& cost, std::int64_t ps) {
    cost.part(Part::attention) += ps;
    cost.total += ps;
    cost.gpu += ps;
    cost.resources[static_cast<std::size_t>(Resource::memory)] += ps;
  }

  LinearStep step_;
};

std::string text(Int128 value) {
  std::string digits;
  const bool negative = value < 0;
  for (Int128 v = negative ? -value : value; v > 0 || digits.empty(); v /= 10) {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(v % 10)));
  }
  return negative ? "-" + digits : digits;
}

void print(std::ostream& out, const SeriesPoint& p) {
  out << p.arrivals << ' ' << p.completed << ' ' << text(p.running_ps) << ' ' << text(p.waiting_ps)
      << ' ' << text(p.blocks_ps) << ' ' << p.busy_ps << ' ' << p.steps << ' ' << p.sequences << ' '
      << p.tokens << ' ' << p.rows << ' ' << p.sampling_steps << ' ' << p.pairs << ' ' << p.kv_read
      << ' ' << p.window_pairs << ' ' << p.window_read << ' ' << p.expert_bytes << ' '
      << p.all_tokens << ' ' << text(p.flop_time) << ' ' << text(p.byte_time) << '\n';
}

}  // namespace

std::unique_ptr<StepModel> make_linear_model(const LinearStep& step) {
  return std::make_unique<LinearModel>(step);
}

Scenario scenario(const EngineLimits& limits) {
  Scenario scenario;
  scenario.engine.max_num_batched_tokens = limits.max_num_batched_tokens;
  scenario.engine.max_num_seqs = limits.max_num_seqs;
  scenario.engine.block_size = limits.block_size;
  scenario.engine.num_gpu_blocks = limits.usable_blocks;
  scenario.engine.long_prefill_token_threshold = limits.long_prefill_token_threshold;
  scenario.engine.max_model_len = limits.max_model_len;
  scenario.engine.enable_chunked_prefill = limits.chunked_prefill;
  scenario.engine.async_scheduling = limits.async;
  scenario.engine.scheduling_policy =
      limits.priority ? SchedulingPolicy::priority : SchedulingPolicy::fcfs;
  scenario.engine.scheduler_reserve_full_isl = limits.gate;
  scenario.engine.watermark = limits.watermark;
  scenario.engine.enable_prefix_caching = limits.prefix_caching;
  scenario.engine.host_blocks = limits.host_blocks;
  scenario.engine.host_block_time = SimTime{limits.host_block_ps};
  scenario.engine.per_sequence = limits.per_sequence;
  scenario.engine.scheduler = limits.scheduler;
  scenario.engine.sglang = limits.sglang;
  scenario.engine.tensorrt_llm = limits.tensorrt_llm;
  scenario.engine.speculative = limits.speculative;
  scenario.cluster.pipeline_parallel = limits.stages;
  scenario.cluster.data_parallel = limits.ranks;
  scenario.workload.classes.resize(1);
  if (limits.timeout_ps > 0) {
    scenario.workload.classes[0].timeout = SimTime{limits.timeout_ps};
  }
  scenario.prices.gpu_per_hour = 1;
  return scenario;
}

Probe run(const Scenario& scenario, std::vector<Request> requests, const LinearStep& step,
          bool fast_path, bool leaping) {
  TokenLog log;
  SimulationOptions options;
  options.fast_path = fast_path;
  options.leaping = leaping;
  options.token_log = &log;
  options.make_model = [&] { return make_linear_model(step); };
  std::vector<std::int64_t> prompts;
  for (const Request& r : requests) {
    prompts.push_back(r.input_tokens);
  }
  ListSource source(std::move(requests));
  Probe probe;
  probe.result = simulate(scenario, source, options);
  probe.tokens.resize(prompts.size());
  std::map<std::pair<std::uint32_t, std::int64_t>, SimTime> by_prefill;
  for (const TokenLog::PrefillToken& token : log.prefill_tokens) {
    by_prefill[{token.id, token.token}] = token.at;
  }
  const std::int64_t engines = scenario.cluster.engines_per_replica();
  for (const TokenLog::Span& span : log.spans) {
    std::vector<SimTime>& times = probe.tokens[span.id];
    const std::int64_t prompt = prompts[span.id];
    while (static_cast<std::int64_t>(times.size()) < span.base + span.last_step - prompt + 1) {
      const std::int64_t token = static_cast<std::int64_t>(times.size()) + 1;
      const auto found = by_prefill.find({span.id, token});
      times.push_back(found != by_prefill.end()
                          ? found->second
                          : log.step_ends.at(static_cast<std::size_t>(
                                (token + prompt - 1 - span.base) * engines + span.engine)));
    }
  }
  return probe;
}

std::string fingerprint(const Result& result) {
  std::ostringstream out;
  for (const RequestRecord& r : result.requests) {
    out << r.arrival.ps << ' ' << r.first_scheduled.ps << ' ' << r.first_token.ps << ' '
        << r.finish.ps << ' ' << r.busy_ps << ' ' << r.output_tokens << ' ' << r.preemptions << ' '
        << r.replica << ' ' << static_cast<int>(r.status) << '\n';
  }
  for (const LedgerTotals::ClassAccounts& c : result.ledger.classes) {
    for (const LedgerTotals::ByCause& causes : c.accounts) {
      for (const Int128 amount : causes) {
        out << text(amount) << ' ';
      }
    }
    out << text(c.recompute) << ' ' << c.input_tokens << ' ' << c.output_tokens << ' '
        << c.recomputed_tokens << '\n';
  }
  out << text(result.ledger.idle) << ' ' << text(result.ledger.wall) << '\n';
  for (const auto& [gap, count] : result.gaps.buckets) {
    out << gap << ':' << count << ' ';
  }
  out << result.gaps.count << ' ' << text(result.gaps.sum) << ' ' << text(result.gaps.sum_squares)
      << ' ' << result.gaps.min << ' ' << result.gaps.max << '\n';
  for (const ReplicaResult& replica : result.replicas) {
    for (const SeriesPoint& p : replica.series) {
      print(out, p);
    }
    out << replica.blocks_peak << ' ' << replica.batch_peak << '\n';
  }
  for (const auto& phase : result.bound) {
    for (const Int128 amount : phase) {
      out << text(amount) << ' ';
    }
  }
  out << '\n' << result.steps << ' ' << result.preemptions << ' ' << result.duration.ps << '\n';
  return out.str();
}

}  // namespace penstock::probe
