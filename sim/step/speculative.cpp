#include "sim/step/speculative.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "sim/core/math.h"
#include "sim/step/roofline.h"

namespace penstock {

namespace {

/// The same cluster and engine without CPU time, which the steps of both models share.
Scenario without_cpu(const Scenario& scenario) {
  Scenario out = scenario;
  out.engine.cpu_overhead = {};
  return out;
}

void add(const StepCost& from, std::int64_t times, StepCost& to) {
  for (std::size_t p = 0; p < part_count; ++p) {
    to.parts[p] += times * from.parts[p];
  }
  for (std::size_t r = 0; r < resource_count; ++r) {
    to.resources[r] += times * from.resources[r];
  }
  to.total += times * from.total;
  to.gpu += times * from.gpu;
}

void add_waits(std::int64_t ps, StepCost& cost) {
  cost.part(Part::overhead) += ps;
  cost.resources[static_cast<std::size_t>(Resource::cpu)] += ps;
  cost.total += ps;
}

/// Of whole steps, or of a rank's own part.
using MakeModel = std::unique_ptr<StepModel> (*)(const Scenario& scenario, const DecodeRows& rows);

class SpeculativeModel final : public StepModel {
 public:
  SpeculativeModel(const Scenario& scenario, MakeModel make, const CpuOverhead& cpu)
      : cpu_(cpu),
        cpu_ranks_(scenario.cluster.data_parallel),
        drafts_(scenario.engine.speculative.num_speculative_tokens()),
        drafts_after_prompts_(scenario.engine.scheduler != "sglang"),
        plain_(make_roofline_model(scenario)) {
    const SpeculativeSpec& spec = scenario.engine.speculative;
    const double mean = spec.mean_tokens();
    const Scenario target = without_cpu(scenario);
    constexpr std::int64_t fine = 1024;
    verify_ = make(target, {.tokens = spec.rows()});
    useful_ = make(target, {.tokens = math::round(mean * static_cast<double>(fine)), .of = fine});
    rejected_drafts_ = 1 - (mean - 1) / static_cast<double>(drafts_);
    if (spec.has_drafter()) {
      const Scenario drafter = drafter_scenario(scenario);
      first_ = make(drafter, {.tokens = spec.rows(), .sampled = false});
      next_ = make(drafter, {});
    }
  }

  StepCost cost(const StepLoad& load) override {
    if (load.chunks.empty()) {
      return decode(load.decodes).cost(load.decodes, load.kv_sum, load.window_sum);
    }
    StepCost out = verify_->cost(load);
    if (first_) {
      add(first_->cost(load), 1, out);
      const bool drafts = drafts_after_prompts_ ? load.sampled > 0 : load.decodes > 0;
      if (drafts && drafts_ > 1) {
        add(next_->cost(next_load(load)), drafts_ - 1, out);
      }
    }
    const std::int64_t cpu = cpu_ps(load.decodes + static_cast<std::int64_t>(load.chunks.size()));
    add_waits(cpu_.overlap ? std::max<std::int64_t>(0, cpu - out.gpu) : cpu, out);
    return out;
  }
  std::int64_t window() const override { return plain_->window(); }
  PeakTimes peak_times() const override { return plain_->peak_times(); }

  DraftCost draft_cost(std::int64_t n) override {
    const auto index = static_cast<std::size_t>(n);
    if (index >= draft_costs_.size()) {
      draft_costs_.resize(index + 1);
    }
    if (draft_costs_[index].rejected == 0) {
      draft_costs_[index] = make_draft_cost(n);
    }
    return draft_costs_[index];
  }

 private:
  std::int64_t cpu_ps(std::int64_t sequences) const {
    return cpu_.per_step.ps + cpu_.per_sequence.ps * sequences * cpu_ranks_;
  }

  /// What the drafter's later passes see of a mixed step: the sequences that sample, those whose
  /// prompt ends as long as the chunks are on average.
  static StepLoad next_load(const StepLoad& load) {
    std::int64_t kv = 0;
    for (const Chunk& chunk : load.chunks) {
      kv += chunk.context + chunk.q;
    }
    kv = kv / static_cast<std::int64_t>(load.chunks.size()) * (load.sampled - load.decodes);
    return {.decodes = load.sampled,
            .kv_sum = load.kv_sum + kv,
            .window_sum = load.window_sum + kv,
            .sampled = load.sampled};
  }

  DecodeCost make_decode(std::int64_t n) override {
    DecodeCost out = verify_->decode(n);
    if (first_) {
      add_pass(first_->decode(n), 1, out);
      add_pass(next_->decode(n), drafts_ - 1, out);
    }
    const std::int64_t cpu = cpu_ps(n);
    if (cpu_.overlap) {
      out.cpu = cpu;
    } else {
      add_waits((cpu + n - 1) / n * n, out.fixed);
    }
    return out;
  }

  static void add_pass(const DecodeCost& pass, std::int64_t times, DecodeCost& out) {
    add(pass.fixed, times, out.fixed);
    out.per_kv += times * pass.per_kv;
    out.per_window += times * pass.per_window;
  }

  DraftCost make_draft_cost(std::int64_t n) {
    DraftCost out;
    if (first_) {
      const DecodeCost& first = first_->decode(n);
      const DecodeCost& next = next_->decode(n);
      out.draft = first.fixed.total + (drafts_ - 1) * next.fixed.total;
      out.draft_per_kv = first.per_kv + (drafts_ - 1) * next.per_kv;
    }
    const DecodeCost& verify = verify_->decode(n);
    const DecodeCost& useful = useful_->decode(n);
    const auto share = [this](std::int64_t ps) {
      return math::round(static_cast<double>(ps) * rejected_drafts_);
    };
    out.rejected =
        std::max<std::int64_t>(0, verify.fixed.total - useful.fixed.total) + share(out.draft);
    out.rejected_per_kv =
        std::max<std::int64_t>(0, verify.per_kv - useful.per_kv) + share(out.draft_per_kv);
    return out;
  }

  CpuOverhead cpu_;
  std::int64_t cpu_ranks_;
  std::int64_t drafts_;
  bool drafts_after_prompts_;   ///< in the step that ends a prompt; SGLang in the one that decodes
  double rejected_drafts_ = 0;  ///< share of the drafts
  std::unique_ptr<StepModel> plain_;
  std::unique_ptr<StepModel> verify_;
  std::unique_ptr<StepModel> useful_;  ///< with as many rows as stay
  std::unique_ptr<StepModel> first_;   ///< the drafter's passes; null for n-gram drafts
  std::unique_ptr<StepModel> next_;
  std::vector<DraftCost> draft_costs_;  ///< by sequences
};

}  // namespace

std::unique_ptr<StepModel> make_speculative_model(const Scenario& scenario) {
  return std::make_unique<SpeculativeModel>(scenario, make_roofline_model,
                                            scenario.engine.cpu_overhead.of_a_front_end());
}

std::unique_ptr<StepModel> make_speculative_rank_model(const Scenario& scenario) {
  return std::make_unique<SpeculativeModel>(scenario, make_rank_model, CpuOverhead{});
}

Scenario drafter_scenario(const Scenario& scenario) {
  Scenario out = without_cpu(scenario);
  out.model = scenario.engine.speculative.drafter;
  out.weights = scenario.engine.speculative.drafter_weights;
  out.dense_weights.reset();
  out.attention_weights.reset();
  out.engine.speculative = {};
  return out;
}

}  // namespace penstock
