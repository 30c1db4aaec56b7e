#include "config/schema.h"

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "config/schema_rows.h"

namespace penstock::config {

std::string join_path(std::string_view prefix, std::string_view name) {
  std::string path(prefix);
  if (!path.empty()) {
    path += '.';
  }
  return path += name;
}

const Key* find_key(Schema schema, std::string_view prefix, std::string_view name) {
  const std::string path = join_path(prefix, name);
  const std::string wildcard = join_path(prefix, "*");
  const Key* any = nullptr;
  for (const Key& key : schema) {
    if (key.path == path) {
      return &key;
    }
    if (key.path == wildcard) {
      any = &key;
    }
  }
  return any;
}

std::vector<std::string_view> keys_of(Schema schema, std::string_view prefix) {
  std::vector<std::string_view> names;
  for (const Key& key : schema) {
    std::string_view name = key.path;
    if (!prefix.empty()) {
      if (!name.starts_with(prefix) || name.size() <= prefix.size() || name[prefix.size()] != '.') {
        continue;
      }
      name.remove_prefix(prefix.size() + 1);
    }
    if (name.find_first_of(".[*") == std::string_view::npos) {
      names.push_back(name);
    }
  }
  return names;
}

namespace rows {

namespace {

constexpr double one_hour = 3600e12;  // of a step, in ps
constexpr double ten_seconds = 10e12;
constexpr double hundred_years = 100 * 365 * 86400e12;
constexpr std::string_view plan_chooses = "`penstock plan` chooses one, or give `cluster.gpu`";

constexpr std::string_view weight_dtypes = "bf16|fp8|int8|nvfp4|mxfp4|int4|int4_g32|w8a16|nvfp4a16";

constexpr Key unless_planned(Key key) {
  key.required = true;
  key.or_else = plan_chooses;
  return key;
}

constexpr Key workload_keys[] = {
    required(text("model",
                  "catalogue name, or path of a Hugging Face config.json or of a YAML file like "
                  "the catalogue's")),
    or_map(choice("weights", "how weights are stored", weight_dtypes, "the checkpoint's")),
    choice("weights.experts", "those of routed experts", weight_dtypes, "the checkpoint's"),
    choice("weights.dense", "all others", weight_dtypes, "the checkpoint's"),
    choice("weights.attention", "projections of attention and linear layers", weight_dtypes,
           "as `dense`"),
    choice("kv_cache", "how the KV cache is stored", "bf16|fp8", "the checkpoint's"),
    {.path = "seed", .doc = "of all random numbers", .scalar = Scalar::seed, .by_default = "1"},
    text("calibration",
         "file of `penstock calibrate`: your own values of the step model's parameters"),

    unless_planned(map("cluster", "the GPUs and how they are used")),
    unless_planned(text("cluster.gpu",
                        "catalogue name of the GPU, or path of a YAML file like the catalogue's")),
    whole("cluster.tensor_parallel", "GPUs that share one copy of the model", 1, 1024, "1"),
    whole("cluster.pipeline_parallel",
          "stages of a replica, each tensor_parallel x data_parallel GPUs with a share of the "
          "layers, and as many batches in flight; for the schedulers of vLLM V1 and TensorRT-LLM",
          1, 1024, "1"),
    whole("cluster.data_parallel",
          "ranks of a replica, each tensor_parallel GPUs with requests and a KV pool of its own; "
          "they share the experts, and every step is as long as the slowest rank's",
          1, 1024, "1"),
    whole("cluster.expert_parallel",
          "GPUs over which routed experts are spread: 1 (they are split as the rest is), or all of "
          "a stage, tensor_parallel x data_parallel",
          1, 1024, "1"),
    number("cluster.network_bandwidth",
           "of each GPU to other servers, in each direction; for replicas that are larger than a "
           "server",
           Unit::bandwidth, 1e8, 1e13, "that of the catalogue's server"),
    whole("cluster.replicas", "copies of the engine", 1, 65535, "1"),
    choice(
        "cluster.router", "which replica gets a request",
        "round_robin|random|least_outstanding|power_of_two|least_kv|session_affinity|prefix_aware|"
        "kv_aware|weighted",
        "round_robin"),
    number("cluster.scrape_interval",
           "how often routers see the replicas' queues and KV usage, where they go by those",
           Unit::time, 1e9, one_hour, "50ms"),
    later("cluster.pools", "pools of different replicas",
          "this version has one pool of equal replicas"),
    later("cluster.autoscaler", "replicas that follow the load",
          "this version has a fixed number of replicas"),

    map("engine",
        "the inference engine; keys as vLLM spells them, or as the one engine that has "
        "them does"),
    text("engine.preset", "a known engine and version; the other keys override it"),
    whole("engine.max_num_seqs", "most sequences in one step", 1, 1e6, "preset, by GPU"),
    whole("engine.max_num_batched_tokens", "most tokens in one step", 1, most_tokens,
          "preset, by GPU"),
    whole("engine.block_size", "tokens in a KV block", 1, 4096, "preset"),
    whole("engine.num_gpu_blocks_override",
          "KV blocks of one replica, instead of what memory gives", 1, 1e9),
    number("engine.gpu_memory_utilization", "share of the memory that the engine may use",
           Unit::fraction, 0, 1, "preset", true),
    whole("engine.max_model_len", "longest prompt and output together", 2, most_tokens,
          "the model's, or what the pool holds"),
    flag("engine.enable_chunked_prefill", "prompts may be computed in pieces", "preset"),
    whole("engine.long_prefill_token_threshold",
          "most prompt tokens of one request in one step; 0 = off", 0, most_tokens, "0"),
    flag("engine.enable_prefix_caching", "reuse the KV blocks of equal prefixes", "preset"),
    number(
        "engine.kv_offloading_size",
        "host memory that keeps KV blocks behind the GPU's, over all GPUs of a replica; 0 = none",
        Unit::bytes, 0, 1e15, "0"),
    number("engine.kv_offloading_bandwidth",
           "of each GPU's link to the host, in each direction: 25 GB/s is PCIe 4 x16",
           Unit::bandwidth, 1e6, 1e13, "25GB/s"),
    flag("engine.async_scheduling", "schedule the next step while this one runs", "preset"),
    choice("engine.scheduling_policy", "order of the waiting queue", "fcfs|priority", "fcfs"),
    flag("engine.scheduler_reserve_full_isl", "admit only if the whole prompt fits", "preset"),
    whole("engine.max_queued_requests", "requests beyond are refused; 0 = no limit", 0, 1e9, "0"),
    number("engine.watermark", "share of the blocks kept free at admission", Unit::fraction, 0,
           0.99, "preset"),
    whole("engine.chunked_prefill_size",
          "SGLang: most tokens of prompts in one step; its name for `max_num_batched_tokens`", 1,
          most_tokens, "preset, by GPU"),
    whole("engine.max_prefill_tokens",
          "SGLang: most tokens of a batch of prompts, unless it is of one request", 1, most_tokens,
          "16384"),
    choice("engine.schedule_policy",
           "SGLang: order of the waiting queue; lpm is the longest cached prefix first", "fcfs|lpm",
           "preset"),
    number("engine.schedule_conservativeness",
           "SGLang: scales the memory kept free for output yet to come", Unit::count, 0, 100, "1"),
    flag("engine.enable_mixed_chunk", "SGLang: decodes run beside prompts", "false"),
    choice("engine.capacity_scheduler_policy", "TensorRT-LLM: who gets KV blocks",
           "guaranteed_no_evict|max_utilization", "guaranteed_no_evict"),
    choice("engine.context_chunking_policy", "TensorRT-LLM: which prompts the pieces are of",
           "first_come_first_served|equal_progress", "first_come_first_served"),
    flag("engine.enable_chunked_context",
         "TensorRT-LLM: prompts may be computed in pieces; its name for `enable_chunked_prefill`",
         "preset"),
    or_list(choice("engine.cuda_graph_sizes", "token counts to which a step is padded",
                   "default|none", "by preset")),
    whole("engine.cuda_graph_sizes[]", "a captured size", 1, 1e6),
    map("engine.cpu_overhead", "CPU time beside the GPU's"),
    number("engine.cpu_overhead.per_step", "of each step", Unit::time, 0, ten_seconds, "preset"),
    number("engine.cpu_overhead.per_sequence", "of each sequence in a step", Unit::time, 0,
           ten_seconds, "preset"),
    flag("engine.cpu_overhead.overlap", "the GPU works meanwhile", "preset"),
    number("engine.front_end_latency",
           "from a request's arrival at the server until the engine has it, and back: HTTP, "
           "tokeniser, hand-over; in TTFT, E2E and queueing time",
           Unit::time, 0, ten_seconds, "preset"),
    number("engine.reserve", "memory of a GPU that is neither weights nor KV", Unit::bytes, 0, 1e15,
           "by a rule"),
    whole("engine.pipeline_depth",
          "steps that are scheduled at a time: 2 is `async_scheduling`, by another name", 1, 2,
          "preset"),
    choice("engine.mamba_ssm_cache_dtype",
           "states of linear layers; `auto`: bf16 for Mamba-2 with vLLM, else float32",
           "auto|float32", "auto"),
    whole("engine.front_ends",
          "processes of a replica that stream its tokens, each an equal share of the sequences: "
          "`cpu_overhead.per_sequence` counts those of one",
          1, 10'000, "one per server; of SGLang one per rank, of TensorRT-LLM one"),
    map("engine.speculative",
        "speculative decoding, with the schedulers of vLLM V1, SGLang and TensorRT-LLM"),
    required(choice("engine.speculative.method", "who proposes tokens",
                    "ngram|eagle|eagle3|mtp|draft_model", {})),
    required(whole("engine.speculative.num_speculative_tokens",
                   "drafts a step and sequence; 0 = no speculation", 0, 16)),
    required(or_list(number("engine.speculative.acceptance",
                            "probability that a draft is accepted if all before it are, of each "
                            "or by position",
                            Unit::fraction, 0, 1))),
    number("engine.speculative.acceptance[]", "of the draft at this position", Unit::fraction, 0,
           1),
    text("engine.speculative.draft_model",
         "`draft_model`: as `model`, the smaller model that proposes"),

    or_map(choice("step_model", "how long a step takes", "roofline", "roofline")),
    number("step_model.constant", "every step takes this long", Unit::time, 0, one_hour, {}, true),
    later("step_model.table", "file of measured points",
          "this version has `roofline` and `constant`"),

    map("workload", "the traffic: a trace, classes of generated requests, or both", true),
    whole("workload.requests", "generated requests, over all classes", 1, most_requests),
    time("workload.duration", "time in which requests are generated"),
    time("workload.warmup", "requests that arrive before are left out of latencies and SLOs", "0s",
         false),
    time("workload.timeout", "clients give up so long after arrival: the request is aborted"),
    number("workload.rate", "requests per second over all classes; they have a `share` each",
           Unit::rate, once_a_day, 1e9),
    number("workload.rate_scale", "multiplies the rate of every class, and that of the trace",
           Unit::count, 1e-6, 1e6, "1"),
    map("workload.trace", "requests of a file"),
    required(text("workload.trace.file",
                  "path, relative to the workload file; of a folder: ServeGen's clients")),
    // The names of workloads/trace.cpp, which config/ may not include; a test compares them.
    choice("workload.trace.format", "recognised by content if not given",
           "azure|vidur|splitwise-sim|burstgpt|inference-sim|csv|bailian|mooncake|llmservingsim|"
           "jsonl|sharegpt",
           {}),
    map("workload.trace.columns", "the columns of a CSV or JSONL file of your own, by name"),
    text("workload.trace.columns.arrival", "when requests come; a file without needs a `rate`"),
    required(text("workload.trace.columns.input", "prompt tokens")),
    required(text("workload.trace.columns.output", "output tokens")),
    text("workload.trace.columns.session", "conversation"),
    text("workload.trace.columns.delay", "time from the end of the session's turn before"),
    text("workload.trace.columns.priority", "smaller = more important"),
    text("workload.trace.columns.class", "who sent it"),
    text("workload.trace.columns.prefix_group", "requests of a group share their first tokens,"),
    text("workload.trace.columns.prefix_tokens", "so many of `input`"),
    text("workload.trace.columns.hash_ids", "ids of the prompt's blocks; needs `block_tokens`"),
    choice("workload.trace.columns.time", "how `arrival` and `delay` are written",
           "seconds|milliseconds|microseconds|nanoseconds|timestamp", "seconds"),
    time("workload.trace.start", "skip what arrives before", "0s", false),
    time("workload.trace.duration", "keep this much of the trace's time"),
    whole("workload.trace.requests", "keep so many requests", 1, most_requests),
    number("workload.trace.thin",
           "keep each request with this probability, a session's all or none", Unit::fraction, 0, 1,
           "100%", true),
    number("workload.trace.rate_scale", "compress time by this factor", Unit::count, 1e-6, 1e6,
           "1"),
    whole("workload.trace.block_tokens", "tokens in a block of its hash ids", 1, 1 << 20,
          "the format's"),
    flag("workload.trace.skip_bad_rows", "leave out rows that cannot be read, and count them",
         "false"),
    number("workload.trace.rate", "requests per second, instead of the trace's own times",
           Unit::rate, once_a_day, 1e9),
    map("workload.trace.arrivals", "when requests come, instead of the trace's own times"),
    choice("workload.trace.arrivals.process", "what the gaps between arrivals look like",
           "poisson|constant|offline|closed_loop", "poisson"),
    whole("workload.trace.arrivals.concurrency", "closed loop: clients", 1, 1e7),
    time("workload.trace.arrivals.think", "closed loop: pause before a client's next request", "0s",
         false),
    {.path = "workload.classes", .doc = "classes of generated requests", .list = true},
    map("slo", "latency limits"),
    time("slo.ttft", "time to first token"),
    time("slo.tpot", "time per output token after the first"),
    time("slo.e2e", "arrival to last token"),
    number("slo.attainment", "share of requests that must meet all limits", Unit::fraction, 0, 1,
           "99%"),

    map("prices", "what the hardware costs"),
    or_map(number("prices.gpu", "rent of one GPU, or a map of GPU names to rents",
                  Unit::money_per_hour, 0, 1e6, "catalogue")),
    number("prices.gpu.*", "rent of this GPU", Unit::money_per_hour, 0, 1e6),
    number("prices.electricity", "price of energy", Unit::money_per_kwh, 0, 1e3),
    number("prices.pue", "facility energy over server energy", Unit::count, 1, 10, "1"),
    number("prices.host_share", "power of hosts, fans and switches over that of the GPUs",
           Unit::fraction, 0, 10, "40%"),
    or_map(number("prices.owned", "owning one GPU, electricity and all, or a map of its parts",
                  Unit::money_per_hour, 0, 1e6, "catalogue")),
    required(number("prices.owned.capital", "of one GPU with its share of server and network",
                    Unit::money, 0, 1e9)),
    required(number("prices.owned.life", "in which it is written off", Unit::time, one_hour,
                    hundred_years)),
    number("prices.owned.hosting", "space, cooling and staff for one GPU, without electricity",
           Unit::money_per_hour, 0, 1e6, "0"),
    map("cost", "how the bill is shared out"),
    choice("cost.rule", "the leading rule", "phase|cause|occupancy|flops|output_only|blended",
           "phase"),

    map("plan", "the space that `penstock plan` searches; other commands ignore it"),
    list("plan.gpus", "GPUs to choose from", "those of a map `prices.gpu`, else all with a price"),
    text("plan.gpus[]", "catalogue name of a GPU"),
    list("plan.tensor_parallel", "GPUs that share one copy of the model", "[1, 2, 4, 8]"),
    whole("plan.tensor_parallel[]", "a number of GPUs", 1, 1024),
    list("plan.pipeline_parallel", "stages of a replica, each of tensor_parallel GPUs",
         "the file's"),
    whole("plan.pipeline_parallel[]", "a number of stages", 1, 1024),
    list("plan.data_parallel",
         "ranks of a replica, each of tensor_parallel GPUs, with experts spread over all",
         "the file's"),
    whole("plan.data_parallel[]", "a number of ranks", 1, 1024),
    list("plan.weights", "how weights may be stored", "the file's"),
    choice("plan.weights[]", "", weight_dtypes, {}),
    list("plan.kv_cache", "how the KV cache may be stored", "the file's"),
    choice("plan.kv_cache[]", "", "bf16|fp8", {}),
    list("plan.max_num_seqs", "most sequences in one step", "the file's or the preset's"),
    whole("plan.max_num_seqs[]", "a value of `engine.max_num_seqs`", 1, 1e6),
    list("plan.max_num_batched_tokens", "most tokens in one step", "the file's or the preset's"),
    whole("plan.max_num_batched_tokens[]", "a value of `engine.max_num_batched_tokens`", 1,
          most_tokens),
    whole("plan.max_replicas", "most copies of the engine", 1, 65535, "64"),
    whole("plan.max_gpus", "most GPUs; 0 = no limit", 0, 1e6, "0"),
    number("plan.headroom", "traffic that the plan bears on top", Unit::fraction, 0, 1, "0%"),
    number("plan.growth", "what traffic grows by; 50% is half as much again", Unit::fraction, 0, 10,
           "0%"),
    or_map(number("plan.peak", "peak rate over mean rate, or a map of class names to it",
                  Unit::count, 1, 1000, "1")),
    number("plan.peak.*", "of this class", Unit::count, 1, 1000),
    flag("plan.split", "classes may have pools of different GPUs", "true"),
};

/// A path of the schema that was put together: kept as long as the program runs.
std::string_view path_below(const Key& key, std::string_view rest) {
  static std::deque<std::string> paths;
  return paths.emplace_back(std::string(key.path).append(rest));
}

/// The row, and those of what it may hold instead of a value.
void add_rows(const Key& key, std::vector<Key>& all) {
  all.push_back(key);
  if (!key.distribution) {
    return;
  }
  const bool is_time = key.unit == Unit::time;
  const auto value = [&key](std::string_view rest, std::string_view doc) {
    Key row = key;
    row.path = path_below(key, rest);
    row.doc = doc;
    row.map = row.distribution = row.required = false;
    row.by_default = {};
    return row;
  };
  const auto parameter = [&](std::string_view rest, std::string_view doc) {
    Key row = required(value(rest, doc));
    row.scalar = Scalar::number;
    row.above_min = key.min == 0;
    return row;
  };
  all.push_back({.path = path_below(key, ".uniform"), .doc = "[lowest, highest]", .list = true});
  all.push_back(value(".uniform[]", "lowest, then highest"));
  all.push_back(map(path_below(key, ".lognormal"), "by mean and 95th percentile"));
  all.push_back(parameter(".lognormal.mean", "mean"));
  all.push_back(parameter(".lognormal.p95", "95th percentile, at most 3.87 times the mean"));
  all.push_back(map(path_below(key, ".quantiles"), is_time
                                                       ? "{p5: 2s, p50: 20s, ...}, linear between"
                                                       : "{p5: 6, p50: 13, ...}, linear between"));
  all.push_back(
      number(path_below(key, ".quantiles.*"), "at this percentile", key.unit, 0, key.max));
}

std::vector<Key> all_rows() {
  std::vector<Key> all;
  for (const Key& key : workload_keys) {
    add_rows(key, all);
    if (key.path == "workload.classes") {
      for (const Key& of_class : class_rows()) {
        add_rows(of_class, all);
      }
    }
  }
  return all;
}

}  // namespace

}  // namespace rows

Schema workload_schema() {
  static const std::vector<Key> keys = rows::all_rows();
  return keys;
}

}  // namespace penstock::config
