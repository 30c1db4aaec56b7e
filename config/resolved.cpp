#include "config/resolved.h"

#include <nlohmann/json.hpp>

#include "sim/cluster/router.h"

namespace penstock::config {

namespace {

using Json = nlohmann::ordered_json;
using Process = ArrivalSpec::Process;

const char* name_of(CostRule rule) {
  constexpr const char* names[] = {"phase", "cause",       "occupancy",
                                   "flops", "output_only", "blended"};
  return names[static_cast<std::size_t>(rule)];
}

const char* name_of(ArrivalSpec::Process process) {
  constexpr const char* names[] = {"poisson", "constant", "offline", "closed_loop",
                                   "gamma",   "weibull",  "on_off"};
  return names[static_cast<std::size_t>(process)];
}

/// Null if there is no time. Divided, not multiplied by 1e-12: 1 s is 1000.0 ms, not a hair more.
Json seconds(SimTime time) {
  return time == SimTime::never() ? Json() : Json(static_cast<double>(time.ps) / 1e12);
}
Json milliseconds(SimTime time) {
  return time == SimTime::never() ? Json() : Json(static_cast<double>(time.ps) / 1e9);
}

Json model_json(const Scenario& s) {
  const Architecture& m = s.model;
  Json json{{"name", s.model_name},
            {"title", m.title},
            {"weights", to_string(s.weights)},
            {"kv_cache", to_string(s.kv_cache)},
            {"parameters", parameters(m)},
            {"num_hidden_layers", m.num_hidden_layers},
            {"hidden_size", m.hidden_size},
            {"num_attention_heads", m.num_attention_heads},
            {"num_key_value_heads", m.num_key_value_heads},
            {"head_dim", m.head_dim},
            {"intermediate_size", m.intermediate_size},
            {"vocab_size", m.vocab_size},
            {"max_position_embeddings", m.max_position_embeddings},
            {"tie_word_embeddings", m.tie_word_embeddings},
            {"attention_bias", m.attention_bias},
            {"qk_norm", m.qk_norm}};
  if (const WeightDtypes weights = s.weight_dtypes(); weights.attention != weights.dense) {
    json["attention_weights"] = to_string(weights.attention);
  }
  if (m.moe_layers() > 0) {
    json["active_parameters"] = active_parameters(m);
    json["dense_weights"] = to_string(s.weight_dtypes().dense);
    json["num_experts"] = m.moe.num_experts;
    json["num_experts_per_tok"] = m.moe.num_experts_per_tok;
    json["moe_intermediate_size"] = m.moe.moe_intermediate_size;
    json["moe_layers"] = m.moe_layers();
  }
  if (m.mla.kv_lora_rank > 0) {
    json["kv_lora_rank"] = m.mla.kv_lora_rank;
  }
  if (kv_window(m) > 0) {
    json["sliding_window"] = m.sliding_window;
    json["sliding_layers"] = m.sliding_layers;
  }
  if (m.linear.layers > 0) {
    json["linear_layers"] = m.linear.layers;
    json["linear_state_dtype"] = m.linear.element_bytes == 2 ? "bfloat16" : "float32";
  }
  return json;
}

Json cluster_json(const ClusterSpec& c) {
  return {{"gpu", c.gpu.name},
          {"gpu_title", c.gpu.title},
          {"gpu_memory_bytes", c.gpu.memory_bytes},
          {"timing", c.gpu.timing.fit},
          {"tensor_parallel", c.tensor_parallel},
          {"pipeline_parallel", c.pipeline_parallel},
          {"data_parallel", c.data_parallel},
          {"expert_parallel", c.expert_parallel},
          {"replicas", c.replicas},
          {"gpus_per_replica", c.gpus_per_replica()},
          {"gpus", std::int64_t{c.gpus_per_replica()} * c.replicas},
          {"router", find_router(c.router).name}};
}

/// What only some engines have.
void add_own(const EngineSpec& e, Json& json) {
  if (const SpeculativeSpec& s = e.speculative; s.on()) {
    json["speculative"] = {{"method", to_string(s.method)},
                           {"num_speculative_tokens", s.num_speculative_tokens()},
                           {"acceptance", s.acceptance}};
    if (s.method == SpeculativeSpec::Method::draft_model) {
      json["speculative"]["draft_model"] = s.drafter.name;
    }
  }
  if (e.scheduler == "sglang") {
    json["max_prefill_tokens"] = e.sglang.max_prefill_tokens;
    json["schedule_conservativeness"] = e.sglang.schedule_conservativeness;
    json["schedule_policy"] = e.sglang.schedule_policy == SglangSpec::Policy::lpm ? "lpm" : "fcfs";
    json["enable_mixed_chunk"] = e.sglang.enable_mixed_chunk;
  }
  if (e.scheduler == "tensorrt_llm") {
    const TensorRtSpec& t = e.tensorrt_llm;
    json["capacity_scheduler_policy"] =
        t.capacity_scheduler_policy == TensorRtSpec::Capacity::max_utilization
            ? "max_utilization"
            : "guaranteed_no_evict";
    json["context_chunking_policy"] =
        t.context_chunking_policy == TensorRtSpec::Chunking::equal_progress
            ? "equal_progress"
            : "first_come_first_served";
  }
}

Json engine_json(const EngineSpec& e) {
  Json json{{"preset", e.preset},
            {"scheduler", e.scheduler},
            {"max_num_seqs", e.max_num_seqs},
            {"max_num_batched_tokens", e.max_num_batched_tokens},
            {"block_size", e.block_size.tokens()},
            {"num_gpu_blocks", e.num_gpu_blocks},
            {"gpu_memory_utilization", e.gpu_memory_utilization},
            {"max_model_len", e.max_model_len},
            {"enable_chunked_prefill", e.enable_chunked_prefill},
            {"long_prefill_token_threshold", e.long_prefill_token_threshold},
            {"enable_prefix_caching", e.enable_prefix_caching},
            {"async_scheduling", e.async_scheduling},
            {"scheduling_policy",
             e.scheduling_policy == SchedulingPolicy::priority ? "priority" : "fcfs"},
            {"scheduler_reserve_full_isl", e.scheduler_reserve_full_isl},
            {"watermark", e.watermark},
            {"cuda_graph_sizes", e.cuda_graph_sizes},
            {"cpu_overhead",
             {{"per_step_ms", milliseconds(e.cpu_overhead.per_step)},
              {"per_sequence_ms", milliseconds(e.cpu_overhead.per_sequence)},
              {"overlap", e.cpu_overhead.overlap}}},
            {"front_ends", e.cpu_overhead.front_ends},
            {"front_end_latency_ms", milliseconds(e.front_end_latency)}};
  add_own(e, json);
  return json;
}

Json slo_json(const Slo& slo) {
  return {{"ttft_ms", milliseconds(slo.ttft)},
          {"tpot_ms", milliseconds(slo.tpot)},
          {"e2e_ms", milliseconds(slo.e2e)},
          {"attainment", slo.attainment}};
}

Json length_json(const LengthSpec& lengths) {
  switch (lengths.kind) {
    case LengthSpec::Kind::fixed:
      return {{"fixed", lengths.a}};
    case LengthSpec::Kind::uniform:
      return {{"uniform", {lengths.a, lengths.b}}};
    case LengthSpec::Kind::lognormal:
      return {{"lognormal", {{"mu", lengths.a}, {"sigma", lengths.b}}}};
    case LengthSpec::Kind::quantiles:
      break;
  }
  return {{"quantiles", {{"probabilities", lengths.probabilities}, {"values", lengths.values}}}};
}

/// What only some arrival processes have.
void add_arrivals(const ArrivalSpec& a, Json& json) {
  if (a.process == Process::gamma || a.process == Process::weibull ||
      a.process == Process::on_off) {
    json["cv"] = a.cv;
  }
  if (a.process == Process::on_off) {
    json["on_s"] = seconds(a.on);
    json["off_s"] = seconds(a.off);
    json["off_rate"] = a.off_rate;
  }
  if (!a.modulation.from.empty()) {
    Json from = Json::array();
    for (const SimTime time : a.modulation.from) {
      from.push_back(seconds(time));
    }
    json["modulation"] = {{"from_s", std::move(from)},
                          {"factors", a.modulation.factors},
                          {"period_s", seconds(a.modulation.period)}};
  }
  if (a.rescale) {
    json["rescale"] = true;
  }
  if (a.clients.count > 1) {
    constexpr const char* skews[] = {"equal", "zipf", "lognormal"};
    json["clients"] = {{"count", a.clients.count},
                       {"skew", skews[static_cast<std::size_t>(a.clients.skew)]},
                       {"spread", a.clients.spread},
                       {"cv", a.clients.cv ? length_json(*a.clients.cv) : Json()}};
  }
}

/// Times in seconds.
Json session_json(const SessionSpec& s) {
  Json json{{"turns", length_json(s.turns)},
            {"think_s", length_json(s.think)},
            {"follow_up", length_json(s.follow_up)},
            {"max_context", s.max_context},
            {"tools", nullptr},
            {"branches", nullptr}};
  if (s.tool_share > 0) {
    json["tools"] = {{"share", s.tool_share},
                     {"delay_s", length_json(s.tool_delay)},
                     {"result", length_json(s.tool_result)}};
  }
  if (s.branch_share > 0) {
    json["branches"] = {{"share", s.branch_share},
                        {"count", length_json(s.branch_count)},
                        {"input", length_json(s.branch_input)},
                        {"output", length_json(s.branch_output)}};
  }
  return json;
}

Json class_json(const ClassSpec& c, bool has_arrivals, bool has_lengths) {
  Json json{{"name", c.name}};
  if (has_arrivals) {
    json["process"] = name_of(c.arrivals.process);
    json["rate_per_s"] = c.rate > 0 ? Json(c.rate) : Json();
    json["concurrency"] = c.arrivals.concurrency > 0 ? Json(c.arrivals.concurrency) : Json();
    json["think_s"] = seconds(c.arrivals.think);
    json["share"] = c.share > 0 ? Json(c.share) : Json();
    add_arrivals(c.arrivals, json);
  }
  if (has_lengths) {
    json["input"] = length_json(c.input);
    json["output"] = length_json(c.output);
    if (c.rank_correlation != 0) {
      json["rank_correlation"] = c.rank_correlation;
    }
    if (c.sessions) {
      json["sessions"] = session_json(*c.sessions);
    }
  }
  json["prefix"] =
      c.prefix.shared > 0 ? Json{{"shared", c.prefix.shared}, {"groups", c.prefix.groups}} : Json();
  if (c.prefix.prompts > 0) {
    json["prefix"]["prompts"] = c.prefix.prompts;
  }
  json["priority"] = c.priority;
  json["timeout_s"] = c.timeout == SimTime::never() ? Json() : Json(seconds(c.timeout));
  json["slo"] = c.slo ? slo_json(*c.slo) : Json();
  return json;
}

Json columns_json(const TraceColumns& columns) {
  Json json;
  for (const auto& [key, column] : columns.names) {
    json[key] = column;
  }
  json["time"] = columns.time_unit;
  return json;
}

Json trace_json(const TraceSpec& t) {
  constexpr auto all = std::numeric_limits<std::uint64_t>::max();
  return {{"file", t.file},
          {"format", t.format.empty() ? Json() : Json(t.format)},
          {"columns", t.columns ? columns_json(*t.columns) : Json()},
          {"start_s", seconds(t.start)},
          {"duration_s", seconds(t.duration)},
          {"requests", t.requests == all ? Json() : Json(t.requests)},
          {"thin", t.thin},
          {"rate_scale", t.rate_scale},
          {"block_tokens", t.block_tokens > 0 ? Json(t.block_tokens) : Json()},
          {"skip_bad_rows", t.skip_bad_rows}};
}

Json workload_json(const WorkloadSpec& w) {
  Json json;
  json["requests"] = w.requests > 0 ? Json(w.requests) : Json();
  json["duration_s"] = w.duration > SimTime{} ? Json(seconds(w.duration)) : Json();
  json["warmup_s"] = seconds(w.warmup);
  json["trace"] = w.trace ? trace_json(*w.trace) : Json();
  json["classes"] = Json::array();
  for (std::size_t i = 0; i < w.classes.size(); ++i) {
    const bool is_of_trace = w.trace && i == w.trace_class;
    json["classes"].push_back(
        class_json(w.classes[i], !is_of_trace || w.trace->has_arrivals, !is_of_trace));
  }
  return json;
}

Json owned_json(const OwnedSpec& o) {
  if (!o.missing.empty()) {
    return nullptr;
  }
  const bool is_all_in = o.all_in_per_hour > 0;
  return {{"capital", is_all_in ? Json() : Json(o.capital)},
          {"life_hours", is_all_in ? Json() : Json(o.life_hours)},
          {"hosting_per_hour", is_all_in ? Json() : Json(o.hosting_per_hour)},
          {"all_in_per_hour", is_all_in ? Json(o.all_in_per_hour) : Json()},
          {"source", o.source},
          {"low_per_hour", o.low_per_hour > 0 ? Json(o.low_per_hour) : Json()},
          {"high_per_hour", o.high_per_hour > 0 ? Json(o.high_per_hour) : Json()}};
}

Json prices_json(const PriceSpec& p) {
  return {{"currency", p.currency},
          {"gpu_per_hour", p.gpu_per_hour},
          {"source", p.source},
          {"low_per_hour", p.low_per_hour > 0 ? Json(p.low_per_hour) : Json()},
          {"high_per_hour", p.high_per_hour > 0 ? Json(p.high_per_hour) : Json()},
          {"electricity_per_kwh", p.electricity_per_kwh > 0 ? Json(p.electricity_per_kwh) : Json()},
          {"pue", p.pue},
          {"host_share", p.host_share},
          {"owned", owned_json(p.owned)}};
}

}  // namespace

nlohmann::ordered_json to_json(const Scenario& s) {
  Json json;
  json["model"] = model_json(s);
  json["cluster"] = cluster_json(s.cluster);
  json["engine"] = engine_json(s.engine);
  json["step_model"] = s.step_model.kind == StepModelSpec::Kind::constant
                           ? Json{{"constant_ms", milliseconds(s.step_model.constant)}}
                           : Json("roofline");
  json["workload"] = workload_json(s.workload);
  json["slo"] = slo_json(s.slo);
  json["prices"] = prices_json(s.prices);
  json["cost_rule"] = name_of(s.prices.rule);
  json["seed"] = s.seed;
  json["until_s"] = seconds(s.until);
  return json;
}

}  // namespace penstock::config
