#include "sim/step/operators.h"

#include <algorithm>
#include <iterator>

#include "sim/core/assert.h"
#include "sim/core/math.h"

namespace penstock {

// ---- Smooth maximum -----------------------------------------------------------------------------

SmoothMax::SmoothMax(double p) : p_(p), inverse_p_(1 / p), negligible_(math::pow(0x1p-54, 1 / p)) {}

double SmoothMax::operator()(double a, double b) const {
  const double high = std::max(a, b);
  const double ratio = high > 0 ? std::min(a, b) / high : 0;
  return ratio < negligible_ ? high : high * math::pow(1 + math::pow(ratio, p_), inverse_p_);
}

double SmoothMax::operator()(double a, double b, double c) const {
  if (a < b) {
    std::swap(a, b);
  }
  if (a < c) {
    std::swap(a, c);
  }
  if (b < c) {
    std::swap(b, c);
  }
  const double negligible = negligible_ * a;
  if (c < negligible || c == 0) {
    return (*this)(a, b);
  }
  return a * math::pow(1 + math::pow(b / a, p_) + math::pow(c / a, p_), inverse_p_);
}

namespace {

/// Lifts an operator to its floor, if its factors promise more than the hardware has.
OperatorTime at_least(OperatorTime time, double floor_ms, double time_factor) {
  time.floor_ms = floor_ms;
  time.variable_ms = std::max(time.variable_ms, floor_ms / time_factor - time.latency_ms);
  return time;
}

}  // namespace

// ---- GEMM ---------------------------------------------------------------------------------------

double gemm_flop(const GemmShape& shape, double m) { return 2 * m * shape.n * shape.k; }

double gemm_bytes(const GemmRates& rates, const GemmShape& shape, double m) {
  return shape.k * shape.n * rates.weight_bytes +
         m * (shape.k * rates.activation_bytes + 2 * shape.n);
}

OperatorTime gemm(const GemmRates& rates, const GemmShape& shape, double m) {
  const double flop = gemm_flop(shape, m);
  const double bytes = gemm_bytes(rates, shape, m);
  const double compute_ms = flop / rates.flop_per_ms;
  const double memory_ms = bytes / rates.bytes_per_ms;
  const double narrow = 1 + rates.narrow_n0 / std::min(shape.n, shape.k);
  OperatorTime time;
  time.latency_ms = rates.latency_ms;
  time.variable_ms = narrow * rates.smooth(compute_ms, memory_ms);
  time.bound = memory_ms >= compute_ms ? Resource::memory : Resource::compute;
  const double floor_ms = std::max(flop / rates.peak_flop_per_ms, bytes / rates.peak_bytes_per_ms);
  return at_least(time, floor_ms, rates.time_factor);
}

// ---- Attention ----------------------------------------------------------------------------------

AttentionLoad attention_load(const StepLoad& load) {
  std::int64_t pairs = 0;
  std::int64_t chunk_kv = 0;
  std::int64_t chunk_kv_max = 0;
  for (const Chunk& chunk : load.chunks) {
    pairs += chunk.q * chunk.context + chunk.q * (chunk.q + 1) / 2;
    chunk_kv += chunk.q + chunk.context;
    chunk_kv_max = std::max(chunk_kv_max, chunk.q + chunk.context);
  }
  return {.decodes = static_cast<double>(load.decodes),
          .kv_sum = static_cast<double>(load.kv_sum),
          .kv_max = static_cast<double>(std::max(load.kv_max, chunk_kv_max)),
          .chunk_kv_max = static_cast<double>(chunk_kv_max),
          .chunk_kv = static_cast<double>(chunk_kv),
          .pairs = static_cast<double>(pairs)};
}

AttentionLoad attention_load(const StepLoad& load, const AttentionLayers& layers) {
  AttentionLoad sums = attention_load(load);
  if (layers.span == AttentionLayers::Span::context) {
    return sums;
  }
  if (layers.span == AttentionLayers::Span::state) {
    std::int64_t tokens = 0;
    for (const Chunk& chunk : load.chunks) {
      tokens += chunk.q;
    }
    return {.decodes = sums.decodes,
            .kv_sum = sums.decodes,
            .kv_max = 0,
            .chunk_kv_max = 0,
            .chunk_kv = static_cast<double>(load.chunks.size()),
            .pairs = static_cast<double>(tokens)};
  }
  const std::int64_t window = layers.window;
  std::int64_t pairs = 0;
  std::int64_t chunk_kv = 0;
  for (const Chunk& chunk : load.chunks) {
    pairs += attention_pairs(chunk.context, chunk.context + chunk.q, window);
    chunk_kv += chunk.q + std::min(chunk.context, window);
  }
  const auto most = static_cast<double>(window);
  sums.kv_sum = layers.is_full ? sums.decodes * most : static_cast<double>(load.window_sum);
  sums.kv_max = std::min(sums.kv_max, most);
  sums.chunk_kv_max = std::min(sums.chunk_kv_max, most);
  sums.chunk_kv = static_cast<double>(chunk_kv);
  sums.pairs = static_cast<double>(pairs);
  return sums;
}

double attention_decode_floor_ms_per_kv(const AttentionRates& rates) {
  return std::max(rates.decode_flop_per_kv / rates.peak_flop_per_ms,
                  rates.bytes_per_kv / rates.peak_bytes_per_ms);
}

double attention_decode_ms_per_kv(const AttentionRates& rates) {
  const double memory_ms = rates.bytes_per_kv / rates.bytes_per_ms;
  const double ms = rates.decode_computes
                        ? SmoothMax(2)(rates.decode_flop_per_kv / rates.flop_per_ms, memory_ms)
                        : memory_ms;
  return std::max(ms, attention_decode_floor_ms_per_kv(rates) / rates.time_factor);
}

Resource decode_bound(const AttentionRates& rates) {
  return rates.decode_computes && rates.decode_flop_per_kv / rates.flop_per_ms >
                                      rates.bytes_per_kv / rates.bytes_per_ms
             ? Resource::compute
             : Resource::memory;
}

OperatorTime attention_decode(const AttentionRates& rates, const AttentionLoad& load) {
  return {.latency_ms = rates.decode_latency_ms,
          .variable_ms = attention_decode_ms_per_kv(rates) * load.kv_sum,
          .floor_ms = attention_decode_floor_ms_per_kv(rates) * load.kv_sum,
          .bound = decode_bound(rates)};
}

OperatorTime attention_prefill(const AttentionRates& rates, const AttentionLoad& load) {
  const double flop = rates.flop_per_pair * load.pairs;
  const double compute_ms = flop / rates.flop_per_ms;
  const double critical_ms = rates.critical_ms_per_kv * load.chunk_kv_max;
  const double memory_ms = rates.bytes_per_kv * load.chunk_kv / rates.peak_bytes_per_ms;
  OperatorTime time;
  time.latency_ms = rates.prefill_latency_ms;
  time.variable_ms = rates.prefill_smooth(compute_ms, critical_ms);
  time.bound = memory_ms > std::max(compute_ms, critical_ms) ? Resource::memory
               : compute_ms >= critical_ms                   ? Resource::compute
                                                             : Resource::latency;
  return at_least(time, std::max(flop / rates.peak_flop_per_ms, memory_ms), rates.time_factor);
}

OperatorTime attention_mixed(const AttentionRates& rates, const AttentionLoad& load) {
  const double prefill_flop = rates.flop_per_pair * load.pairs;
  const double decode_flop = rates.decode_flop_per_kv * load.kv_sum;
  const double bytes = rates.bytes_per_kv * (load.kv_sum + load.chunk_kv);
  const double compute_ms =
      prefill_flop / rates.flop_per_ms + rates.mixed_decode_ms_per_kv * load.kv_sum;
  const double critical_ms = rates.critical_ms_per_kv * load.kv_max;
  const double memory_ms = bytes / rates.bytes_per_ms;
  OperatorTime time;
  time.latency_ms = rates.prefill_latency_ms;
  time.variable_ms = rates.mixed_smooth(compute_ms, critical_ms, memory_ms);
  time.bound = memory_ms >= std::max(compute_ms, critical_ms) ? Resource::memory
               : compute_ms >= critical_ms                    ? Resource::compute
                                                              : Resource::latency;
  const double floor_ms = std::max((prefill_flop + decode_flop) / rates.peak_flop_per_ms,
                                   bytes / rates.peak_bytes_per_ms);
  return at_least(time, floor_ms, rates.time_factor);
}

// ---- The rest -----------------------------------------------------------------------------------

OperatorTime elementwise(const ElementwiseRates& rates, double bytes) {
  return {.latency_ms = rates.latency_ms,
          .variable_ms = bytes / rates.bytes_per_ms,
          .floor_ms = 0,
          .bound = Resource::memory};
}

OperatorTime all_reduce(const AllReduceRates& rates, double bytes) {
  if (rates.gpus < 2) {
    return {};
  }
  const double n = rates.gpus;
  return {.latency_ms = rates.latency_ms,
          .variable_ms = 2 * (n - 1) / n * bytes / rates.bytes_per_ms,
          .floor_ms = 0,
          .bound = Resource::communication};
}

double all_reduce_latency_us(const std::map<int, double>& table, int n) {
  PENSTOCK_ASSERT(n >= 2 && !table.empty());
  auto above = table.lower_bound(n);
  if (above != table.end() && above->first == n) {
    return above->second;
  }
  if (table.size() == 1 || above == table.begin()) {
    return table.begin()->second;
  }
  if (above == table.end()) {
    above = std::prev(above);
  }
  const auto below = std::prev(above);
  const double depth = math::log(static_cast<double>(n) / below->first);
  const double span = math::log(static_cast<double>(above->first) / below->first);
  return below->second + (above->second - below->second) * depth / span;
}

double sampler_ms(double rows) { return rows > 0 ? 0.02 + 0.0006 * rows : 0; }

}  // namespace penstock
