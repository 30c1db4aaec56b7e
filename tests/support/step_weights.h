#pragma once

#include <doctest/doctest.h>

#include <vector>

#include "sim/step/roofline_parameters.h"
#include "tests/support/fixtures.h"

/// A step multiplies with every weight that the model is counted to have: two independent readings
/// of an architecture, by the GEMMs of a step and by its parameters.
namespace penstock::test {

inline double weights_of(const std::vector<LayerGemm>& gemms) {
  double sum = 0;
  for (const LayerGemm& gemm : gemms) {
    sum += gemm.layers * gemm.shape.n * gemm.shape.k;
  }
  return sum;
}

inline void check_step_weights(const Architecture& model) {
  Scenario scenario = fixtures::scenario();
  scenario.model = model;
  const ParameterCounts counts = count_parameters(model);
  const RooflineParameters p = make_roofline_parameters(scenario);
  double beside_experts = 0;
  for (const GemmShape& shape : p.expert_gemms) {
    beside_experts += p.moe.layers * shape.n * shape.k;
  }
  // Counted, but not multiplied with: hyper-connections (0.7 % of DeepSeek-V4's projections) and
  // biases of experts (0.03 % of gpt-oss').
  const double within = model.compressed.is_used() ? 0.008 : 0.0005;
  const auto near = [within](std::int64_t n) {
    return doctest::Approx(static_cast<double>(n)).epsilon(within);
  };
  CHECK(weights_of(p.mixer_gemms) + beside_experts ==
        near(counts.attention + counts.latent + counts.shared_experts));
  CHECK(weights_of(p.gemms) == near(counts.dense_mlp));
  CHECK(p.moe.layers * p.moe.experts * p.moe.matrices * p.moe.hidden * p.moe.width ==
        near(counts.experts));
}

}  // namespace penstock::test
