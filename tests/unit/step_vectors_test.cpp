#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/step/step_model.h"
#include "tests/support/model_fixtures.h"

namespace penstock {
namespace {

/// A step of decodes and of equal chunks without context.
struct Load {
  std::int64_t decodes = 0;
  std::int64_t kv_sum = 0;
  std::int64_t kv_max = 0;
  std::int64_t chunks = 0;
  std::int64_t chunk_tokens = 0;
};

/// Milliseconds, of an independent implementation of the same formulas.
struct Expected {
  double total;
  double gpu;
  double gemm;
  double elementwise;
  double all_reduce;
  double attention;
  double head;  ///< and sampler
  double moe = 0;
  double all_to_all = 0;
};

struct Vector {
  fixtures::Setup setup;
  Load load;
  Expected expected;
};

const std::vector<Vector> vectors{
    {{.model = fixtures::llama_8b(), .gpu = fixtures::h100(), .engine = fixtures::vllm_0_11_api()},
     {8, 4000, 900, 0, 0},
     {8.029479, 6.507415, 5.404269, 0.30367, 0.0, 0.51103, 0.382451}},
    {{.model = fixtures::llama_8b(), .gpu = fixtures::h100(), .engine = fixtures::vllm_0_11_api()},
     {128, 64000, 900, 0, 0},
     {16.90803, 10.369006, 5.991126, 0.65305, 0.0, 3.376473, 0.498143}},
    {{.model = fixtures::llama_8b(), .gpu = fixtures::h200(), .engine = fixtures::vllm_0_19()},
     {8, 768, 100, 0, 0},
     {4.87931, 4.87931, 4.003609, 0.296643, 0.0, 0.372483, 0.27706}},
    {{.model = fixtures::llama_70b(),
      .gpu = fixtures::h100(),
      .engine = fixtures::tensorrt_llm_1_0(),
      .tensor_parallel = 2,
      .weights = Dtype::fp8,
      .kv_cache = Dtype::fp8},
     {1, 5250, 5250, 0, 0},
     {18.221635, 17.854794, 13.829283, 0.535768, 2.176127, 0.934891, 0.378725}},
    {{.model = fixtures::llama_70b(),
      .gpu = fixtures::h100(),
      .engine = fixtures::tensorrt_llm_1_0(),
      .tensor_parallel = 2,
      .weights = Dtype::fp8,
      .kv_cache = Dtype::fp8},
     {0, 0, 0, 1, 5000},
     {387.137518, 386.770676, 275.022136, 37.531555, 47.362771, 26.411704, 0.442511}},
    {{.model = fixtures::llama_70b(),
      .gpu = fixtures::h100(),
      .engine = fixtures::vllm_0_11_api(),
      .tensor_parallel = 4},
     {64, 28800, 900, 0, 0},
     {23.336711, 19.473399, 13.671866, 1.188452, 2.972125, 1.675148, 0.247115}},
    {{.model = fixtures::llama_70b(),
      .gpu = fixtures::b200(),
      .engine = fixtures::vllm_0_11_api(),
      .tensor_parallel = 2},
     {8, 3600, 900, 0, 0},
     {15.788749, 14.266685, 11.422768, 0.733854, 1.018195, 1.117729, 0.180231}},
    {{.model = fixtures::qwen3_32b(), .gpu = fixtures::b200(), .engine = fixtures::vllm_0_11_api()},
     {64, 41600, 1200, 0, 0},
     {19.041488, 15.178176, 10.680786, 0.978746, 0.0, 3.438237, 0.299667}},
    {{.model = fixtures::qwen3_32b(),
      .gpu = fixtures::h100(),
      .engine = fixtures::vllm_0_11_api(),
      .tensor_parallel = 2},
     {64, 352000, 9000, 0, 0},
     {33.191778, 29.328466, 12.256051, 1.119118, 1.074883, 14.96818, 0.333905}},
    {{.model = fixtures::llama_70b(),
      .gpu = fixtures::b200(),
      .engine = fixtures::tensorrt_llm_1_0(),
      .weights = Dtype::nvfp4,
      .kv_cache = Dtype::fp8},
     {512, 768000, 2000, 0, 0},
     {54.158117, 52.947307, 19.50018, 2.827713, 0.0, 29.541284, 1.07813}},
    {{.model = fixtures::llama_70b(),
      .gpu = fixtures::b200(),
      .engine = fixtures::tensorrt_llm_1_0(),
      .weights = Dtype::nvfp4,
      .kv_cache = Dtype::fp8},
     {512, 768000, 2000, 8, 1000},
     {339.819758, 338.595736, 260.241345, 38.755001, 0.0, 38.464467, 1.134922}},
    {{.model = fixtures::llama_8b(),
      .gpu = fixtures::rtx_pro_6000(),
      .engine = fixtures::vllm_0_19()},
     {64, 65536, 1500, 1, 1984},
     {102.084016, 102.084016, 79.164798, 7.163875, 0.0, 16.339819, 0.8902}},
    {{.model = fixtures::llama_8b(),
      .gpu = fixtures::rtx_pro_6000(),
      .engine = fixtures::vllm_0_19()},
     {128, 131072, 1500, 0, 0},
     {25.979681, 25.979681, 12.552514, 0.710596, 0.0, 12.074007, 1.017858}},
    {{.model = fixtures::llama_8b(),
      .gpu = fixtures::a100(),
      .engine = fixtures::tensorrt_llm_0_14()},
     {256, 384000, 2000, 0, 0},
     {56.514013, 55.345074, 19.744127, 1.245714, 0.0, 28.216701, 1.741698}},
    {{.model = fixtures::qwen3_30b_a3b(),
      .gpu = fixtures::h100(),
      .engine = fixtures::vllm_0_11_api()},
     {64, 64000, 2000, 0, 0},
     {30.908452, 27.04514, 1.208784, 0.534318, 0.0, 2.586173, 0.283849, 22.822701}},
    {{.model = fixtures::qwen3_235b_a22b(),
      .gpu = fixtures::h100(),
      .engine = fixtures::vllm_0_11_api(),
      .weights = Dtype::fp8,
      .data_parallel = 8,
      .expert_parallel = 8},
     {16, 15200, 2000, 0, 0},
     {41.122137, 34.583113, 3.3611, 0.930218, 0.0, 1.924148, 0.452928, 14.421798, 13.992497}},
    {{.model = fixtures::gpt_oss_20b(),
      .gpu = fixtures::h200(),
      .engine = fixtures::tensorrt_llm_1_0(),
      .weights = Dtype::mxfp4,
      .dense_weights = Dtype::bf16},
     {512, 768000, 2000, 0, 0},
     {28.061582, 26.850773, 1.320123, 0.34129, 0.0, 5.724384, 1.205026, 18.25995}},
};

double operator_ms(const StepExplanation& step, Operator op) {
  return step.operators_ms[static_cast<std::size_t>(op)];
}

/// Equal to 1e-6, and to the table's six decimals.
bool close(double actual, double expected) {
  return std::fabs(actual - expected) <= 1e-6 * expected + 5.1e-7;
}

}  // namespace

TEST_CASE("explain_step reproduces the reference vectors, operator by operator") {
  for (const Vector& vector : vectors) {
    const Scenario scenario = fixtures::scenario(vector.setup);
    CAPTURE(scenario.cluster.gpu.name);
    CAPTURE(scenario.model_name);
    CAPTURE(vector.load.decodes);
    const std::vector<Chunk> chunks(static_cast<std::size_t>(vector.load.chunks),
                                    Chunk{.q = vector.load.chunk_tokens, .context = 0});
    const StepLoad load{.decodes = vector.load.decodes,
                        .kv_sum = vector.load.kv_sum,
                        .kv_max = vector.load.kv_max,
                        .chunks = chunks,
                        .sampled = vector.load.decodes + vector.load.chunks};
    const StepExplanation step = explain_step(scenario, load);
    const Expected& expected = vector.expected;
    CHECK(close(operator_ms(step, Operator::gemm), expected.gemm));
    CHECK(close(operator_ms(step, Operator::elementwise), expected.elementwise));
    CHECK(close(operator_ms(step, Operator::all_reduce), expected.all_reduce));
    CHECK(close(operator_ms(step, Operator::attention), expected.attention));
    CHECK(close(operator_ms(step, Operator::head) + operator_ms(step, Operator::sampler),
                expected.head));
    CHECK(close(operator_ms(step, Operator::moe), expected.moe));
    CHECK(close(operator_ms(step, Operator::all_to_all), expected.all_to_all));
    CHECK(close(step.gpu_ms, expected.gpu));
    CHECK(close(step.total_ms, expected.total));

    const auto model = make_step_model(scenario);
    StepLoad simulated = load;
    simulated.window_sum = std::min(load.kv_sum, load.decodes * model->window());
    const double simulated_ms = static_cast<double>(model->cost(simulated).total) * 1e-9;
    CHECK(simulated_ms == doctest::Approx(step.total_ms).epsilon(1e-4));
    CHECK(simulated_ms >= step.total_ms * (1 - 1e-12));
  }
}

}  // namespace penstock
