#include <algorithm>
#include <array>
#include <deque>
#include <string>
#include <vector>

#include "config/catalog_rows.h"

namespace penstock::config {

namespace catalog_rows {
namespace {

constexpr auto gpu_keys = with_common_keys(std::to_array<Key>({
    text("vendor"),
    text("architecture"),
    whole("launch_year", 1990, 2100, false),
    {.path = "memory",
     .doc = "as the driver shows it",
     .scalar = Scalar::number,
     .required = true,
     .unit = Unit::bytes,
     .min = 1e9,
     .max = 1e15},
    bandwidth("memory_bandwidth"),
    whole("sm_count", 1, 1e5),
    map("peak", true),
    required(compute("peak.bf16")),
    compute("peak.fp8"),
    compute("peak.int8"),
    compute("peak.fp4"),
    number("tdp", Unit::power, 1, 1e5, false),
    number("idle_power", Unit::power, 0, 1e5, false),
    map("interconnect"),
    text("interconnect.kind"),
    bandwidth("interconnect.bandwidth", false),
    whole("interconnect.domain", 1, 1e6, false),
    map("host_link"),
    text("host_link.kind"),
    bandwidth("host_link.bandwidth", false),
    map("timing"),
    choice("timing.fit", "kernels|end-to-end|assumed|datasheet"),
    map("timing.peak", true),
    required(compute("timing.peak.bf16")),
    compute("timing.peak.fp8"),
    compute("timing.peak.int8"),
    compute("timing.peak.nvfp4"),
    compute("timing.peak.mxfp4"),
    bandwidth("timing.memory_bandwidth"),
    whole("timing.sm_count", 1, 1e5),
    map("timing.gemm", true),
    latency("timing.gemm.latency"),
    map("timing.gemm.flops_efficiency", true),
    efficiency("timing.gemm.flops_efficiency.bf16"),
    efficiency("timing.gemm.flops_efficiency.head"),
    efficiency("timing.gemm.flops_efficiency.fp8", false),
    efficiency("timing.gemm.flops_efficiency.nvfp4", false),
    efficiency("timing.gemm.flops_efficiency.mxfp4", false),
    efficiency("timing.gemm.bandwidth_efficiency"),
    exponent("timing.gemm.smooth_p"),
    number("timing.gemm.narrow_n0", Unit::count, 0, 1e6),
    map("timing.attention_decode", true),
    latency("timing.attention_decode.latency"),
    efficiency("timing.attention_decode.bandwidth_efficiency"),
    latency("timing.attention_decode.per_sequence"),
    map("timing.attention_prefill", true),
    latency("timing.attention_prefill.latency"),
    efficiency("timing.attention_prefill.flops_efficiency"),
    latency("timing.attention_prefill.critical_path"),
    exponent("timing.attention_prefill.smooth_p"),
    map("timing.attention_mixed", true),
    latency("timing.attention_mixed.decode_per_head_kv"),
    latency("timing.attention_mixed.per_sequence"),
    exponent("timing.attention_mixed.smooth_p"),
    flag("timing.attention_mixed.gqa_packed", true),
    map("timing.elementwise", true),
    latency("timing.elementwise.latency"),
    efficiency("timing.elementwise.bandwidth_efficiency"),
    map("timing.all_reduce", true),
    map("timing.all_reduce.latency", true),
    latency("timing.all_reduce.latency.2"),
    latency("timing.all_reduce.latency.4", false),
    latency("timing.all_reduce.latency.8", false),
    latency("timing.all_reduce.latency.16", false),
    latency("timing.all_reduce.latency.32", false),
    latency("timing.all_reduce.latency.64", false),
    bandwidth("timing.all_reduce.bandwidth"),
    map("timing.moe_flops_efficiency"),
    efficiency("timing.moe_flops_efficiency.bf16", false),
    efficiency("timing.moe_flops_efficiency.fp8", false),
    efficiency("timing.moe_flops_efficiency.nvfp4", false),
    efficiency("timing.moe_flops_efficiency.mxfp4", false),
    bandwidth("timing.link_bandwidth", false),
}));

constexpr auto engine_keys = with_common_keys(std::to_array<Key>({
    choice("scheduler", "vllm_v1|vllm_v0|tensorrt_llm|sglang|sarathi|orca|static"),
    map("limits", true),
    map("limits.large", true),
    whole("limits.large.max_num_batched_tokens", 1, 1e7),
    whole("limits.large.max_num_seqs", 1, 1e6),
    map("limits.other", true),
    whole("limits.other.max_num_batched_tokens", 1, 1e7),
    whole("limits.other.max_num_seqs", 1, 1e6),
    whole("block_size", 1, 4096),
    number("gpu_memory_utilization", Unit::fraction, 0.01, 1),
    flag("enable_chunked_prefill", true),
    flag("enable_prefix_caching", false),
    flag("async_scheduling", true),
    flag("retracts_far", false),
    choice("schedule_policy", "fcfs|lpm", false),
    flag("scheduler_reserve_full_isl", true),
    number("watermark", Unit::fraction, 0, 0.99),
    choice("scheduling_policy", "fcfs|priority"),
    choice("cuda_graph_sizes", "vllm|none"),
    choice("memory_rule", "vllm|tensorrt_llm|sglang"),
    number("kv_reserve", Unit::bytes, 0, 1e12, false),
    map("cpu_overhead", true),
    latency("cpu_overhead.per_step"),
    latency("cpu_overhead.per_sequence"),
    flag("cpu_overhead.overlap", true),
    latency("front_end_latency", false),
    map("timing", true),
    factor("timing.gpu_time_factor"),
    factor("timing.gemm_latency_factor"),
    factor("timing.decode_per_sequence_factor"),
    factor("timing.elementwise_factor"),
    factor("timing.all_reduce_latency_factor"),
    choice("timing.attention", "mixed|separate"),
    map("moe"),
    latency("moe.latency", false),
    latency("moe.fp8_latency", false),
    latency("moe.deep_gemm_latency", false),
    efficiency("moe.bandwidth_efficiency", false),
    number("moe.imbalance", Unit::count, 0, 100, false),
    flag("moe.mxfp4_as_bf16"),
    latency("pipeline_per_stage", false),
}));

constexpr auto price_keys = with_common_keys(std::to_array<Key>({
    choice("kind", "gpu_rental"),
    number("usd_per_hour", Unit::money_per_hour, 0, 1e6),
    list("spread"),
    number("spread[]", Unit::money_per_hour, 0, 1e6, false),
    map("owned"),
    number("owned.capital", Unit::money, 0, 1e9, false),
    number("owned.life", Unit::time, 3600e12, 100 * 365 * 86400e12, false),
    number("owned.hosting", Unit::money_per_hour, 0, 1e6, false),
    number("owned.per_hour", Unit::money_per_hour, 0, 1e6),
    list("owned.spread"),
    number("owned.spread[]", Unit::money_per_hour, 0, 1e6, false),
    text("owned.date", {}, true),
    text("owned.source", {}, true),
    list("offers"),
    map("offers[]"),
    text("offers[].provider"),
    text("offers[].terms"),
    number("offers[].price", Unit::money_per_hour, 0, 1e6),
    text("offers[].date"),
    text("offers[].source"),
}));

constexpr auto list_price_keys = with_common_keys(std::to_array<Key>({
    choice("kind", "list_price"),
    text("provider", "who sells it", true),
    text("model", "as the provider calls it", true),
    list("serves"),
    text("serves[]", "a model of the catalogue"),
    map("per_million", true),
    number("per_million.input", Unit::money, 0, 1e6),
    number("per_million.cached_input", Unit::money, 0, 1e6, false),
    number("per_million.output", Unit::money, 0, 1e6),
    list("long_context"),
    map("long_context[]"),
    whole("long_context[].above_tokens", 1, 1e9),
    map("long_context[].per_million", true),
    number("long_context[].per_million.input", Unit::money, 0, 1e6),
    number("long_context[].per_million.cached_input", Unit::money, 0, 1e6, false),
    number("long_context[].per_million.output", Unit::money, 0, 1e6),
    text("note"),
}));

constexpr auto profile_keys = with_common_keys(std::to_array<Key>({
    choice("kind", "length_profile"),
    whole("requests", 1, 1e15, false),
    required(list("probabilities")),
    number("probabilities[]", Unit::fraction, 0, 1, false),
    required(list("input")),
    number("input[]", Unit::count, 0, 1e7, false),
    required(list("output")),
    number("output[]", Unit::count, 0, 1e7, false),
    number("rank_correlation", Unit::count, -1, 1, false),
    number("input_mean", Unit::count, 0, 1e7, false),
    number("output_mean", Unit::count, 0, 1e7, false),
    map("arrivals"),
    number("arrivals.rate", Unit::rate, 0, 1e9),
    number("arrivals.cv", Unit::count, 0, 1000, false),
    number("arrivals.fano_1s", Unit::count, 0, 1e6, false),
    number("arrivals.fano_10s", Unit::count, 0, 1e6, false),
    number("arrivals.fano_60s", Unit::count, 0, 1e6, false),
    number("arrivals.lowest_rate", Unit::rate, 0, 1e9, false),
    number("arrivals.highest_rate", Unit::rate, 0, 1e9, false),
    number("arrivals.top_client", Unit::fraction, 0, 1, false),
    number("arrivals.top_10_clients", Unit::fraction, 0, 1, false),
    number("arrivals.client_cv_p5", Unit::count, 0, 1000, false),
    number("arrivals.client_cv_p50", Unit::count, 0, 1000, false),
    number("arrivals.client_cv_p95", Unit::count, 0, 1000, false),
    map("like"),
}));

/// The keys of a profile; those of `like` are those of a class's `arrivals`.
std::vector<Key> all_profile_keys() {
  static std::deque<std::string> paths;
  constexpr std::string_view prefix = "workload.classes[].arrivals.";
  std::vector<Key> keys(profile_keys.begin(), profile_keys.end());
  for (Key key : workload_schema()) {
    if (key.path.starts_with(prefix)) {
      key.path = paths.emplace_back("like." + std::string(key.path.substr(prefix.size())));
      keys.push_back(key);
    }
  }
  return keys;
}

}  // namespace
}  // namespace catalog_rows

Schema gpu_schema() { return catalog_rows::gpu_keys; }
Schema engine_schema() { return catalog_rows::engine_keys; }
Schema price_schema() { return catalog_rows::price_keys; }
Schema profile_schema() {
  static const std::vector<Key> keys = catalog_rows::all_profile_keys();
  return keys;
}
Schema list_price_schema() { return catalog_rows::list_price_keys; }

}  // namespace penstock::config
