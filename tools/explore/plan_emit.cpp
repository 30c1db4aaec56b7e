#include <fmt/format.h>

#include "config/catalog.h"
#include "tools/explore/plan_report.h"

namespace penstock::explore {
namespace {

using Words = std::vector<std::string>;

/// The name under which the model is published, if the catalogue knows it: "meta-llama/...".
std::string published_name(const PlanOutput& output, const Scenario& scenario) {
  config::Reporter reporter;
  const config::Catalog catalog(output.question.load.catalog_dir, reporter);
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

/// The flags of `vllm serve`, a word or a flag with its value each.
Words vllm_flags(const Scenario& scenario) {
  const EngineSpec& engine = scenario.engine;
  Words flags{fmt::format("--tensor-parallel-size {}", scenario.cluster.tensor_parallel),
              fmt::format("--max-num-seqs {}", engine.max_num_seqs),
              fmt::format("--max-num-batched-tokens {}", engine.max_num_batched_tokens),
              fmt::format("--max-model-len {}", engine.max_model_len),
              fmt::format("--gpu-memory-utilization {}", engine.gpu_memory_utilization),
              fmt::format("--block-size {}", engine.block_size)};
  if (scenario.weights == Dtype::fp8) {
    flags.emplace_back("--quantization fp8");
  }
  if (scenario.kv_cache == Dtype::fp8) {
    flags.emplace_back("--kv-cache-dtype fp8");
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
  if (engine.async_scheduling) {
    flags.emplace_back("--async-scheduling");
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
    names += (names.empty() ? "" : ", ") + one.name;
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

/// Lower-case letters, digits, dots and dashes, as Kubernetes wants names.
std::string resource_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool is_upper = c >= 'A' && c <= 'Z';
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.';
    name += is_upper ? static_cast<char>(c - 'A' + 'a') : is_plain ? c : '-';
  }
  return name;
}

std::string deployment(const PlanOutput& output, const PlannedPool& planned, std::size_t number) {
  const Scenario& scenario = planned.scenario;
  const bool amd = scenario.cluster.gpu.vendor == "amd";
  const std::string name = fmt::format("{}-{}", resource_name(scenario.model_name), number);
  std::string args = fmt::format("        - {}\n", published_name(output, scenario));
  for (const std::string& flag : vllm_flags(scenario)) {
    const std::size_t space = flag.find(' ');
    args += fmt::format("        - {}\n", flag.substr(0, space));
    if (space != std::string::npos) {
      args += fmt::format("        - \"{}\"\n", flag.substr(space + 1));
    }
  }
  return fmt::format(
      R"(# {} x {} {} for {}: ${:.2f}/h.{}
apiVersion: apps/v1
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
      planned.pool.replicas, scenario.cluster.tensor_parallel, scenario.cluster.gpu.name,
      class_names(scenario),
      scenario.prices.gpu_per_hour * scenario.cluster.tensor_parallel * planned.pool.replicas,
      remark(scenario), name, planned.pool.replicas, name, name,
      amd ? "rocm/vllm" : "vllm/vllm-openai", amd ? "latest" : image_tag(scenario), args,
      amd ? "amd.com/gpu" : "nvidia.com/gpu", scenario.cluster.tensor_parallel);
}

}  // namespace

std::string vllm_command(const PlanOutput& output) {
  std::string text;
  for (const PlannedPool& planned : output.plan.pools) {
    const Scenario& scenario = planned.scenario;
    text +=
        fmt::format("# {} replica{} of this, each on {} x {}, for {}.{}\n", planned.pool.replicas,
                    planned.pool.replicas == 1 ? "" : "s", scenario.cluster.tensor_parallel,
                    scenario.cluster.gpu.name, class_names(scenario), remark(scenario));
    text += "vllm serve " + published_name(output, scenario);
    for (const std::string& flag : vllm_flags(scenario)) {
      text += " \\\n  " + flag;
    }
    text += "\n";
  }
  return text;
}

std::string kubernetes_manifest(const PlanOutput& output) {
  std::string text;
  for (std::size_t i = 0; i < output.plan.pools.size(); ++i) {
    text += (i > 0 ? "---\n" : "") + deployment(output, output.plan.pools[i], i + 1);
  }
  return text;
}

}  // namespace penstock::explore
