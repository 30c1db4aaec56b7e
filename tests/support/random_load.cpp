#include "tests/support/random_load.h"

#include <algorithm>
#include <sstream>
#include <string_view>

#include "sim/core/rng.h"
#include "sim/kv/block_pool.h"

namespace penstock::probe {

namespace {

/// Draws with names, one per call.
class Dice {
 public:
  Dice(std::uint64_t seed, std::string_view name) : rng_(seed, name) {}
  std::int64_t in(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(high - low + 1)));
  }
  bool one_in(std::int64_t n) { return in(1, n) == 1; }
  template <typename T>
  T of(std::initializer_list<T> choices) {
    return *(choices.begin() + in(0, static_cast<std::int64_t>(choices.size()) - 1));
  }

 private:
  Rng rng_;
};

void draw_limits(Dice& dice, EngineLimits& limits) {
  limits.block_size = dice.of<std::int64_t>({1, 2, 3, 4, 8, 16});
  limits.max_num_seqs = dice.in(1, 12);
  limits.max_num_batched_tokens = dice.of<std::int64_t>({1, 2, 4, 8, 16, 64, 1000});
  limits.long_prefill_token_threshold = dice.one_in(4) ? dice.in(1, 12) : 0;
  limits.chunked_prefill = !dice.one_in(6);
  limits.priority = dice.one_in(3);
  limits.async = dice.one_in(2);
  limits.gate = dice.one_in(2);
  limits.watermark = dice.one_in(4) ? 0.1 : 0.0;
  limits.max_model_len = dice.one_in(3) ? dice.in(5, 60) : 1000;
  if (!limits.chunked_prefill) {
    limits.max_num_batched_tokens = std::max(limits.max_num_batched_tokens, limits.max_model_len);
  }
}

void draw_pool_and_step(Dice& dice, std::int64_t longest, RandomLoad& load) {
  load.limits.usable_blocks =
      (dice.one_in(3) ? 10'000 : dice.in(longest, 4 * longest)) / load.limits.block_size + 1;
  load.step.base = dice.of<std::int64_t>({1'000'000'000'000, 10'000'000'007, 3'333'333'333});
  load.step.per_token = dice.of<std::int64_t>({0, 1, 7'000'003});
  load.step.per_kv = dice.of<std::int64_t>({0, 1, 40'001, 5'000'001});
  if (dice.one_in(2)) {
    load.step.per_window = dice.of<std::int64_t>({1, 30'011, 7'000'003});
    load.step.window = dice.of<std::int64_t>({1, 2, 5, 13, 40});
  }
}

constexpr std::int64_t whole_request = 1'000'000;  // tokens: a span longer than any request

/// The spans of the first `tokens` tokens, if they reach so far.
Content cut(const Content& content, std::int64_t tokens) {
  Content out;
  for (ContentSpan span : content) {
    span.tokens = std::min(span.tokens, tokens);
    tokens -= span.tokens;
    if (span.tokens > 0) {
      out.push_back(span);
    }
  }
  return out;
}

/// Streams 1 to 3 are shared, `unused` is a stream that no request has yet.
void draw_new_request(Dice& dice, std::int64_t longest, std::uint64_t unused, Request& r) {
  r.input_tokens = dice.in(1, longest);
  const std::int64_t kind = dice.in(1, 4);  // 1: shares nothing
  if (kind >= 2) {
    ContentSpan shared;
    shared.stream = static_cast<std::uint64_t>(dice.in(1, 3));
    shared.first = dice.of<std::int64_t>({0, 0, 0, 5});
    shared.tokens = kind == 2 ? whole_request : dice.in(1, r.input_tokens);
    r.content.push_back(shared);
  }
  if (kind == 4) {  // a conversation that starts with a shared prompt
    r.content.push_back({unused, 0, whole_request});
  }
}

/// Comes again, or goes on after the answer, as somebody else might or along a branch of its own.
void draw_follower(Dice& dice, const Request& earlier, std::uint64_t unused, Request& r) {
  r.input_tokens = earlier.input_tokens;
  r.content = earlier.content;
  if (dice.one_in(3)) {
    return;
  }
  const std::int64_t told = earlier.input_tokens + earlier.output_tokens;
  r.input_tokens = told + dice.in(1, 8);
  if (dice.one_in(2)) {
    r.content = cut(earlier.content, told);
    std::int64_t known = 0;
    for (const ContentSpan& span : r.content) {
      known += span.tokens;
    }
    if (known == told) {
      r.content.push_back({unused, 0, whole_request});
    }
  }
}

}  // namespace

RandomLoad random_load(std::uint64_t seed) {
  Dice dice(seed, "random_load");
  RandomLoad load;
  load.seed = seed;
  draw_limits(dice, load.limits);
  const std::int64_t longest = dice.of<std::int64_t>({6, 20, 60});
  draw_pool_and_step(dice, longest, load);
  const std::int64_t count = dice.in(1, 14);
  SimTime now;
  for (std::int64_t i = 0; i < count; ++i) {
    // Often at the same instant, or exactly on a step boundary.
    const std::int64_t gap = dice.of<std::int64_t>({0, 0, 1, 2, 5});
    now += SimTime{gap * load.step.base / dice.of<std::int64_t>({1, 1, 2, 3})};
    Request r;
    r.arrival = now;
    r.input_tokens = dice.in(1, longest);
    r.output_tokens = dice.in(1, dice.one_in(3) ? 3 * longest : 8);
    r.priority = static_cast<std::int32_t>(dice.in(0, 2));
    load.requests.push_back(r);
  }
  return load;
}

namespace {

/// Of another engine than vLLM V1.
void draw_engine_limits(Dice& dice, std::string_view scheduler, EngineLimits& limits) {
  limits.scheduler = scheduler;
  limits.block_size = dice.of<std::int64_t>({1, 1, 2, 3, 4, 8, 16});
  limits.max_num_seqs = dice.in(1, 12);
  limits.max_num_batched_tokens = dice.of<std::int64_t>({1, 2, 4, 8, 16, 64, 1000});
  limits.max_model_len = dice.one_in(3) ? dice.in(5, 60) : 200;
  if (scheduler == "vllm_v0" || scheduler == "sarathi") {
    limits.watermark = dice.one_in(2) ? 0.1 : 0.0;
  }
  if (scheduler == "vllm_v0") {
    limits.max_num_batched_tokens = limits.max_model_len + dice.in(0, 40);
  }
  if (scheduler == "sglang" || scheduler == "tensorrt_llm") {
    limits.async = dice.one_in(2);
    limits.chunked_prefill = !dice.one_in(3);
  }
  limits.sglang.max_prefill_tokens = dice.of<std::int64_t>({1, 8, 30, 1000});
  limits.sglang.schedule_conservativeness = dice.of({1.0, 0.3, 0.0, 0.0});
  limits.sglang.enable_mixed_chunk = dice.one_in(3);
  limits.sglang.retracts_far = dice.one_in(2);
  if (scheduler == "tensorrt_llm") {
    limits.max_num_batched_tokens = std::max(limits.max_num_batched_tokens, limits.max_num_seqs);
  }
  limits.tensorrt_llm.capacity_scheduler_policy = dice.one_in(2)
                                                      ? TensorRtSpec::Capacity::max_utilization
                                                      : TensorRtSpec::Capacity::guaranteed_no_evict;
  limits.tensorrt_llm.context_chunking_policy =
      dice.one_in(2) ? TensorRtSpec::Chunking::equal_progress
                     : TensorRtSpec::Chunking::first_come_first_served;
  if (scheduler == "sglang" || scheduler == "tensorrt_llm") {  // else nobody gets a chunk
    limits.max_num_batched_tokens = std::max(limits.max_num_batched_tokens, limits.block_size);
  }
}

}  // namespace

namespace {

/// Windows or states beside the blocks of tokens.
void draw_beside(RandomLoad& load) {
  Dice dice(load.seed, "random_engine_load/beside");
  if (load.limits.scheduler == "orca" || load.limits.scheduler == "static" || !dice.one_in(3)) {
    return;
  }
  EngineSpec::PerSequence& held = load.limits.per_sequence;
  held.state_blocks = dice.of({0.0, 0.7, 2.0});
  held.window_blocks_per_token = dice.of({0.0, 0.1, 1.0});
  held.window = dice.of<std::int64_t>({1, 5, 30});
  load.limits.usable_blocks += dice.in(0, 3) * held.blocks(held.window);
}

}  // namespace

RandomLoad random_engine_load(std::uint64_t seed, std::string_view scheduler) {
  Dice dice(seed, scheduler);
  RandomLoad load;
  load.seed = seed;
  EngineLimits& limits = load.limits;
  draw_engine_limits(dice, scheduler, limits);
  const std::int64_t longest = dice.of<std::int64_t>({6, 20, 60});
  draw_pool_and_step(dice, longest, load);
  if (scheduler == "orca" || scheduler == "static") {
    limits.usable_blocks *= dice.in(1, 8);
    limits.usable_blocks += blocks_for(limits.max_model_len, limits.block_size);
  }
  const std::int64_t count = dice.in(1, 14);
  SimTime now;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t gap = dice.of<std::int64_t>({0, 0, 1, 2, 5, 30});
    now += SimTime{gap * load.step.base / dice.of<std::int64_t>({1, 1, 2, 3})};
    Request r;
    r.arrival = now;
    r.input_tokens = dice.in(1, longest);
    r.output_tokens =
        dice.in(1, dice.one_in(3) ? 3 * longest : dice.of({std::int64_t{8}, longest}));
    load.requests.push_back(r);
  }
  draw_beside(load);
  return load;
}

void draft_in_vain(RandomLoad& load) {
  using Method = SpeculativeSpec::Method;
  Dice dice(load.seed, "draft_in_vain");
  SpeculativeSpec& drafts = load.limits.speculative;
  drafts.method = dice.of({Method::ngram, Method::mtp, Method::draft_model});
  drafts.acceptance.assign(static_cast<std::size_t>(dice.in(1, 4)), 0.0);
  load.limits.sglang.enable_mixed_chunk = false;
  load.limits.usable_blocks += dice.in(0, 8);
  if (load.limits.scheduler == "tensorrt_llm") {
    load.limits.max_num_batched_tokens =
        std::max(load.limits.max_num_batched_tokens, drafts.rows() * load.limits.max_num_seqs);
  }
}

Scenario engine_scenario(const EngineLimits& limits) {
  EngineLimits used = limits;
  if (used.scheduler == "orca" || used.scheduler == "static") {
    const std::int64_t blocks = blocks_for(limits.max_model_len, limits.block_size);
    used.usable_blocks /= blocks;
    used.block_size *= blocks;
  }
  return scenario(used);
}

namespace {

void draw_content_requests(Dice& dice, std::int64_t longest, RandomLoad& load) {
  const std::int64_t count = dice.in(2, 20);
  SimTime now;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t gap = dice.of<std::int64_t>({0, 0, 0, 1, 2, 5, 20});
    now += SimTime{gap * load.step.base / dice.of<std::int64_t>({1, 1, 2, 3})};
    Request r;
    r.arrival = now;
    const std::uint64_t unused = 10 + static_cast<std::uint64_t>(i);
    const std::int64_t earlier = dice.in(0, 2 * i);  // half of them follow an earlier request
    if (earlier < i &&
        load.requests[static_cast<std::size_t>(earlier)].input_tokens < 2 * longest) {
      draw_follower(dice, load.requests[static_cast<std::size_t>(earlier)], unused, r);
    } else {
      draw_new_request(dice, longest, unused, r);
    }
    r.output_tokens = dice.in(1, dice.one_in(2) ? longest : 8);
    r.priority = static_cast<std::int32_t>(dice.in(0, 2));
    load.requests.push_back(r);
  }
}

}  // namespace

RandomLoad random_content_load(std::uint64_t seed) {
  Dice dice(seed, "random_content_load");
  RandomLoad load;
  load.seed = seed;
  draw_limits(dice, load.limits);
  load.limits.prefix_caching = true;
  const std::int64_t longest = dice.of<std::int64_t>({12, 30, 60});
  draw_pool_and_step(dice, longest, load);
  draw_content_requests(dice, longest, load);
  return load;
}

RandomLoad random_engine_content_load(std::uint64_t seed, std::string_view scheduler) {
  Dice dice(seed, scheduler);
  RandomLoad load;
  load.seed = seed;
  draw_engine_limits(dice, scheduler, load.limits);
  load.limits.prefix_caching = true;
  if (dice.one_in(3)) {
    load.limits.sglang.schedule_policy = SglangSpec::Policy::lpm;
  }
  const std::int64_t longest = dice.of<std::int64_t>({12, 30, 60, 100});
  draw_pool_and_step(dice, longest, load);
  draw_content_requests(dice, longest, load);
  draw_beside(load);
  return load;
}

RandomLoad random_offload_load(std::uint64_t seed) {
  RandomLoad load = random_content_load(seed);
  Dice dice(seed, "random_offload_load");
  load.limits.host_blocks = dice.of<std::int64_t>({1, 2, 5, 12, 40, 10'000});
  const std::int64_t base = std::max<std::int64_t>(1, load.step.base);
  load.limits.host_block_ps = dice.of<std::int64_t>({0, 1, base / 7, base / 2, base, 3 * base});
  return load;
}

std::string RandomLoad::describe() const {
  std::ostringstream out;
  out << "seed " << seed << ": M " << limits.max_num_batched_tokens << " S " << limits.max_num_seqs
      << " B " << limits.block_size << " blocks " << limits.usable_blocks << " L "
      << limits.long_prefill_token_threshold << " max_model_len " << limits.max_model_len
      << (limits.chunked_prefill ? "" : " unchunked") << (limits.priority ? " priority" : "")
      << (limits.async ? " async" : "") << (limits.gate ? " gate" : "")
      << (limits.prefix_caching ? " caching" : "") << " beside " << limits.per_sequence.state_blocks
      << '+' << limits.per_sequence.window_blocks_per_token << " x " << limits.per_sequence.window
      << (limits.sglang.schedule_policy == SglangSpec::Policy::lpm ? " lpm" : "") << ' '
      << limits.scheduler << " drafts " << limits.speculative.num_speculative_tokens() << " host "
      << limits.host_blocks << " x " << limits.host_block_ps << " watermark " << limits.watermark
      << " stages " << limits.stages << " timeout " << limits.timeout_ps << " step " << step.base
      << '+' << step.per_token << "/token+" << step.per_kv << "/kv+" << step.per_window << "/kv in "
      << step.window << ';';
  for (const Request& r : requests) {
    out << " (" << r.arrival.ps << ',' << r.input_tokens << ',' << r.output_tokens << ','
        << r.priority;
    for (const ContentSpan& span : r.content) {
      out << ' ' << span.stream << ':' << span.first << '+' << span.tokens;
    }
    out << ')';
  }
  return out.str();
}

}  // namespace penstock::probe
