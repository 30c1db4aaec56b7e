#include "sim/step/roofline_parameters.h"
#include "sim/step/step_model.h"

namespace penstock {
namespace {

constexpr double useful_ps_per_ms = 1e9;

void add_projection(const GemmRates& rates, const GemmShape& shape, double layers, PeakTimes& out) {
  const double weights = gemm_bytes(rates, shape, 0);
  const double activations = gemm_bytes(rates, shape, 1) - weights;
  out.token_flop += layers * gemm_flop(shape, 1) / rates.peak_flop_per_ms * useful_ps_per_ms;
  out.step_bytes += layers * weights / rates.peak_bytes_per_ms * useful_ps_per_ms;
  out.token_bytes += layers * activations / rates.peak_bytes_per_ms * useful_ps_per_ms;
}

void add_cache(const AttentionLayers& layers, PeakTimes& out) {
  const AttentionRates& rates = layers.rates;
  const double flop =
      layers.layers * rates.flop_per_pair / rates.peak_flop_per_ms * useful_ps_per_ms;
  const double bytes =
      layers.layers * rates.bytes_per_kv / rates.peak_bytes_per_ms * useful_ps_per_ms;
  if (layers.span == AttentionLayers::Span::state) {
    out.token_flop += flop;
    out.sequence_bytes += bytes;
  } else if (layers.span == AttentionLayers::Span::window) {
    // A small window that is taken to be full counts nothing: no sum says how full it is.
    out.window_pair_flop += layers.is_full ? 0 : flop;
    out.window_kv_bytes += layers.is_full ? 0 : bytes;
  } else {
    out.pair_flop += flop;
    out.kv_bytes += bytes;
  }
}

}  // namespace

PeakTimes useful_times(const RooflineParameters& parameters) {
  PeakTimes out;
  for (const LayerGemm& projection : parameters.mixer_gemms) {
    add_projection(parameters.mixer_gemm, projection.shape, projection.layers, out);
  }
  for (const LayerGemm& projection : parameters.gemms) {
    add_projection(parameters.gemm, projection.shape, projection.layers, out);
  }
  for (const GemmShape& shape : parameters.expert_gemms) {
    add_projection(parameters.gemm, shape, parameters.moe.layers, out);
  }
  for (const AttentionLayers& layers : parameters.attention) {
    add_cache(layers, out);
  }
  if (const MoeRates& moe = parameters.moe; moe.layers > 0) {
    out.token_flop += moe.layers * expert_flop(moe, 1) / moe.peak_flop_per_ms * useful_ps_per_ms;
  }
  const GemmRates& head = parameters.head;
  const double head_weights = gemm_bytes(head, parameters.head_shape, 0);
  const double head_row = gemm_bytes(head, parameters.head_shape, 1) - head_weights;
  out.row_flop = gemm_flop(parameters.head_shape, 1) / head.peak_flop_per_ms * useful_ps_per_ms;
  out.head_bytes = head_weights / head.peak_bytes_per_ms * useful_ps_per_ms;
  out.row_bytes = head_row / head.peak_bytes_per_ms * useful_ps_per_ms;
  return out;
}

}  // namespace penstock
