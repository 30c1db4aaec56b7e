#pragma once

#include <cstdint>
#include <map>

#include "sim/step/smooth_max.h"
#include "sim/step/step_model.h"

/// One pure function per operator of a transformer step. Each is a roofline (Williams et al., 2009:
/// the larger of FLOP over peak and bytes over bandwidth) with two ceilings below the peaks, a
/// smooth maximum where the two meet, and a fixed latency per kernel. Times in ms, rates per ms,
/// shapes per GPU after the tensor-parallel split. Experts stand in step/moe.h.
namespace penstock {

/// The maximum with a rounded corner: (a^p + b^p + ...)^(1/p), a >= 0. Terms that cannot change the
/// last bit of the result are skipped: pow is what a step's cost spends its time on.
class SmoothMax {
 public:
  SmoothMax() = default;
  /// Requires p >= 1.
  explicit SmoothMax(double p);

  double operator()(double a, double b) const;
  double operator()(double a, double b, double c) const;

 private:
  double p_ = 1;
  double inverse_p_ = 1;
  double negligible_ = 0;  ///< below this ratio r, 1 + r^p == 1
};

/// The time of one kernel (or of several alike).
struct OperatorTime {
  double latency_ms = 0;               ///< fixed: launch, prologue, tail
  double variable_ms = 0;              ///< what grows with the work
  double floor_ms = 0;                 ///< no kernel is faster, whatever its factors; 0 = no floor
  Resource bound = Resource::latency;  ///< of the variable part

  double total_ms() const { return latency_ms + variable_ms; }
};

/// Rates of dense matrix products.
struct GemmRates {
  double latency_ms = 0;   ///< engine factor included
  double flop_per_ms = 0;  ///< reachable: efficiency times peak
  double peak_flop_per_ms = 0;
  double bytes_per_ms = 0;  ///< reachable
  double peak_bytes_per_ms = 0;
  double narrow_n0 = 0;         ///< narrow matrices are slower by n0 / min(N, K)
  double weight_bytes = 2;      ///< per element
  double activation_bytes = 2;  ///< per element
  double time_factor = 1;       ///< the engine's factor on GPU time, which the floor allows for
  SmoothMax smooth;
};

/// The weight matrix: K inputs by N outputs. Doubles, as N or K need not divide by tp.
struct GemmShape {
  double n = 0;
  double k = 0;
};

/// FLOP of an M x K by K x N product: 2 M N K.
double gemm_flop(const GemmShape& shape, double m);
/// Memory traffic: weights once, inputs, and outputs of two bytes.
double gemm_bytes(const GemmRates& rates, const GemmShape& shape, double m);
/// t0 + (1 + n0 / min(N, K)) smax(FLOP, bytes), at least the floor. Bound: compute or memory.
OperatorTime gemm(const GemmRates& rates, const GemmShape& shape, double m);

/// Rates and shapes of the attention kernels of one layer on one GPU. A kv token is a key and a
/// value of every kv head; a pair is a query token on a key token, all heads.
struct AttentionRates {
  double flop_per_pair = 0;  ///< 4 n_q d: scores and values
  double bytes_per_kv = 0;   ///< 2 n_kv d bytes_per_element
  /// FLOP of a decoding token on a kv token: flop_per_pair, but for latent attention, which
  /// decodes in the latent space.
  double decode_flop_per_kv = 0;
  /// FLOP decide beside bytes: many queries share few kv heads (latent attention, indexers).
  bool decode_computes = false;
  double flop_per_ms = 0;       ///< reachable by prefill
  double peak_flop_per_ms = 0;  ///< bf16
  double bytes_per_ms = 0;      ///< reachable by decode
  double peak_bytes_per_ms = 0;
  double decode_latency_ms = 0;
  double decode_sequence_ms = 0;  ///< per decoding sequence, decode kernel
  double prefill_latency_ms = 0;  ///< of the mixed kernel too
  double critical_ms_per_kv = 0;  ///< one thread block walking the longest context
  double mixed_sequence_ms = 0;   ///< per decoding sequence, mixed kernel
  double mixed_decode_ms_per_kv = 0;
  double time_factor = 1;  ///< the engine's factor on GPU time, which floors allow for
  SmoothMaxTable prefill_smooth;
  SmoothMaxTable mixed_smooth;
};

/// Layers of attention that are alike.
struct AttentionLayers {
  /// What a token reads of the positions before it. `state`: a state of constant size, as one kv
  /// token that every sequence has.
  enum class Span { context, window, state } span = Span::context;
  double layers = 0;
  std::int64_t window = 0;  ///< positions read, at most; span window
  /// Contexts are taken to fill the window (a small one): no sum over the batch is needed.
  bool is_full = false;
  bool own_kernels = false;  ///< chunks and decodes are computed apart, whatever the engine does
  AttentionRates rates;
};

/// What attention depends on: sums over the batch, in layers with a window or a state of what these
/// read.
struct AttentionLoad {
  double decodes = 0;
  double kv_sum = 0;        ///< of the decodes
  double kv_max = 0;        ///< longest context, decodes and chunks
  double chunk_kv_max = 0;  ///< longest context of the chunks
  double chunk_kv = 0;      ///< sum of the chunks' contexts, the new tokens included
  double pairs = 0;         ///< sum over chunks: q k + q (q + 1) / 2
};
AttentionLoad attention_load(const StepLoad& load);
/// The same as layers of this kind see it.
AttentionLoad attention_load(const StepLoad& load, const AttentionLayers& layers);

/// A decode kernel's time per kv token that it reads: memory-bound, and the only part of a
/// decode-only step that depends on contexts. At least the floors per token.
double attention_decode_ms_per_kv(const AttentionRates& rates);
/// The floor of the above: bytes or FLOP of one kv token at the peaks.
double attention_decode_floor_ms_per_kv(const AttentionRates& rates);
/// What decides it: memory, or FLOP where the rates say that they may.
Resource decode_bound(const AttentionRates& rates);
/// One query token per sequence: variable_ms = per_kv kv_sum; the per-sequence term is apart.
OperatorTime attention_decode(const AttentionRates& rates, const AttentionLoad& load);
/// Chunks alone: FLOP, or the walk along the longest context.
OperatorTime attention_prefill(const AttentionRates& rates, const AttentionLoad& load);
/// Chunks and decodes in one kernel of variable lengths: FLOP (each decode is padded to a tile),
/// the longest walk, or bytes; the per-sequence term is apart.
OperatorTime attention_mixed(const AttentionRates& rates, const AttentionLoad& load);

/// Norms, rotary embedding, activation: one pass over their bytes each, engine factor included. L2
/// may serve them, so there is no floor. Bound: memory.
struct ElementwiseRates {
  double latency_ms = 0;
  double bytes_per_ms = 0;
};
OperatorTime elementwise(const ElementwiseRates& rates, double bytes);

/// Ring or tree all-reduce of `bytes` among n GPUs: L_n + 2 (n - 1) / n bytes / bandwidth.
struct AllReduceRates {
  double latency_ms = 0;  ///< of n GPUs, engine factor included
  double bytes_per_ms = 0;
  int gpus = 1;
};
OperatorTime all_reduce(const AllReduceRates& rates, double bytes);

/// Latency among n GPUs from a table by GPU count. Between and beyond the measured counts it is
/// linear in log2 n (the depth of a tree), along the nearest two points; with a single point, and
/// below the lowest, it is that point's. Requires n >= 2 and a table that is not empty.
double all_reduce_latency_us(const std::map<int, double>& table, int n);

/// Choosing tokens from logits: 20 us, and 0.6 us a row.
double sampler_ms(double rows);

}  // namespace penstock
