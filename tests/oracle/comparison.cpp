#include "tests/oracle/comparison.h"

#include <cstddef>
#include <iterator>
#include <limits>

#include "tests/oracle/reference_engines.h"

namespace penstock::oracle {

namespace {

Config reference_config(const probe::EngineLimits& limits) {
  Config config;
  config.max_num_seqs = limits.max_num_seqs;
  config.max_num_batched_tokens = limits.max_num_batched_tokens;
  config.long_prefill_token_threshold = limits.long_prefill_token_threshold;
  config.block_size = limits.block_size;
  config.usable_blocks = limits.usable_blocks;
  config.max_model_len = limits.max_model_len;
  config.chunked_prefill = limits.chunked_prefill;
  config.priority_policy = limits.priority;
  config.async_scheduling = limits.async;
  config.reserve_full_isl = limits.gate;
  config.watermark = limits.watermark;
  config.enable_prefix_caching = limits.prefix_caching;
  config.host_blocks = limits.host_blocks;
  config.host_block_ps = limits.host_block_ps;
  config.stages = limits.stages;
  config.ranks = limits.ranks;
  return config;
}

EngineConfig engine_config(const probe::EngineLimits& limits) {
  using Kind = EngineConfig::Kind;
  const std::string& name = limits.scheduler;
  EngineConfig config;
  config.kind = name == "vllm_v0"   ? Kind::vllm_v0
                : name == "orca"    ? Kind::orca
                : name == "static"  ? Kind::static_batch
                : name == "sarathi" ? Kind::sarathi
                : name == "sglang"  ? Kind::sglang
                                    : Kind::tensorrt_llm;
  config.max_num_seqs = limits.max_num_seqs;
  config.token_budget = limits.max_num_batched_tokens;
  if (name == "sglang" && !limits.chunked_prefill) {
    config.token_budget = std::numeric_limits<std::int32_t>::max();
  }
  config.block_size = limits.block_size;
  config.usable_blocks = limits.usable_blocks;
  config.max_model_len = limits.max_model_len;
  config.watermark = limits.watermark;
  config.overlap = limits.async;
  config.prefix_caching = limits.prefix_caching;
  config.beside = [held = limits.per_sequence](std::int64_t tokens) { return held.blocks(tokens); };
  config.longest_prefix_first = limits.sglang.schedule_policy == SglangSpec::Policy::lpm;
  config.stages = limits.stages;
  config.ranks = limits.ranks;
  config.max_prefill_tokens = limits.sglang.max_prefill_tokens;
  config.schedule_conservativeness = limits.sglang.schedule_conservativeness;
  config.mixed_chunk = limits.sglang.enable_mixed_chunk;
  config.classic_retraction = limits.sglang.retracts_far;
  config.max_utilization =
      limits.tensorrt_llm.capacity_scheduler_policy == TensorRtSpec::Capacity::max_utilization;
  config.chunked_context = limits.chunked_prefill;
  config.equal_progress =
      limits.tensorrt_llm.context_chunking_policy == TensorRtSpec::Chunking::equal_progress;
  config.drafts = limits.speculative.num_speculative_tokens();
  if (config.drafts > 0) {
    // 2.5.4: SGLang's overlap scheduler keeps room for two steps behind what is committed; without
    // it what is verified. TensorRT-LLM: a drafter in the same engine has its later passes beside.
    const bool is_layer = limits.speculative.method == SpeculativeSpec::Method::mtp;
    config.draft_slots = name == "sglang"
                             ? (limits.async ? 2 * (config.drafts + 1) - 1 : config.drafts)
                             : config.drafts + (is_layer ? config.drafts - 1 : 0);
  }
  return config;
}

StepTime step_time(const probe::LinearStep& model) {
  return [&model](const Step& step) {
    std::int64_t time = model.base;
    for (const ScheduledRequest& s : step.scheduled) {
      time += model.per_token * s.n + model.reads(s.context + s.n);
    }
    return time;
  };
}

std::vector<Request> requests_of(const probe::RandomLoad& load) {
  std::vector<Request> requests;
  for (const penstock::Request& r : load.requests) {
    requests.push_back({r.arrival.ps, r.input_tokens, r.output_tokens, r.priority, r.content});
    if (load.limits.timeout_ps > 0) {
      requests.back().deadline_ps = r.arrival.ps + load.limits.timeout_ps;
    }
  }
  return requests;
}

/// "" or "WHAT 5, want 6".
std::string unequal(const std::string& what, std::int64_t want, std::int64_t got) {
  return want == got ? "" : what + " " + std::to_string(got) + ", want " + std::to_string(want);
}

std::string difference(const Observation::Of& want, const Observation::Of& got) {
  std::string wrong = unequal("rejected", want.rejected ? 1 : 0, got.rejected ? 1 : 0);
  if (!wrong.empty() || want.rejected) {
    return wrong;
  }
  const auto ask = [&](const std::string& what, std::int64_t w, std::int64_t g) {
    wrong = wrong.empty() ? unequal(what, w, g) : wrong;
  };
  ask("aborted", want.aborted ? 1 : 0, got.aborted ? 1 : 0);
  ask("first_scheduled", want.first_scheduled_ps, got.first_scheduled_ps);
  ask("cached_tokens", want.cached_tokens, got.cached_tokens);
  ask("number of tokens", std::ssize(want.token_ps), std::ssize(got.token_ps));
  for (std::size_t t = 0; wrong.empty() && t < want.token_ps.size(); ++t) {
    ask("token " + std::to_string(t + 1) + " at", want.token_ps[t], got.token_ps[t]);
  }
  ask("first_token", want.first_token_ps, got.first_token_ps);
  ask("finish", want.finish_ps, got.finish_ps);
  ask("preemptions", want.preemptions, got.preemptions);
  return wrong;
}

}  // namespace

Result run_reference(const probe::RandomLoad& load) {
  return simulate(reference_config(load.limits), requests_of(load), step_time(load.step));
}

Result run_engine_reference(const probe::RandomLoad& load) {
  return simulate_engine(engine_config(load.limits), requests_of(load), step_time(load.step));
}

Observation observe(const Result& reference) {
  Observation all;
  for (const Outcome& outcome : reference.requests) {
    Observation::Of& one = all.requests.emplace_back();
    one.rejected = outcome.reject != Reject::kNone;
    one.token_ps = outcome.token_ps;
    one.first_scheduled_ps = outcome.first_scheduled_ps;
    one.aborted = outcome.aborted;
    one.first_token_ps = outcome.token_ps.empty() ? -1 : outcome.token_ps.front();
    one.finish_ps = outcome.finish_ps;
    one.preemptions = outcome.preemptions;
    one.cached_tokens = outcome.cached_tokens;
    all.computed_tokens += outcome.computed;
    all.host_tokens += outcome.host_tokens;
  }
  all.steps = std::ssize(reference.steps);
  return all;
}

Observation observe(const probe::Probe& engine) {
  Observation all;
  for (std::size_t i = 0; i < engine.result.requests.size(); ++i) {
    const RequestRecord& record = engine.result.requests[i];
    Observation::Of& one = all.requests.emplace_back();
    one.rejected = record.status == RequestStatus::rejected;
    one.aborted = record.status == RequestStatus::aborted;
    for (const SimTime& token : engine.tokens[i]) {
      // One in flight when the client gave up comes back to nobody.
      if (!one.aborted || one.token_ps.size() < record.output_tokens) {
        one.token_ps.push_back(token.ps);
      }
    }
    one.first_scheduled_ps = record.first_scheduled.ps;
    one.first_token_ps = record.first_token.ps;
    one.finish_ps = record.finish.ps;
    one.preemptions = record.preemptions;
    one.cached_tokens = record.cached_tokens;
  }
  all.steps = engine.result.steps;
  all.host_tokens = engine.result.host_hit_tokens;
  for (const ReplicaResult& lane : engine.result.replicas) {
    all.computed_tokens += lane.total.all_tokens;
  }
  return all;
}

std::string difference(const Observation& want, const Observation& got) {
  std::string wrong =
      unequal("number of requests", std::ssize(want.requests), std::ssize(got.requests));
  for (std::size_t i = 0; wrong.empty() && i < want.requests.size(); ++i) {
    wrong = difference(want.requests[i], got.requests[i]);
    if (!wrong.empty()) {
      wrong = "request " + std::to_string(i) + ": " + wrong;
    }
  }
  if (wrong.empty()) {
    wrong = unequal("computed tokens", want.computed_tokens, got.computed_tokens);
  }
  if (wrong.empty()) {
    wrong = unequal("tokens from the host", want.host_tokens, got.host_tokens);
  }
  return wrong.empty() ? unequal("steps", want.steps, got.steps) : wrong;
}

}  // namespace penstock::oracle
