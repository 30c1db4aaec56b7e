#include <fmt/format.h>

#include <algorithm>

#include "config/load_parts.h"

namespace penstock::config {

namespace {

bool gives_up(const WorkloadSpec& workload) {
  return std::any_of(workload.classes.begin(), workload.classes.end(),
                     [](const ClassSpec& c) { return c.timeout != SimTime::never(); });
}

/// What does not go together with stages of layers yet; empty = all of it does.
std::string missing_with_stages(const Scenario& scenario) {
  const EngineSpec& engine = scenario.engine;
  if (engine.scheduler != "vllm_v1" && engine.scheduler != "tensorrt_llm") {
    return fmt::format("the scheduler {}", engine.scheduler);
  }
  if (engine.scheduler == "tensorrt_llm" &&
      engine.tensorrt_llm.capacity_scheduler_policy == TensorRtSpec::Capacity::max_utilization) {
    return "`capacity_scheduler_policy: max_utilization`";
  }
  if (engine.speculative.on()) {
    return "speculative decoding";
  }
  if (engine.host_blocks > 0) {
    return "`kv_offloading_size`";
  }
  return gives_up(scenario.workload) ? "clients that give up (`timeout`)" : "";
}

}  // namespace

void load_stages(const LoadContext& context, bool must_fit, Scenario& scenario) {
  if (scenario.cluster.pipeline_parallel == 1) {
    return;
  }
  const Section engine = context.root.section("engine");
  const Span span = context.root.section("cluster").span("pipeline_parallel");
  if (engine.boolean("async_scheduling").value_or(false)) {
    context.reporter.infeasible(
        engine.span("async_scheduling"),
        "`async_scheduling` together with `pipeline_parallel` is not built yet",
        "stages have batches in flight of their own; leave it out");
  }
  scenario.engine.async_scheduling = false;
  const std::string missing = missing_with_stages(scenario);
  if (must_fit && !missing.empty()) {
    context.reporter.infeasible(
        span, fmt::format("`pipeline_parallel` is not built yet for {}", missing),
        "vLLM V1 and TensorRT-LLM (no evict) have it, without drafts, offloading and timeouts");
  }
}

}  // namespace penstock::config
