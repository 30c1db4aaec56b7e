#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "config/catalog.h"
#include "sim/cluster/router.h"
#include "tools/explore/plan_report.h"
#include "tools/output/text.h"

namespace penstock::explore {
namespace {

using Words = std::vector<std::string>;

/// The name under which the model is published, if the catalogue knows it: "meta-llama/...".
std::string published_name(const config::Catalog& catalog, const Scenario& scenario) {
  const config::Catalog::Entry* entry =
      catalog.find(config::CatalogKind::models, scenario.model_name);
  std::string name = scenario.model_name;
  for (const std::string& alias : entry != nullptr ? entry->aliases : Words{}) {
    if (alias.find('/') != std::string::npos) {
      name = alias;
      if (alias.find("Instruct") != std::string::npos) {
        break;
      }
    }
  }
  return name;
}

/// Whether the engine schedules asynchronously unless it is told otherwise. With stages it makes no
/// difference to the schedule: it is left to decide.
bool is_async_by_default(const config::Catalog& catalog, const Scenario& scenario) {
  config::Reporter reporter;
  const auto preset = catalog.engine(scenario.engine.preset, {}, reporter);
  return preset && preset->spec.async_scheduling;
}

/// The flags of `vllm serve`, a word or a flag with its value each.
Words vllm_flags(const config::Catalog& catalog, const Scenario& scenario) {
  const EngineSpec& engine = scenario.engine;
  Words flags{fmt::format("--tensor-parallel-size {}", scenario.cluster.tensor_parallel),
              fmt::format("--max-num-seqs {}", engine.max_num_seqs),
              fmt::format("--max-num-batched-tokens {}", engine.max_num_batched_tokens),
              fmt::format("--max-model-len {}", engine.max_model_len),
              fmt::format("--gpu-memory-utilization {}", engine.gpu_memory_utilization),
              fmt::format("--block-size {}", engine.block_size.tokens())};
  if (scenario.cluster.pipeline_parallel > 1) {
    flags.push_back(fmt::format("--pipeline-parallel-size {}", scenario.cluster.pipeline_parallel));
  }
  if (scenario.cluster.data_parallel > 1) {
    flags.push_back(fmt::format("--data-parallel-size {}", scenario.cluster.data_parallel));
  }
  // Newer versions start one for each rank unless they are told.
  if (engine.cpu_overhead.front_ends > 1 || scenario.cluster.data_parallel > 1) {
    flags.push_back(fmt::format("--api-server-count {}", engine.cpu_overhead.front_ends));
  }
  if (scenario.cluster.expert_parallel > 1) {
    flags.emplace_back("--enable-expert-parallel");
  }
  if (scenario.weights == Dtype::fp8) {
    flags.emplace_back("--quantization fp8");
  }
  if (scenario.kv_cache == Dtype::fp8) {
    flags.emplace_back("--kv-cache-dtype fp8");
  }
  const LinearAttention& linear = scenario.model.linear;
  if (linear.is_mamba() && linear.element_bytes == 4) {
    flags.emplace_back("--mamba-ssm-cache-dtype float32");
  }
  if (engine.long_prefill_token_threshold > 0) {
    flags.push_back(
        fmt::format("--long-prefill-token-threshold {}", engine.long_prefill_token_threshold));
  }
  if (!engine.enable_chunked_prefill) {
    flags.emplace_back("--no-enable-chunked-prefill");
  }
  if (!engine.enable_prefix_caching) {
    flags.emplace_back("--no-enable-prefix-caching");
  }
  if (scenario.cluster.pipeline_parallel == 1 &&
      engine.async_scheduling != is_async_by_default(catalog, scenario)) {
    flags.emplace_back(engine.async_scheduling ? "--async-scheduling" : "--no-async-scheduling");
  }
  if (engine.scheduling_policy == SchedulingPolicy::priority) {
    flags.emplace_back("--scheduling-policy priority");
  }
  return flags;
}

/// What the flags cannot say.
std::string remark(const Scenario& scenario) {
  return scenario.weights == Dtype::bf16 || scenario.weights == Dtype::fp8
             ? ""
             : fmt::format(" Weights are {}: serve a checkpoint stored so.",
                           to_string(scenario.weights));
}

std::string class_names(const Scenario& scenario) {
  std::string names;
  for (const ClassSpec& one : scenario.workload.classes) {
    names += (names.empty() ? "" : ", ") + output::printable(one.name);
  }
  return names;
}

/// "vllm-0.19" -> "v0.19.0"; of another engine's preset "latest".
std::string image_tag(const Scenario& scenario) {
  const std::string& preset = scenario.engine.preset;
  if (!preset.starts_with("vllm-")) {
    return "latest";
  }
  const std::string version = preset.substr(5);
  return version.find_first_not_of("0123456789.") == std::string::npos ? "v" + version + ".0"
                                                                       : "latest";
}

/// Lower-case letters, digits and dashes, as Kubernetes wants names; at most 50 characters.
std::string resource_name(std::string_view text) {
  constexpr std::size_t longest = 50;
  std::string name;
  for (const char c : text.substr(text.find_last_of('/') + 1)) {
    const bool is_upper = c >= 'A' && c <= 'Z';
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (is_upper || is_plain || (!name.empty() && name.back() != '-')) {
      name += is_upper ? static_cast<char>(c - 'A' + 'a') : is_plain ? c : '-';
    }
  }
  name.resize(std::min(name.size(), longest));
  while (name.ends_with('-')) {
    name.pop_back();
  }
  return name.empty() ? "model" : name;
}

/// Text as one word of a POSIX shell.
std::string shell_word(const std::string& text) {
  const auto is_safe = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_./:@+,").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_safe)) {
    return text;
  }
  std::string word = "'";
  for (const char c : text) {
    word += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return word + "'";
}

/// What stands above each pool: "10 replicas, each on 1 x rtx-pro-6000, for chat, code: $8.90/h".
std::string headline(const PlannedPool& planned) {
  const Scenario& scenario = planned.scenario;
  const int per_replica = scenario.cluster.gpus_per_replica();
  return fmt::format(
      "{} replica{}, each on {} x {}, for {}: {}/h.{}", planned.pool.replicas,
      planned.pool.replicas == 1 ? "" : "s", per_replica, scenario.cluster.gpu.name,
      class_names(scenario),
      output::money(scenario.prices.gpu_per_hour * per_replica * planned.pool.replicas,
                    scenario.prices.currency),
      remark(scenario));
}

/// What must stand in front of several replicas; empty for one.
std::string router_remark(const PlannedPool& planned) {
  return planned.pool.replicas == 1
             ? ""
             : fmt::format("# In front of them the plan has a router: {}.\n",
                           find_router(planned.scenario.cluster.router).name);
}

std::string deployment(const PlanOutput& output, const PlannedPool& planned, std::size_t number) {
  const Scenario& scenario = planned.scenario;
  config::Reporter reporter;
  const config::Catalog catalog(output.question.load.catalog_dir, reporter);
  const bool amd = scenario.cluster.gpu.vendor == "amd";
  const std::string name = fmt::format("{}-{}", resource_name(scenario.model_name), number);
  std::string args =
      fmt::format("        - {}\n", nlohmann::json(published_name(catalog, scenario)).dump());
  for (const std::string& flag : vllm_flags(catalog, scenario)) {
    const std::size_t space = flag.find(' ');
    args += fmt::format("        - {}\n", flag.substr(0, space));
    if (space != std::string::npos) {
      args += fmt::format("        - \"{}\"\n", flag.substr(space + 1));
    }
  }
  return fmt::format(
      R"(# {}
{}apiVersion: apps/v1
kind: Deployment
metadata:
  name: {}
spec:
  replicas: {}
  selector:
    matchLabels: {{app: {}}}
  template:
    metadata:
      labels: {{app: {}}}
    spec:
      nodeSelector: {{gpu: {}}}  # kubectl label nodes NODE gpu={}
      containers:
      - name: vllm
        image: {}:{}
        command: [vllm, serve]
        args:
{}        ports:
        - containerPort: 8000
        readinessProbe:
          httpGet: {{path: /health, port: 8000}}
        resources:
          limits:
            {}: {}
        volumeMounts:
        - {{name: shm, mountPath: /dev/shm}}
      volumes:
      - name: shm
        emptyDir: {{medium: Memory}}
)",
      headline(planned), router_remark(planned), name, planned.pool.replicas, name, name,
      scenario.cluster.gpu.name, scenario.cluster.gpu.name, amd ? "rocm/vllm" : "vllm/vllm-openai",
      amd ? "latest" : image_tag(scenario), args, amd ? "amd.com/gpu" : "nvidia.com/gpu",
      scenario.cluster.gpus_per_replica());
}

}  // namespace

std::string vllm_command(const PlanOutput& output, const PlannedPool& planned, int port) {
  config::Reporter reporter;
  const config::Catalog catalog(output.question.load.catalog_dir, reporter);
  std::string text = fmt::format("# {}\n{}", headline(planned), router_remark(planned));
  text += "vllm serve " + shell_word(published_name(catalog, planned.scenario));
  for (const std::string& flag : vllm_flags(catalog, planned.scenario)) {
    text += " \\\n  " + flag;
  }
  return text + (port > 0 ? fmt::format(" \\\n  --port {} &\n", port) : "\n");
}

std::string vllm_commands(const PlanOutput& output) {
  constexpr int first_port = 8000;
  const std::vector<PlannedPool>& pools = output.plan.pools;
  std::string text = "# Starts one replica";
  if (pools.size() == 1) {
    return text + ".\n" + vllm_command(output, pools.front(), 0);
  }
  text += " of each pool, side by side; each serves its own classes.\n";
  for (std::size_t i = 0; i < pools.size(); ++i) {
    text += vllm_command(output, pools[i], first_port + static_cast<int>(i));
  }
  return text + "wait\n";
}

std::string kubernetes_manifest(const PlanOutput& output) {
  std::string text;
  for (std::size_t i = 0; i < output.plan.pools.size(); ++i) {
    text += (i > 0 ? "---\n" : "") + deployment(output, output.plan.pools[i], i + 1);
  }
  return text;
}

}  // namespace penstock::explore
