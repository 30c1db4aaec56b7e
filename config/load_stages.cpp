#include <fmt/format.h>

#include "config/load_parts.h"

namespace penstock::config {

namespace {

/// What does not go together with stages of layers yet; empty = all of it does.
std::string missing_with_stages(const Scenario& scenario) {
  const EngineSpec& engine = scenario.engine;
  if (engine.scheduler != "vllm_v1" && engine.scheduler != "tensorrt_llm" &&
      engine.scheduler != "sglang") {
    return fmt::format("the scheduler {}", engine.scheduler);
  }
  if (engine.speculative.on()) {
    return "speculative decoding";
  }
  return engine.host_blocks > 0 ? "`kv_offloading_size`" : "";
}

}  // namespace

void load_stages(const LoadContext& context, bool must_fit, Scenario& scenario) {
  if (scenario.cluster.pipeline_parallel == 1) {
    return;
  }
  const Section engine = context.root.section("engine");
  const Span span = context.root.section("cluster").span("pipeline_parallel");
  // vLLM's overlaps the CPU, but what is in flight is not scheduled again either
  // (vllm-project/vllm#32359): the schedule is the same.
  if (asked_async(engine).value_or(false) && scenario.engine.scheduler != "vllm_v1") {
    context.reporter.infeasible(
        engine.span(engine.has("pipeline_depth") ? "pipeline_depth" : "async_scheduling"),
        fmt::format("`async_scheduling` together with `pipeline_parallel` is not built yet for {}",
                    scenario.engine.scheduler),
        "stages have batches in flight of their own; leave it out");
  }
  scenario.engine.async_scheduling = false;
  const std::string missing = missing_with_stages(scenario);
  if (must_fit && !missing.empty()) {
    context.reporter.infeasible(
        span, fmt::format("`pipeline_parallel` is not built yet for {}", missing),
        "vLLM V1, SGLang and TensorRT-LLM have it, without drafts and offloading");
  }
}

}  // namespace penstock::config
