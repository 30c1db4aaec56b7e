#pragma once

// The naive reference simulator: the test oracle for the real engine. It models one vLLM V1
// replica, straight from the scheduler specification (numbers in comments, such as "1.3.4.5", are
// its sections): per request, per step, per block, plain vectors and loops. It shares no code with
// the simulator that it checks, only the struct that says what a request's tokens are. Keep it slow
// and obvious.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "sim/kv/content.h"

namespace penstock::oracle {

struct Config {
  std::int64_t max_num_seqs = 256;                // S
  std::int64_t max_num_batched_tokens = 8192;     // M
  std::int64_t long_prefill_token_threshold = 0;  // L; 0 = off
  std::int64_t block_size = 16;                   // B
  std::int64_t usable_blocks = 1 << 20;           // N - 1: the null block is already taken off
  std::int64_t max_model_len = 1 << 20;
  bool chunked_prefill = true;
  bool priority_policy = false;  // else FCFS
  bool async_scheduling = false;
  bool reserve_full_isl = true;  // the full-sequence gate of 1.3.5
  double watermark = 0.0;
  bool enable_prefix_caching = false;
  std::int64_t host_blocks = 0;    // 4.6: blocks that the host's memory keeps; 0 = no such tier
  std::int64_t host_block_ps = 0;  // to copy one, in either direction
  std::int64_t stages = 1;         // 1.2.3: pipeline parallel size
  std::int64_t ranks = 1;          // 1.2.4: data parallel size, synchronous scheduling only
};

struct Request {
  std::int64_t arrival_ps = 0;
  std::int64_t prompt = 1;
  std::int64_t output = 1;  // true output length = max_tokens (ignore_eos)
  std::int64_t priority = 0;
  Content content = {};                  // for the prefix cache
  std::int64_t deadline_ps = INT64_MAX;  // when its client gives up
};

struct ScheduledRequest {
  std::size_t request = 0;   // index in the list of requests
  std::int64_t n = 0;        // new tokens
  std::int64_t context = 0;  // computed tokens before the step
  bool samples = false;      // a token is emitted for it at the step's end
};

struct Step {
  std::int64_t schedule_ps = 0;             // when schedule() built it (async: before start_ps)
  std::int64_t start_ps = 0;                // set before the step-time function is called
  std::int64_t duration_ps = 0;             // set from the step-time function
  std::vector<ScheduledRequest> scheduled;  // in scheduling order, never empty
  std::vector<std::size_t> preempted;       // victims of that schedule(), in order
  std::int64_t running = 0;                 // length of the running list after schedule()
  std::int64_t blocks_in_use = 0;           // after schedule(); a shared block is one
};

using StepTime = std::function<std::int64_t(const Step&)>;

// kEmpty: prompt or output below one token (7.2-42); kExceedsMaxLen: 1.5.6; kNeverFits: 1.5.7.
enum class Reject { kNone, kEmpty, kExceedsMaxLen, kNeverFits };

struct Outcome {
  Reject reject = Reject::kNone;
  std::vector<std::int64_t> token_ps;    // emission time of each token
  std::int64_t first_scheduled_ps = -1;  // time of the schedule() call that first admitted it
  std::int64_t finish_ps = -1;
  bool aborted = false;  // its client gave up, at finish_ps
  std::int64_t preemptions = 0;
  std::int64_t block_ps = 0;       // integral of the blocks held, shared ones too
  std::int64_t computed = 0;       // sum of n over its steps, work lost to preemption included
  std::int64_t discarded = 0;      // sum of C when it was preempted
  std::int64_t cached_tokens = 0;  // found in the prefix cache at its first admission
  std::int64_t hit_tokens = 0;     // the same over all its admissions
  std::int64_t host_tokens = 0;    // of cached_tokens: came from the host
};

struct Result {
  std::vector<Outcome> requests;  // in the order of the input
  std::vector<Step> steps;        // in the order of execution
};

// Of ranks, see simulate(). Requests go to the rank with the lowest 4 x waiting + running (5.1-9).
Result simulate_ranks(const Config& config, const std::vector<Request>& requests,
                      const StepTime& step_time);

// Runs all requests to their end. Throws std::runtime_error when 100000 schedule() calls in a row
// bring out no token (a livelock), std::invalid_argument for a meaningless configuration.
Result simulate(const Config& config, const std::vector<Request>& requests,
                const StepTime& step_time);

}  // namespace penstock::oracle
