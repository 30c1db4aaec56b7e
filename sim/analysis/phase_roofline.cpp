#include "sim/analysis/phase_roofline.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "sim/step/roofline_parameters.h"

namespace penstock {
namespace {

struct StepWork {
  double tokens = 0;
  double rows = 0;
  double pairs = 0;
  double kv = 0;
  double window_pairs = 0;
  double window_kv = 0;
  double sequences = 0;
  double expert_bytes = 0;  ///< ps at peak
};

PhaseRoofline place(const Scenario& scenario, const RooflineParameters& p, const PeakTimes& peak,
                    const StepLoad& load, const StepWork& work) {
  constexpr double ps_per_ms = 1e9;
  PhaseRoofline out;
  out.tokens = std::llround(work.tokens);
  out.kv_tokens = work.kv;
  // Routed experts and token mixers may compute in other dtypes.
  double mixer_flops = 0;
  for (const LayerGemm& projection : p.mixer_gemms) {
    mixer_flops += projection.layers * gemm_flop(projection.shape, 1);
  }
  const double mixer_ps = mixer_flops / p.mixer_gemm.peak_flop_per_ms * ps_per_ms;
  const double expert_flops = p.moe.layers > 0 ? p.moe.layers * expert_flop(p.moe, 1) : 0;
  const double expert_ps = p.moe.layers > 0 ? expert_flops / p.moe.peak_flop_per_ms * ps_per_ms : 0;
  out.flop = (work.tokens * (peak.token_flop - expert_ps - mixer_ps) * p.gemm.peak_flop_per_ms +
              work.tokens * (expert_flops + mixer_flops) * ps_per_ms +
              work.rows * peak.row_flop * p.head.peak_flop_per_ms +
              (work.pairs * peak.pair_flop + work.window_pairs * peak.window_pair_flop) *
                  p.head.peak_flop_per_ms) /
             ps_per_ms;
  out.bytes =
      (peak.step_bytes + (work.rows > 0 ? peak.head_bytes : 0) + work.tokens * peak.token_bytes +
       work.rows * peak.row_bytes + work.kv * peak.kv_bytes +
       work.window_kv * peak.window_kv_bytes + work.sequences * peak.sequence_bytes) *
      p.gemm.peak_bytes_per_ms / ps_per_ms;
  out.bytes += work.expert_bytes * p.gemm.peak_bytes_per_ms / ps_per_ms;
  const StepExplanation step = explain_step(scenario, load);
  out.step_ms = step.total_ms;
  out.bound = step.step_bound;
  return out;
}

/// The smallest n for which `holds`, if it holds for `most`; it must keep holding beyond.
std::optional<std::int64_t> first_that(std::int64_t most,
                                       const std::function<bool(std::int64_t)>& holds) {
  if (most < 1 || !holds(most)) {
    return std::nullopt;
  }
  std::int64_t low = 0;
  std::int64_t high = most;
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (holds(middle) ? high : low) = middle;
  }
  return high;
}

StepLoad decodes_at(std::int64_t n, double context, std::int64_t window) {
  return {.decodes = n,
          .kv_sum = std::llround(static_cast<double>(n) * context),
          .kv_max = std::max<std::int64_t>(1, std::llround(context)),
          .window_sum =
              std::llround(static_cast<double>(n) * std::min(context, static_cast<double>(window))),
          .sampled = n};
}

}  // namespace

std::optional<RooflinePhases> roofline_phases(const Scenario& scenario, const TrafficMeans& traffic,
                                              std::int64_t batch) {
  if (scenario.step_model.kind == StepModelSpec::Kind::constant) {
    return std::nullopt;
  }
  const RooflineParameters p = make_roofline_parameters(scenario);
  const auto model = make_step_model(scenario);
  const PeakTimes peak = model->peak_times();
  RooflinePhases out;
  out.peak_tflops = p.gemm.peak_flop_per_ms / 1e9;
  out.memory_gb_s = p.gemm.peak_bytes_per_ms / 1e6;

  const std::int64_t budget = scenario.engine.max_num_batched_tokens;
  const std::int64_t prompt =
      std::clamp<std::int64_t>(std::llround(traffic.input), 1, std::max<std::int64_t>(1, budget));
  const std::vector<Chunk> chunks(static_cast<std::size_t>(budget / prompt), {.q = prompt});
  const auto prompts = static_cast<double>(chunks.size());
  const StepLoad full{.chunks = chunks, .sampled = static_cast<std::int64_t>(chunks.size())};
  const auto pairs = static_cast<double>(attention_pairs(0, prompt));
  const auto window_pairs = static_cast<double>(
      peak.window > 0 ? attention_pairs(0, prompt, peak.window) : std::int64_t{0});
  out.prefill = place(scenario, p, peak, full,
                      {.tokens = prompts * static_cast<double>(prompt),
                       .rows = prompts,
                       .pairs = prompts * pairs,
                       .kv = prompts * static_cast<double>(prompt),
                       .window_pairs = prompts * window_pairs,
                       .window_kv = prompts * static_cast<double>(prompt),
                       .sequences = prompts,
                       .expert_bytes = static_cast<double>(model->cost(full).expert_bytes)});
  const double context = traffic.context();
  const StepLoad decode = decodes_at(batch, context, peak.window);
  const auto kv = static_cast<double>(decode.kv_sum);
  const auto n = static_cast<double>(batch);
  const auto in_window = static_cast<double>(decode.window_sum);
  out.decode = place(scenario, p, peak, decode,
                     {.tokens = n,
                      .rows = n,
                      .pairs = kv,
                      .kv = kv,
                      .window_pairs = in_window,
                      .window_kv = in_window,
                      .sequences = n,
                      .expert_bytes = static_cast<double>(model->cost(decode).expert_bytes)});

  const auto bound = [&](std::int64_t size) {
    return explain_step(scenario, decodes_at(size, context, peak.window));
  };
  out.gemm_compute_from = first_that(budget, [&](std::int64_t size) {
    return bound(size).bound[static_cast<std::size_t>(Operator::gemm)] == Resource::compute;
  });
  out.decode_compute_from = first_that(
      budget, [&](std::int64_t size) { return bound(size).step_bound == Resource::compute; });
  return out;
}

}  // namespace penstock
