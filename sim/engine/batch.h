#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "sim/engine/sequence.h"
#include "sim/step/step_model.h"

namespace penstock {

/// Whose piece of prefill it is, and what it means; its work stands in Batch::work.
struct ScheduledChunk {
  Slot slot = no_slot;
  std::int64_t recomputed = 0;  ///< leading positions that had been computed before
  bool measured = true;         ///< its token gaps count
  bool completes = false;       ///< reaches the last known token: a token is sampled
  SimTime last_token{-1};       ///< of a resumed sequence, before this one; -1 for a first token
};

/// Decoding sequences whose last token is older than the previous step: they stood still meanwhile.
struct LateTokens {
  SimTime last;                ///< when their last token was emitted
  std::int64_t sequences = 0;  ///< of those whose token gaps count
};

/// What a step has beside the rank's own work where ranks are in lock-step: that which all do
/// together. Zeros elsewhere.
struct Together {
  SharedParts per_decode{};                              ///< ps that a decoding sequence pays of it
  SharedParts per_prefill_token{};                       ///< ps that a token of a chunk pays
  std::array<std::int64_t, resource_count> resources{};  ///< its time on each rank
  std::int64_t total = 0;                                ///< likewise
  std::int64_t expert_bytes = 0;                         ///< as StepCost's, on each rank
  std::int64_t drafting = 0;                             ///< of the total, as DraftCost has it
  std::int64_t rejected = 0;

  /// What a rank's tokens pay.
  std::int64_t paid(std::int64_t decodes, std::int64_t prefill_tokens) const {
    std::int64_t sum = 0;
    for (std::size_t p = 0; p < per_decode.size(); ++p) {
      sum += per_decode[p] * decodes + per_prefill_token[p] * prefill_tokens;
    }
    return sum;
  }
};

/// What one step executes. Decoding sequences appear as sums; only prefills are listed. KV lengths
/// are in units of the Pace.
struct Batch {
  /// By the replica's clock of decoding: a step in which decoding sequences stand still has the
  /// number of the one before.
  std::int64_t step = 0;
  bool frozen = false;  ///< chunks only, though there may be sequences that decode
  std::int64_t decodes = 0;
  std::int64_t kv_sum = 0;
  std::int64_t kv_growth = 0;     ///< by how much it grows a step (of decodes alone)
  std::int64_t kv_max = 0;        ///< filled in beside chunks only
  std::int64_t window_sum = 0;    ///< as kv_sum, each cut at the model's window
  std::int64_t below_window = 0;  ///< by how much it grows a step (of decodes alone)
  std::int64_t sampled = 0;
  std::vector<ScheduledChunk> chunks;
  std::vector<Chunk> work;  ///< of the chunks, in the same order
  /// Of the decodes, those whose token gaps count: their requests arrived after the warm-up.
  std::int64_t measured = 0;
  /// Decodes whose last token is older than the previous step: they were stalled. Their last
  /// tokens' times, of those whose gaps count.
  std::int64_t resumed = 0;
  std::vector<SimTime> resumed_gaps_from;
  std::vector<LateTokens> late;
  std::int64_t wasted = 0;      ///< of the decodes, those that emit nothing: they have finished
  std::vector<Slot> finishing;  ///< emit their last token in this step (filled in late)
  Together together;            ///< of the step, once it runs

  /// What the step model needs to know.
  StepLoad load() const {
    return {.decodes = decodes,
            .kv_sum = kv_sum,
            .kv_max = kv_max,
            .window_sum = window_sum,
            .chunks = work,
            .sampled = sampled};
  }
  std::int64_t prefill_tokens() const {
    std::int64_t sum = 0;
    for (const Chunk& chunk : work) {
      sum += chunk.q;
    }
    return sum;
  }
  bool empty() const { return decodes == 0 && chunks.empty(); }
  bool decode_only() const { return decodes > 0 && chunks.empty(); }
  std::int64_t sequences() const { return decodes + static_cast<std::int64_t>(chunks.size()); }
  void clear() {
    frozen = false;
    decodes = kv_sum = kv_growth = kv_max = window_sum = below_window = 0;
    sampled = measured = resumed = wasted = 0;
    late.clear();
    chunks.clear();
    work.clear();
    resumed_gaps_from.clear();
    finishing.clear();
  }
};

}  // namespace penstock
