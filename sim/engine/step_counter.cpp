#include "sim/engine/step_counter.h"

#include <algorithm>

namespace penstock {

void StepCounter::count_mixed(const Batch& batch, const StepRun& run, const StepCost& cost) {
  StepCounts counts{.steps = 1,
                    .sequences = batch.sequences(),
                    .tokens = batch.decodes - batch.wasted,
                    .all_tokens = batch.decodes,
                    .rows = batch.sampled,
                    .sampling_steps = batch.sampled > 0 ? 1 : 0,
                    .pairs = batch.kv_sum,
                    .kv_read = batch.kv_sum,
                    .window_pairs = batch.window_sum,
                    .window_read = batch.window_sum,
                    .expert_bytes = cost.expert_bytes,
                    .bound = cost.resources};
  for (std::size_t i = 0; i < batch.chunks.size(); ++i) {
    const auto [q, context] = batch.work[i];
    const std::int64_t recomputed = batch.chunks[i].recomputed;
    const std::int64_t end = context + q;
    counts.tokens += q - recomputed;
    counts.all_tokens += q;
    counts.pairs += attention_pairs(context + recomputed, end);
    counts.kv_read += end;
    if (window_ > 0) {
      counts.window_pairs += attention_pairs(context + recomputed, end, window_);
      counts.window_read += q + std::min(context, window_);
    }
    result_.max_chunk_context = std::max(result_.max_chunk_context, end);
  }
  add_together(batch.together, 1, cost.total, run.first, counts);
  if (rows_ > 1 && batch.decodes > 0) {
    count_drafts({batch.decodes, batch.wasted, 1, batch.kv_sum, batch.window_sum}, batch.together,
                 counts, run.start, run.end());
  } else {
    recorder_.count_steps(run.start, run.end(), counts);
  }
  recorder_.note_batch(counts.sequences);
  auto& bound = bound_[batch.decodes == 0 ? prefill_phase : mixed_phase];
  for (std::size_t r = 0; r < resource_count; ++r) {
    bound[r] += counts.bound[r];
  }
  result_.max_decode_batch = std::max(result_.max_decode_batch, batch.decodes);
  busy_ps_ += cost.total;
  if (batch.together.total != 0) {
    busy_ps_ += batch.together.paid(batch.decodes, batch.prefill_tokens());
  }
}

void StepCounter::add_together(const Together& together, std::int64_t steps, std::int64_t own,
                               std::int64_t all, StepCounts& counts) {
  if (together.total == 0 && all == own) {  // mostly
    return;
  }
  for (std::size_t r = 0; r < resource_count; ++r) {
    counts.bound[r] += steps * together.resources[r];
  }
  // It waits for the slowest rank where they exchange tokens.
  counts.bound[static_cast<std::size_t>(Resource::communication)] +=
      all - own - steps * together.total;
  counts.expert_bytes += steps * together.expert_bytes;
}

template <typename Visit>
void StepCounter::by_interval(const StepRun& run, Visit visit) {
  const std::int64_t steps = run.steps;
  for (std::int64_t j = 0; j < steps;) {
    const SimTime end = recorder_.interval_end(run.start_of(j));
    if (run.end() <= end) {  // mostly
      visit(j, steps - j);
      return;
    }
    // All steps that start in the interval in which step j starts.
    std::int64_t low = j;
    std::int64_t high = steps - 1;
    while (low < high) {
      const std::int64_t middle = (low + high + 1) / 2;
      if (run.start_of(middle) < end) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    // All but the last of them end in it too.
    visit(j, low - j);
    visit(low, 1);
    j = low + 1;
  }
}

void StepCounter::count_decodes(const Batch& batch, const StepRun& run, std::int64_t gaps) {
  const DecodeRun here{.run = run,
                       .gaps = gaps,
                       .decodes = batch.decodes,
                       .wasted = batch.wasted,
                       .kv_sum = batch.kv_sum,
                       .kv_growth = batch.kv_growth,
                       .window_sum = batch.window_sum,
                       .below_window = batch.below_window};
  if (batch.together.total != 0 || run.first != run.own_first) {
    count(here, batch.together);
  } else if (!open_.join(here)) {
    flush();
    open_ = here;
  }
}

bool StepCounter::DecodeRun::join(const DecodeRun& next) {
  const std::int64_t steps = run.steps;
  if (steps == 0 || run.end() != next.run.start || decodes != next.decodes || gaps != next.gaps ||
      wasted != next.wasted || below_window != next.below_window ||
      kv_sum + kv_growth * steps != next.kv_sum ||
      window_sum + below_window * steps != next.window_sum ||
      steps + next.run.steps > StepRun::max_steps || run.first > StepRun::max_step_ps) {
    return false;
  }
  const std::int64_t growth = steps == 1 ? next.run.first - run.first : run.growth;
  if (growth < 0 || run.first + growth * steps != next.run.first ||
      (next.run.steps > 1 && next.run.growth != growth)) {
    return false;
  }
  run.growth = run.own_growth = growth;
  run.steps += next.run.steps;
  return true;
}

void StepCounter::flush() {
  if (open_.run.steps > 0) {
    count(open_, {});
    open_.run.steps = 0;
  }
}

void StepCounter::count(const DecodeRun& all, const Together& together) {
  const StepRun& run = all.run;
  gaps_.add(run.first, run.growth, run.steps, all.gaps);
  busy_ps_ += run.own_ps(0, run.steps);
  if (together.total != 0) {
    busy_ps_ += run.steps * together.paid(all.decodes, 0);
  }
  recorder_.note_batch(all.decodes);
  result_.max_decode_batch = std::max(result_.max_decode_batch, all.decodes);
  by_interval(run, [&](std::int64_t first, std::int64_t steps) {
    count_part(all, together, first, steps);
  });
}

void StepCounter::count_idle(const Batch& batch, const StepRun& run) {
  by_interval(run, [&](std::int64_t first, std::int64_t steps) {
    if (steps == 0) {
      return;
    }
    const SimTime start = run.start_of(first);
    const SimTime end = run.start_of(first + steps);
    StepCounts counts;
    add_together(batch.together, steps, 0, (end - start).ps, counts);
    for (std::size_t r = 0; r < resource_count; ++r) {
      bound_[decode_phase][r] += counts.bound[r];
    }
    recorder_.count_steps(start, end, counts);
  });
}

void StepCounter::count_part(const DecodeRun& all, const Together& together, std::int64_t first,
                             std::int64_t steps) {
  if (steps == 0) {
    return;
  }
  const StepRun& run = all.run;
  const std::int64_t n = all.decodes;
  const DecodeCost& decode = model_.decode(n);
  const std::int64_t rises = steps * first + steps * (steps - 1) / 2;
  const std::int64_t kv = steps * all.kv_sum + all.kv_growth * rises;
  const std::int64_t window = steps * all.window_sum + all.below_window * rises;
  const SimTime start = run.start_of(first);
  const SimTime end = run.start_of(first + steps);
  StepCounts counts{.steps = steps,
                    .sequences = steps * n,
                    .tokens = steps * (n - all.wasted),
                    .all_tokens = steps * n,
                    .rows = steps * n,
                    .sampling_steps = steps,
                    .pairs = kv,
                    .kv_read = kv,
                    .window_pairs = window,
                    .window_read = window,
                    .expert_bytes = steps * decode.fixed.expert_bytes};
  const std::int64_t own = run.own_ps(first, steps);
  decode.add_resources(counts.bound, steps, decode.context_cost(kv, window), own);
  add_together(together, steps, own, (end - start).ps, counts);
  for (std::size_t r = 0; r < resource_count; ++r) {
    bound_[decode_phase][r] += counts.bound[r];
  }
  if (rows_ > 1) {
    count_drafts({n, all.wasted, steps, kv, window}, together, counts, start, end);
  } else {
    recorder_.count_steps(start, end, counts);
  }
}

void StepCounter::count_drafts(const Verified& given, const Together& together, StepCounts counts,
                               SimTime start, SimTime end) {
  const auto whole = [](std::int64_t& left, std::int64_t amount, std::int64_t unit) {
    left += amount;
    const std::int64_t out = left / unit;
    left -= out * unit;
    return out;
  };
  const auto [decodes, wasted, steps, kv_units, window_units] = given;
  const std::int64_t unit = pace_.unit;
  const std::int64_t rows = steps * decodes;
  const std::int64_t useful = steps * (decodes - wasted);
  const std::int64_t stay = whole(left_over_.tokens, useful * pace_.advance, unit);
  const std::int64_t kv = whole(left_over_.kv, kv_units, unit);
  const std::int64_t window = whole(left_over_.window, window_units, unit);
  counts.tokens += stay - useful;
  counts.rows += stay - rows;
  counts.all_tokens += rows * (rows_ - 1);
  counts.kv_read += kv - kv_units;
  counts.window_read += window - window_units;
  counts.pairs += whole(left_over_.pairs, kv * pace_.advance, unit) - kv_units;
  counts.window_pairs +=
      whole(left_over_.window_pairs, window * pace_.advance, unit) - window_units;

  const DraftCost cost = model_.draft_cost(decodes);
  DraftTotals& drafts = result_.drafts;
  drafts.sequence_steps += useful;
  drafts.draft_ps += steps * (cost.draft + together.drafting) + kv * cost.draft_per_kv;
  drafts.rejected_ps += steps * (cost.rejected + together.rejected) + kv * cost.rejected_per_kv;
  recorder_.count_steps(start, end, counts);
}

void StepCounter::close() {
  flush();
  for (std::size_t phase = 0; phase < bound_.size(); ++phase) {
    for (std::size_t r = 0; r < resource_count; ++r) {
      result_.bound[phase][r] += bound_[phase][r];
    }
  }
}

}  // namespace penstock
