#include "sim/cluster/lock_step.h"

#include <algorithm>

#include "sim/core/math.h"

namespace penstock {

namespace {

constexpr std::size_t overhead_part = 4;  // of shared_parts
static_assert(shared_parts[overhead_part] == Part::overhead);

}  // namespace

// ---- What ranks do together ---------------------------------------------------------------------

LockStep::LockStep(std::vector<Replica*> ranks, TogetherModel* together, const EngineSpec& engine)
    : ranks_(std::move(ranks)),
      together_model_(together),
      drafts_(&engine.speculative),
      drafts_after_prompts_(engine.scheduler != "sglang"),
      lines_(ranks_.size()) {}

TogetherCost LockStep::price(const TogetherLoad& load) const {
  TogetherCost cost = together_model_->step(load);
  if (!together_model_->cpu_overlaps()) {
    const std::int64_t cpu = together_model_->cpu_ps(load.sequences);
    cost.parts[overhead_part] += cpu;
    cost.resources[static_cast<std::size_t>(Resource::cpu)] += cpu;
    cost.total += cpu;
  }
  return cost;
}

Together LockStep::share(std::int64_t own_ps) {
  cpu_decides_ = false;
  if (together_model_ == nullptr) {
    return {};
  }
  TogetherLoad all, decoding, prefilling;
  const std::int64_t rows = drafts_->rows();
  std::int64_t decodes = 0;
  std::int64_t prefill_tokens = 0;
  for (const Replica* rank : ranks_) {
    const Batch& batch = rank->batch();
    const std::int64_t prefill = batch.prefill_tokens();
    const auto chunks = static_cast<std::int64_t>(batch.chunks.size());
    const std::int64_t ended = drafts_after_prompts_ ? batch.sampled - batch.decodes : 0;
    all.add(batch.decodes * rows + prefill, batch.decodes + chunks, batch.decodes + ended);
    decoding.add(batch.decodes * rows, batch.decodes, batch.decodes);
    prefilling.add(prefill, chunks, ended);
    decodes += batch.decodes;
    prefill_tokens += prefill;
  }
  TogetherCost cost = price(all);
  if (together_model_->cpu_overlaps()) {
    const std::int64_t waits = together_model_->cpu_ps(all.sequences) - own_ps - cost.total;
    if (waits > 0) {
      cpu_decides_ = true;
      cost.parts[overhead_part] += waits;
      cost.resources[static_cast<std::size_t>(Resource::cpu)] += waits;
      cost.total += waits;
    }
  }
  Together out;
  out.resources = cost.resources;
  out.total = cost.total;
  out.expert_bytes = cost.expert_bytes;
  if (drafts_->on() && decodes > 0) {
    share_drafts(decoding, out);
  }
  // Rule `phase`, as in a rank's own part: half of what decode adds first and of what it adds last.
  const bool both = decodes > 0 && prefill_tokens > 0;
  const SharedParts decode_alone = both ? price(decoding).parts : SharedParts{};
  const SharedParts prefill_alone = both ? price(prefilling).parts : SharedParts{};
  const auto ranks = static_cast<std::int64_t>(ranks_.size());
  for (std::size_t p = 0; p < cost.parts.size(); ++p) {
    const std::int64_t part = cost.parts[p];
    const std::int64_t decode =
        both ? std::clamp((decode_alone[p] + part - prefill_alone[p]) / 2, std::int64_t{0}, part)
        : decodes > 0 ? part
                      : 0;
    // Rounded down: what is left is idle time.
    out.per_decode[p] = decodes > 0 ? decode * ranks / decodes : 0;
    out.per_prefill_token[p] = prefill_tokens > 0 ? (part - decode) * ranks / prefill_tokens : 0;
  }
  return out;
}

void LockStep::share_drafts(const TogetherLoad& decoding, Together& out) const {
  const double mean = drafts_->mean_tokens();
  TogetherLoad useful = decoding;
  const auto stay = [&](std::int64_t tokens) {
    return std::max<std::int64_t>(
        1, math::round(static_cast<double>(tokens) * mean / static_cast<double>(drafts_->rows())));
  };
  useful.tokens = stay(decoding.tokens);
  useful.largest = stay(decoding.largest);
  const std::int64_t drafting = together_model_->drafting(decoding).total;
  const double rejected = 1 - (mean - 1) / static_cast<double>(drafts_->num_speculative_tokens());
  const std::int64_t verify = together_model_->step(decoding).total - drafting;
  const std::int64_t less =
      together_model_->step(useful).total - together_model_->drafting(useful).total;
  out.drafting = drafting;
  out.rejected = std::max<std::int64_t>(0, verify - less) +
                 math::round(static_cast<double>(drafting) * rejected);
}

// ---- Steps --------------------------------------------------------------------------------------

void LockStep::price() {
  slowest_ = 0;
  for (std::size_t r = 0; r < ranks_.size(); ++r) {
    lines_[r] = {};
    lines_[r].works = !ranks_[r]->batch().empty();
    lines_[r].first = lines_[r].works ? ranks_[r]->own_ps() : 0;
    slowest_ = std::max(slowest_, lines_[r].first);
  }
  together_ = share(slowest_);
}

std::int64_t LockStep::cpu_wait_ps() const {
  std::int64_t gpu = 0;
  for (std::size_t r = 0; r < ranks_.size(); ++r) {
    if (lines_[r].works) {
      gpu = std::max(gpu, lines_[r].first - ranks_[r]->cpu_wait_ps());
    }
  }
  return slowest_ - gpu + together_.resources[static_cast<std::size_t>(Resource::cpu)];
}

void LockStep::launch(SimTime now, std::int64_t duration) {
  wait_ = duration - total_ps();
  for (std::size_t r = 0; r < ranks_.size(); ++r) {
    ranks_[r]->launch(now, lines_[r].first, duration, together_);
  }
}

void LockStep::leap(SimTime limit) {
  std::int64_t steps = INT64_MAX;
  for (std::size_t r = 0; r < ranks_.size(); ++r) {
    steps = std::min(steps, ranks_[r]->longest_leap());
    lines_[r].growth = lines_[r].works ? ranks_[r]->own_growth() : 0;
    limit = std::min(limit, ranks_[r]->leap_limit());
  }
  if (steps <= 1 || cpu_decides_) {
    return;
  }
  // The slowest rank stays the slowest until another one's line crosses its own.
  const Line& slowest =
      *std::max_element(lines_.begin(), lines_.end(), [](const Line& a, const Line& b) {
        return a.first != b.first ? a.first < b.first : a.growth < b.growth;
      });
  for (const Line& line : lines_) {
    if (line.growth > slowest.growth) {
      steps = std::min(steps, (slowest.first - line.first) / (line.growth - slowest.growth) + 1);
    }
  }
  if (steps <= 1) {
    return;
  }
  for (Replica* rank : ranks_) {
    rank->leap(steps, slowest.growth);
    rank->cut(limit);
  }
}

void LockStep::follow(std::size_t rank) {
  const std::int64_t steps = ranks_[rank]->run_steps();
  for (Replica* other : ranks_) {
    other->shorten(steps);
  }
}

}  // namespace penstock
