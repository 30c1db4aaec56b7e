#include "sim/step/together.h"

#include <algorithm>
#include <numeric>

#include "sim/core/assert.h"
#include "sim/step/roofline_costs.h"
#include "sim/step/speculative.h"

namespace penstock {

namespace {

constexpr double together_ps_per_ms = 1e9;

void add_together_cost(const TogetherCost& from, std::int64_t times, TogetherCost& to) {
  for (std::size_t p = 0; p < to.parts.size(); ++p) {
    to.parts[p] += times * from.parts[p];
  }
  for (std::size_t r = 0; r < to.resources.size(); ++r) {
    to.resources[r] += times * from.resources[r];
  }
  to.total += times * from.total;
  to.expert_bytes += times * from.expert_bytes;
}

}  // namespace

void TogetherLoad::add(std::int64_t rank_tokens, std::int64_t rank_sequences,
                       std::int64_t rank_drafting) {
  const std::int64_t computed = std::max<std::int64_t>(1, rank_tokens);
  tokens += computed;
  sequences += rank_sequences;
  largest = std::max(largest, computed);
  drafting += std::max<std::int64_t>(1, rank_drafting);
  most_drafting = std::max<std::int64_t>({1, most_drafting, rank_drafting});
  drafts = drafts || rank_drafting > 0;
}

TogetherModel::TogetherModel(const Scenario& scenario)
    : parameters_(with_fullest_stages(make_roofline_parameters(scenario))),
      ranks_(scenario.cluster.data_parallel),
      padding_(scenario.engine.cuda_graph_sizes),
      largest_graph_(
          scenario.engine.cuda_graph_sizes.empty() ? 0 : scenario.engine.cuda_graph_sizes.back()),
      cpu_(scenario.engine.cpu_overhead.of_a_front_end()) {
  const TogetherCost single = make(1);
  single_variable_ = single.parts[0] + single.parts[1];
  const SpeculativeSpec& drafts = scenario.engine.speculative;
  if (drafts.has_drafter() && drafts.drafter.moe_layers() > 0) {
    drafter_ = std::make_unique<TogetherModel>(drafter_scenario(scenario));
    later_passes_ = drafts.num_speculative_tokens() - 1;
  }
}

TogetherCost TogetherModel::drafting(const TogetherLoad& load) {
  TogetherCost out;
  if (drafter_) {
    add_together_cost(drafter_->cost(padded(load.largest, load.tokens)), 1, out);
    if (load.drafts && later_passes_ > 0) {
      add_together_cost(drafter_->cost(padded(load.most_drafting, load.drafting)), later_passes_,
                        out);
    }
  }
  return out;
}

TogetherCost TogetherModel::step(const TogetherLoad& load) {
  TogetherCost out = cost(padded(load.largest, load.tokens));
  if (drafter_) {
    add_together_cost(drafting(load), 1, out);
  }
  return out;
}

TogetherCost TogetherModel::make(double tokens) const {
  constexpr std::size_t weights = 0, compute = 1, communication = 3, overhead = 4;
  const double ps = parameters_.time_factor * together_ps_per_ms;
  const TokenTimes times = token_times(parameters_, tokens);
  const KernelTimes& moe = times.moe;
  TogetherCost out;
  out.parts[overhead] = ceil_ps(moe.latency_ms * ps);
  // With their latencies the kernels keep to their floor.
  const std::int64_t variable =
      std::max(ceil_ps(moe.variable_ms * ps),
               ceil_ps(moe.floor_ms * together_ps_per_ms) - out.parts[overhead]);
  const double more_ms =
      expert_weights_ms(parameters_.moe, tokens) - expert_weights_ms(parameters_.moe, 1);
  const std::int64_t streams = single_variable_ + ceil_ps(std::max(0.0, more_ms) * ps);
  out.parts[weights] = single_variable_ > 0 ? std::min(variable, streams) : variable;
  out.parts[compute] = variable - out.parts[weights];
  out.parts[communication] =
      ceil_ps((times.all_to_all.latency_ms + times.all_to_all.variable_ms) * ps);
  const std::int64_t memory = std::min(variable, ceil_ps(moe.memory_ms * ps));
  const auto at = [&out](Resource resource) -> std::int64_t& {
    return out.resources[static_cast<std::size_t>(resource)];
  };
  at(Resource::memory) = memory;
  at(Resource::compute) = variable - memory;
  at(Resource::communication) = out.parts[communication];
  at(Resource::latency) = out.parts[overhead];
  out.total = std::accumulate(out.parts.begin(), out.parts.end(), std::int64_t{0});
  const MoeRates& rates = parameters_.moe;
  out.expert_bytes = rates.layers > 0
                         ? static_cast<std::int64_t>(rates.layers / parameters_.layers_timed *
                                                     expert_weight_bytes(rates, tokens) /
                                                     rates.peak_bytes_per_ms * together_ps_per_ms)
                         : 0;
  return out;
}

const TogetherCost& TogetherModel::cost(std::int64_t tokens) {
  PENSTOCK_ASSERT(tokens >= 1);
  const double mean = static_cast<double>(tokens) / ranks_;
  if (tokens > step_memo_limit) {
    beyond_memo_ = make(mean);
    return beyond_memo_;
  }
  const auto index = static_cast<std::size_t>(tokens);
  if (index >= costs_.size()) {
    costs_.resize(index + 1);
  }
  if (!costs_[index]) {
    costs_[index] = std::make_unique<TogetherCost>(make(mean));
  }
  return *costs_[index];
}

}  // namespace penstock
