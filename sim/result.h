#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/chunked_list.h"
#include "sim/core/int128.h"
#include "sim/core/units.h"
#include "sim/step/step_model.h"

/// Everything that a run says: the only output of simulate(). Times in ps; money is made of GPU
/// time by cost/bill.h, text by tools/output.
namespace penstock {

enum class RequestStatus : std::uint8_t { queued, running, completed, rejected, aborted };

/// Why a request was refused at submission (scheduler-semantics.md §1.5.6, §1.5.7, §5.2).
enum class RejectReason : std::uint8_t {
  none,
  prompt_too_long,
  does_not_fit,
  queue_full,
  beyond_budget,  ///< of tokens in a step, and the engine does not cut prompts
};
inline constexpr std::size_t reject_reason_count = 5;

/// One request, 64 bytes, in arrival order (the index is its id). Times are -1 until they happen.
struct RequestRecord {
  SimTime arrival;
  SimTime first_scheduled{-1};
  SimTime first_token{-1};
  SimTime finish{-1};        ///< completion; for rejected ones the arrival
  std::int64_t busy_ps = 0;  ///< replica time that it caused (recompute excluded)
  std::uint32_t input_tokens = 0;
  std::uint32_t cached_tokens = 0;
  std::uint32_t output_tokens = 0;  ///< emitted so far
  /// Prompt positions computed for the first time, if the request did not complete.
  std::uint32_t computed_input_tokens = 0;
  std::uint16_t preemptions = 0;  ///< at most 65,535 are counted here
  std::uint16_t class_index = 0;
  std::uint16_t replica = 0;
  RequestStatus status = RequestStatus::queued;
  RejectReason reject_reason = RejectReason::none;
};
static_assert(sizeof(RequestRecord) <= 64);
using RequestRecords = ChunkedList<RequestRecord>;

enum class TokenType : std::uint8_t { input, cached_input, output };
inline constexpr std::size_t token_type_count = 3;
const char* to_string(TokenType type);

/// Causes of cost (cost.md §2).
enum class Cause : std::uint8_t {
  weights,
  compute,
  attention_compute,
  kv_read_prompt,
  kv_read_output,
  communication,
  overhead,
};
inline constexpr std::size_t cause_count = 7;
const char* to_string(Cause cause);

/// Busy replica time by (token type, cause), one table per traffic class, and what stands apart.
/// Sums exactly to busy time; with idle to the wall time of all replicas.
struct LedgerTotals {
  using ByCause = std::array<Int128, cause_count>;
  struct ClassAccounts {
    std::array<ByCause, token_type_count> accounts{};
    Int128 recompute = 0;
    /// Work for requests whose clients gave up; it and its tokens are in none of the other
    /// accounts.
    Int128 aborted = 0;
    std::int64_t aborted_tokens = 0;  ///< computed or hit, and emitted
    std::int64_t input_tokens = 0;
    std::int64_t cached_input_tokens = 0;
    std::int64_t output_tokens = 0;
    std::int64_t recomputed_tokens = 0;
    Int128 cached_read = 0;     ///< of output's kv_read_prompt: reading of cached positions
    Int128 input_block_ps = 0;  ///< KV blocks held x time: for computed prompts, cached, outputs
    Int128 cached_block_ps = 0;
    Int128 output_block_ps = 0;
  };
  std::vector<ClassAccounts> classes;
  /// By request, where the leading rule is `occupancy`: KV blocks held x time. May be shorter than
  /// the list of requests.
  std::vector<Int128> block_ps;
  Int128 idle = 0;  ///< over all replicas
  Int128 wall = 0;  ///< replicas x duration
};

/// Gaps between a request's consecutive tokens, pooled and weighted, to 0.1 %.
struct GapStatistics {
  std::vector<std::pair<std::int64_t, std::int64_t>> buckets;  ///< (middle ps, count), ascending
  std::int64_t count = 0;
  Int128 sum = 0;          ///< ps
  Int128 sum_squares = 0;  ///< ns^2
  std::int64_t min = 0;
  std::int64_t max = 0;
};

/// One interval of one replica's time series: integrals, so that intervals can be added.
struct SeriesPoint {
  std::int64_t arrivals = 0;
  std::int64_t completed = 0;
  Int128 running_ps = 0;  ///< integral of running requests
  Int128 waiting_ps = 0;  ///< integral of waiting requests
  Int128 blocks_ps = 0;   ///< integral of referenced blocks
  std::int64_t busy_ps = 0;
  std::int64_t steps = 0;           ///< steps that start in the interval
  std::int64_t sequences = 0;       ///< sum over those of the sequences scheduled
  std::int64_t tokens = 0;          ///< new (not recomputed) positions computed
  std::int64_t rows = 0;            ///< sampled rows
  std::int64_t sampling_steps = 0;  ///< steps with at least one sampled row
  std::int64_t pairs = 0;           ///< attention (query, key) pairs of new positions
  std::int64_t kv_read = 0;         ///< KV tokens read
  std::int64_t window_pairs = 0;    ///< pairs within the model's window, if it has one
  std::int64_t window_read = 0;     ///< KV tokens read within it
  std::int64_t expert_bytes = 0;    ///< routed experts' weights read, ps at peak bandwidth
  std::int64_t all_tokens = 0;      ///< positions computed, recomputed ones included
  /// Useful FLOP and bytes as time at the hardware's peak, in 1/1024 ps (exact sums), shared among
  /// the intervals over which a step lasts.
  Int128 flop_time = 0;
  Int128 byte_time = 0;
  /// Busy time by the resource that bounds it, shared likewise; sums to the steps' time.
  std::array<std::int64_t, resource_count> bound{};
  std::int64_t preemptions = 0;
};

struct ReplicaResult {
  std::vector<SeriesPoint> series;
  SeriesPoint total;
  std::int64_t blocks_peak = 0;
  std::int64_t batch_peak = 0;  ///< most sequences in one step
};

/// `clock`: simulated time has left the range of SimTime::max().
enum class StopReason { finished, until, interrupted, clock };

/// What speculative decoding did.
struct DraftTotals {
  std::int64_t sequence_steps = 0;  ///< sum over steps of the sequences that had drafts verified
  Int128 draft_ps = 0;              ///< replica time of the drafter, of what decoding needs
  /// Of the time of decoding, what rejected drafts took: their verification and their drafting.
  Int128 rejected_ps = 0;
};

struct Result {
  RequestRecords requests;
  LedgerTotals ledger;
  GapStatistics gaps;
  std::vector<ReplicaResult> replicas;
  SimTime series_interval;
  SimTime duration;
  StopReason stop = StopReason::finished;
  std::int64_t preemptions = 0;
  std::int64_t host_hit_tokens = 0;  ///< of cached input: reloaded from the host's memory
  std::int64_t truncated = 0;        ///< requests cut at max_model_len
  std::array<std::int64_t, reject_reason_count> rejected{};  ///< by RejectReason
  std::int64_t steps = 0;
  PeakTimes peak;
  /// Busy time by [phase][resource]; phases: 0 decode only, 1 prefill only, 2 mixed.
  std::array<std::array<Int128, resource_count>, 3> bound{};
  std::int64_t max_chunk_context = 0;  ///< longest prompt position prefilled, for confidence
  std::int64_t max_decode_batch = 0;
  DraftTotals drafts;
  Int128 stage_wait_ps = 0;  ///< of lanes in flight: waited for a batch before theirs
};

}  // namespace penstock
