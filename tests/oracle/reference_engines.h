#pragma once

// Naive references for the other engines, as reference.h is for vLLM V1: straight from section 2
// of the scheduler specification, per request, per step, blocks as plain counts. Without prefix
// caching all free blocks are alike. They share the loop of 1.2.1 and 1.6.5, and nothing with the
// simulator but the struct that says what tokens are.
//
// Where the text leaves something open, a comment "[i]" says what is taken:
// - [i] one request alone must always be able to run to its end; others are turned away (1.5.7).
// - [i] overlap (2.5.6): a request whose last token is in flight is scheduled once more, and what
//   comes of that is dropped; all its blocks are freed when its last token returns.
// - [i] a token in flight counts as generated; of a victim, it is kept.
// - [i] prefix caches learn of a prompt, or a piece of it, when the step that computed it ends, and
//   after the requests that finish then, which do so in order of admission.
#include <algorithm>
#include <memory>
#include <vector>

#include "tests/oracle/reference.h"

namespace penstock::oracle {

struct EngineConfig {
  enum class Kind { vllm_v0, orca, static_batch, sarathi, sglang, tensorrt_llm };
  Kind kind = Kind::vllm_v0;
  std::int64_t max_num_seqs = 256;
  // vLLM V0: M; Sarathi: chunk_size; SGLang: chunked_prefill_size; TensorRT-LLM: max_num_tokens.
  std::int64_t token_budget = 8192;
  std::int64_t block_size = 16;
  std::int64_t usable_blocks = 1 << 20;
  std::int64_t max_model_len = 1 << 20;
  double watermark = 0;         // vLLM V0, Sarathi: share of all blocks
  bool overlap = false;         // SGLang, TensorRT-LLM
  bool prefix_caching = false;  // SGLang, TensorRT-LLM
  // 4.3: blocks beside those of its tokens that a request of so many takes at admission.
  std::function<std::int64_t(std::int64_t tokens)> beside = [](std::int64_t) { return 0; };

  // SGLang, TensorRT-LLM: drafts that are never accepted. A decode computes so many tokens more,
  // and holds so many slots behind its own. [i] They are held from the prompt on, and between
  // steps.
  std::int64_t drafts = 0;
  std::int64_t draft_slots = 0;

  // SGLang
  std::int64_t max_prefill_tokens = 16384;
  double schedule_conservativeness = 1;
  bool mixed_chunk = false;
  bool longest_prefix_first = false;  // the policy lpm, else first come, first served
  bool classic_retraction = false;    // until 20 tokens a request are free, not just enough

  // TensorRT-LLM
  bool max_utilization = false;  // else guaranteed no evict
  bool chunked_context = false;
  bool equal_progress = false;  // else first come, first served

  // SGLang, TensorRT-LLM; with either, no overlap
  std::int64_t stages = 1;  // pipeline parallel size
  std::int64_t ranks = 1;   // data parallel size
};

// As simulate(); block_ps counts what a request keeps from others, also after its last token.
Result simulate_engine(const EngineConfig& config, const std::vector<Request>& requests,
                       const StepTime& step_time);

// One request, and what all references do with it.
struct EngineSequence {
  std::int64_t prompt = 0;     // P
  std::int64_t output = 0;     // max_new_tokens
  std::int64_t generated = 0;  // O: tokens that have come back
  std::int64_t in_flight = 0;  // 1: a token is being computed
  std::int64_t computed = 0;   // C
  std::int64_t blocks = 0;
  std::int64_t beside = 0;  // blocks for the rest: windows, states
  bool decoding = false;    // its known tokens have been scheduled
  bool done = false;
  bool in_batch = false;  // of a pipeline or of ranks, and it has not come back

  std::int64_t known() const { return prompt + generated + in_flight; }
};

class EngineReference {
 public:
  EngineReference(const EngineConfig& config, const std::vector<Request>& requests,
                  const StepTime& step_time);
  virtual ~EngineReference() = default;
  Result run();

 protected:
  friend class EngineRanks;
  // Fills step.scheduled through decode() and prefill(), and step.preempted through preempt().
  virtual void schedule(Step& step) = 0;
  // Most positions that a request may need free when it is alone, 1.5.7; and prompts that the
  // engine refuses to queue.
  virtual bool never_fits(const EngineSequence& s) const;
  // A request has emitted its last token.
  virtual void finish(std::size_t r);
  // All blocks of a request that runs are being taken back.
  virtual void give_up(std::size_t r) { state[r].blocks = state[r].beside = 0; }
  // The same, of a client that gives up.
  virtual void abort(std::size_t r) { give_up(r); }
  // A step has ended, and those that finish in it have.
  virtual void ended(const Step&) {}

  std::int64_t blocks_for(std::int64_t tokens) const {
    return (tokens + config.block_size - 1) / config.block_size;
  }
  // With its drafts.
  std::int64_t held_for(std::int64_t tokens) const {
    return blocks_for(tokens + config.draft_slots);
  }
  virtual std::int64_t free_blocks() const;
  virtual void grow(EngineSequence& s, std::int64_t tokens);  // to the blocks of its first `tokens`
  bool runs(std::size_t r) const {
    return std::find(running.begin(), running.end(), r) != running.end();
  }
  const Request& request(std::size_t r) const { return requests_[r]; }
  std::int64_t preemptions(std::size_t r) const { return result_.requests[r].preemptions; }
  void decode(std::size_t r, Step& step);  // one token, its block included
  void prefill(std::size_t r, std::int64_t n, Step& step);
  // waiting -> running, with so many cached tokens, whose blocks it holds.
  void admit(std::size_t r, const Step& step, std::int64_t cached = 0);
  void preempt(std::size_t r, Step& step, bool to_the_tail);

  const EngineConfig config;
  std::size_t place = 0;  // of the batch that is scheduled, in the pipeline
  std::vector<EngineSequence> state;
  std::vector<std::size_t> waiting;
  std::vector<std::size_t> running;  // in order of admission

 private:
  void take_arrivals(std::int64_t now);
  Reject reject_reason(std::size_t r) const;
  Step make_step(std::int64_t now);
  void abort_overdue(std::int64_t now);
  void update(const Step& step, std::int64_t now);

  const std::vector<Request>& requests_;
  const StepTime& step_time_;
  std::vector<std::size_t> arrivals_;
  int fruitless_schedules_ = 0;
  Result result_;
};

// SGLang and TensorRT-LLM, with stages, or ranks in lock-step (attention data parallelism): a
// scheduler, a queue and a pool each.
Result simulate_ranks(const EngineConfig& config, const std::vector<Request>& requests,
                      const StepTime& step_time);

std::unique_ptr<EngineReference> make_sglang_reference(const EngineConfig& config,
                                                       const std::vector<Request>& requests,
                                                       const StepTime& step_time);
std::unique_ptr<EngineReference> make_tensorrt_reference(const EngineConfig& config,
                                                         const std::vector<Request>& requests,
                                                         const StepTime& step_time);

}  // namespace penstock::oracle
