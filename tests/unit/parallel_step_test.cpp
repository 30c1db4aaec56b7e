#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "sim/step/moe.h"
#include "sim/step/roofline_parameters.h"
#include "sim/step/step_model.h"
#include "tests/support/model_fixtures.h"

/// What topology and the split of a model do to a step (step-model.md §1).
namespace penstock {

namespace {

constexpr double efficiency = 0.34457;
constexpr double bytes_of_gb_s = 1e6;  // a ms

Accelerator h200_with_network() {
  Accelerator gpu = fixtures::h200();
  gpu.network_gb_s = 50;
  return gpu;
}

Scenario split(const Accelerator& gpu, int tensor, int ranks) {
  return fixtures::scenario({.model = fixtures::qwen3_235b_a22b(),
                             .gpu = gpu,
                             .engine = fixtures::vllm_0_11_api(),
                             .tensor_parallel = tensor,
                             .weights = Dtype::fp8,
                             .data_parallel = ranks,
                             .expert_parallel = tensor * ranks});
}

/// Bytes that a rank's token sends and receives in a layer.
double bytes_per_token(double n) { return 2 * 1.5 * 4096 * std::min(8.0, n - 1) * (n - 1) / n; }

}  // namespace

TEST_CASE("dispatch and combine within the fast link's domain") {
  const DispatchRates rates = make_dispatch_rates(split(h200_with_network(), 1, 8));
  CHECK(rates.ms_per_token ==
        doctest::Approx(bytes_per_token(8) / (efficiency * 450 * bytes_of_gb_s)));
  CHECK(rates.latency_ms == doctest::Approx(2 * 23.515e-3 * 3));
  // All of one rank's GPUs have all tokens already.
  CHECK(make_dispatch_rates(split(h200_with_network(), 8, 1)).latency_ms == 0);
}

TEST_CASE("dispatch and combine between servers: the network decides, or the fast link") {
  Accelerator gpu = h200_with_network();
  gpu.network_gb_s = 5;
  // To the other server, if one of eight experts is there.
  const double two = 2 * 1.5 * 4096 * (1 - std::pow(0.5, 8));
  CHECK(make_dispatch_rates(split(gpu, 1, 16)).ms_per_token ==
        doctest::Approx(two / (0.86 * 5 * bytes_of_gb_s)));
  const double four = 2 * 1.5 * 4096 * 3 * (1 - std::pow(0.75, 8));
  CHECK(make_dispatch_rates(split(gpu, 1, 32)).ms_per_token ==
        doctest::Approx(four / (0.86 * 5 * bytes_of_gb_s)));
  gpu.network_gb_s = 50;
  CHECK(make_dispatch_rates(split(gpu, 1, 16)).ms_per_token ==
        doctest::Approx(bytes_per_token(16) / (efficiency * 450 * bytes_of_gb_s)));
  gpu.network_gb_s = 5;
  gpu.scaleup_domain = 72;  // a rack
  CHECK(make_dispatch_rates(split(gpu, 1, 16)).ms_per_token ==
        doctest::Approx(bytes_per_token(16) / (efficiency * 450 * bytes_of_gb_s)));
}

TEST_CASE("a server without a switch: PCIe beyond the bridge") {
  Accelerator gpu = fixtures::h200();
  gpu.scaleup_domain = 2;
  const Reach pair = reach_of(gpu, 2);
  CHECK(pair.near_bytes_per_ms == doctest::Approx(efficiency * 450 * bytes_of_gb_s));
  const Reach server = reach_of(gpu, 8);
  CHECK(server.servers == 1);
  CHECK(server.near_bytes_per_ms == doctest::Approx(20 * bytes_of_gb_s));
  CHECK(reach_of(gpu, 32).servers == 4);
}

TEST_CASE("ranks of several GPUs reduce after attention, and each GPU sends its share") {
  const Scenario wide = split(h200_with_network(), 4, 2);
  const RooflineParameters p = make_roofline_parameters(wide);
  CHECK(p.all_reduces == 94);  // one a layer, of experts all
  CHECK(p.all_reduce.gpus == 4);
  CHECK(make_roofline_parameters(split(h200_with_network(), 8, 1)).all_reduces == 2 * 94);
  CHECK(make_roofline_parameters(split(h200_with_network(), 1, 8)).all_reduces == 0);
  CHECK(make_dispatch_rates(wide).ms_per_token ==
        doctest::Approx(bytes_per_token(8) / 4 / (efficiency * 450 * bytes_of_gb_s)));
}

TEST_CASE("experts that are spread: as many bytes, wider matrices, and the busiest GPU") {
  const auto moe_ms = [](int expert_parallel) {
    Scenario scenario = split(fixtures::h200(), 8, 1);
    scenario.cluster.expert_parallel = expert_parallel;
    const StepExplanation step =
        explain_step(scenario, {.decodes = 64, .kv_sum = 64'000, .kv_max = 1000, .sampled = 64});
    return step.operators_ms[static_cast<std::size_t>(Operator::moe)];
  };
  // Widths of 192 run at 1 / (1 + 311/192) of the peak, so that whole experts are faster.
  CHECK(moe_ms(8) < moe_ms(1));
  Scenario even = split(fixtures::h200(), 8, 1);
  even.engine.timing.moe.imbalance = 0;
  const MoeRates rates = make_moe_rates(even);
  CHECK(rates.imbalance == 1);
  CHECK(busy_experts(rates, 1e6) == doctest::Approx(16));
  CHECK(expert_flop(rates, 64) ==
        doctest::Approx(6.0 * 4096 * 1536 * 64 * 8 / 8));  // an eighth of the tokens' work
}

}  // namespace penstock
