#include "sim/step/operators.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "sim/step/padding.h"
#include "sim/step/roofline_parameters.h"
#include "tests/support/fixtures.h"

namespace penstock {
namespace {

/// 1 PFLOP/s and 1 TB/s, all of which can be reached.
GemmRates ideal_gemm(double p) {
  GemmRates rates;
  rates.flop_per_ms = rates.peak_flop_per_ms = 1e12;
  rates.bytes_per_ms = rates.peak_bytes_per_ms = 1e9;
  rates.smooth = SmoothMax(p);
  return rates;
}

}  // namespace

TEST_CASE("the smooth maximum lies above the maximum and tends to it") {
  const SmoothMax smooth(2);
  CHECK(smooth(3, 4) == doctest::Approx(5).epsilon(1e-15));
  CHECK(smooth(2, 3, 6) == doctest::Approx(7).epsilon(1e-15));
  CHECK(smooth(6, 2, 3) == doctest::Approx(smooth(3, 6, 2)).epsilon(1e-15));
  CHECK(smooth(6, 3, 1e-4) > smooth(6, 3));
  CHECK(smooth(5, 0) == 5);
  CHECK(smooth(0, 5, 0) == 5);
  CHECK(smooth(0, 0) == 0);
  CHECK(smooth(0, 0, 0) == 0);
  CHECK(smooth(1, 1e-9) == 1);  // no power is taken, none would change the result
  CHECK(smooth(1, 1e-7) > 1);
  CHECK(SmoothMax(40)(3, 4) == doctest::Approx(4).epsilon(1e-5));
  CHECK(SmoothMax(1)(3, 4) == doctest::Approx(7).epsilon(1e-15));
}

TEST_CASE("a GEMM by hand") {
  // 1000 x 2000 x 3000: 1.2e10 FLOP in 0.012 ms; 12e6 + 1000 (4000 + 6000) bytes in 0.022 ms.
  GemmRates rates = ideal_gemm(2);
  const GemmShape shape{.n = 3000, .k = 2000};
  OperatorTime time = gemm(rates, shape, 1000);
  CHECK(time.variable_ms == doctest::Approx(std::hypot(0.012, 0.022)).epsilon(1e-14));
  CHECK(time.bound == Resource::memory);
  CHECK(time.floor_ms == doctest::Approx(0.022));
  rates.narrow_n0 = 500;
  rates.latency_ms = 0.005;
  time = gemm(rates, shape, 1000);
  CHECK(time.total_ms() == doctest::Approx(0.005 + 1.25 * std::hypot(0.012, 0.022)).epsilon(1e-14));
  rates.weight_bytes = 0.5;
  rates.activation_bytes = 1;
  CHECK(gemm_bytes(rates, shape, 1000) == 3e6 + 1000 * (2000 + 6000));
  CHECK(gemm(rates, shape, 1000).bound == Resource::compute);
}

TEST_CASE("no factor makes an operator faster than the hardware") {
  GemmRates rates = ideal_gemm(50);
  rates.time_factor = 0.25;
  const OperatorTime time = gemm(rates, {.n = 3000, .k = 2000}, 1000);
  CHECK(time.variable_ms * 0.25 == doctest::Approx(0.022));
  AttentionRates attention;
  attention.bytes_per_kv = 1e9;
  attention.bytes_per_ms = 2e9;
  attention.peak_bytes_per_ms = 1e9;
  attention.peak_flop_per_ms = 1e12;
  attention.time_factor = 0.5;
  CHECK(attention_decode_ms_per_kv(attention) == doctest::Approx(2));
  attention.decode_flop_per_kv = 3e12;
  CHECK(attention_decode_ms_per_kv(attention) == doctest::Approx(6));
}

TEST_CASE("attention sums its chunks") {
  const std::vector<Chunk> chunks{{.q = 10, .context = 100}, {.q = 4, .context = 0}};
  const AttentionLoad load =
      attention_load({.decodes = 2, .kv_sum = 900, .kv_max = 700, .chunks = chunks});
  CHECK(load.pairs == 10 * 100 + 55 + 10);
  CHECK(load.chunk_kv == 114);
  CHECK(load.chunk_kv_max == 110);
  CHECK(load.kv_max == 700);
}

TEST_CASE("all-reduce latencies of GPU counts that nobody measured") {
  const std::map<int, double> table{{2, 7}, {4, 15}, {8, 19}};
  CHECK(all_reduce_latency_us(table, 2) == 7);
  CHECK(all_reduce_latency_us(table, 8) == 19);
  CHECK(all_reduce_latency_us(table, 3) == doctest::Approx(7 + 8 * std::log2(1.5)));
  CHECK(all_reduce_latency_us(table, 16) == doctest::Approx(23));
  CHECK(all_reduce_latency_us({{8, 19}}, 2) == 19);
  CHECK(all_reduce_latency_us({{4, 15}, {8, 19}}, 2) == 15);
  CHECK(all_reduce({}, 1e6).total_ms() == 0);
}

TEST_CASE("the engine's all-reduce factor is left out over PCIe") {
  const auto latency = [](const Accelerator& gpu) {
    return make_roofline_parameters(fixtures::scenario({.gpu = gpu, .tensor_parallel = 2}))
        .all_reduce.latency_ms;
  };
  CHECK(latency(fixtures::h100()) == doctest::Approx(0.007 * 0.87682));
  CHECK(latency(fixtures::rtx_pro_6000()) == doctest::Approx(0.020));
}

TEST_CASE("dtypes compute natively, or are weight-only where the GPU lacks them") {
  const auto numerics = [](const Accelerator& gpu, Dtype dtype) {
    return gemm_numerics(gpu.timing, dtype);
  };
  const GemmNumerics fp8 = numerics(fixtures::h100(), Dtype::fp8);
  CHECK(fp8.activation_bytes == 1);
  CHECK(fp8.peak_tflops == 1979);
  CHECK(fp8.flops_efficiency == 0.63613);
  CHECK_FALSE(fp8.extrapolated);
  const GemmNumerics stored = numerics(fixtures::a100(), Dtype::fp8);
  CHECK(stored.weight_bytes == 1);
  CHECK(stored.activation_bytes == 2);
  CHECK(stored.peak_tflops == 312);
  CHECK(stored.flops_efficiency == 0.8665);
  CHECK(stored.extrapolated);
  CHECK(numerics(fixtures::h100(), Dtype::nvfp4).activation_bytes == 2);
  const GemmNumerics int4 = numerics(fixtures::b200(), Dtype::int4);
  CHECK(int4.weight_bytes == 0.52);
  CHECK(int4.activation_bytes == 2);
  CHECK(int4.peak_tflops == 2250);
  const GemmNumerics hopper = numerics(fixtures::h100(), Dtype::mxfp4);
  CHECK(hopper.activation_bytes == 2);
  CHECK(hopper.peak_tflops == 989.4);
  CHECK(hopper.flops_efficiency == 0.722);
  CHECK_FALSE(hopper.extrapolated);
  const GemmNumerics blackwell = numerics(fixtures::b200(), Dtype::mxfp4);
  CHECK(blackwell.weight_bytes == 0.53);
  CHECK(blackwell.activation_bytes == 1);
  CHECK(blackwell.peak_tflops == 4500);
  Accelerator with_int8 = fixtures::h100();
  CHECK(numerics(with_int8, Dtype::int8).activation_bytes == 2);
  with_int8.timing.peak_tflops[Dtype::int8] = 1979;
  const GemmNumerics int8 = numerics(with_int8, Dtype::int8);
  CHECK(int8.activation_bytes == 1);
  CHECK(int8.flops_efficiency == 0.63613);
  CHECK(int8.extrapolated);
}

TEST_CASE("padding goes to the next captured size, and no further than the last") {
  const Padding padding({1, 2, 4, 8, 16});
  CHECK(padding.padded(1) == 1);
  CHECK(padding.padded(3) == 4);
  CHECK(padding.padded(9) == 16);
  CHECK(padding.padded(16) == 16);
  CHECK(padding.padded(17) == 17);
  CHECK(Padding().padded(3) == 3);
}

}  // namespace penstock
