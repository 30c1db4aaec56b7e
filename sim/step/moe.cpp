#include "sim/step/moe.h"

#include <algorithm>
#include <cmath>

#include "sim/core/math.h"
#include "sim/step/roofline_parameters.h"

namespace penstock {
namespace {

constexpr double flop_per_ms_of_tflops = 1e9;
constexpr double bytes_per_ms_of_gb_s = 1e6;

// Shared by all GPUs and engines (fitted end to end, see docs/models.md).
constexpr double narrow_n1 = 310.88;
constexpr double pad_tokens_per_active_expert = 50.165;
constexpr double grouped_smooth_p = 2.56;
constexpr double all_to_all_latency_ms = 23.515e-3;
constexpr double all_to_all_link_efficiency = 0.34457;
/// A token goes out in one byte an element and comes back in two, on average of both ways.
constexpr double all_to_all_bytes_per_element = 1.5;
/// What the parameters of cards without a fast link give an all-to-all at most.
constexpr double pcie_gb_s_of_collectives = 20;

/// For GPUs whose file says nothing: those of GPUs without measurements.
double usual_efficiency(Dtype dtype) {
  switch (dtype) {
    case Dtype::bf16:
      return 0.77412;
    case Dtype::nvfp4:
      return 0.40183;
    default:
      return 0.51755;
  }
}

double moe_efficiency(const AcceleratorTiming& timing, Dtype dtype) {
  const auto found = timing.moe_flops_efficiency.find(dtype);
  return found == timing.moe_flops_efficiency.end() ? usual_efficiency(dtype) : found->second;
}

/// Beside what bytes and FLOP take, a layer. Weights only stored in fp8 are nothing special.
double latency_us(const Scenario& scenario, const GemmNumerics& numerics) {
  const EngineTiming::Moe& engine = scenario.engine.timing.moe;
  if (scenario.weights != Dtype::fp8 || numerics.activation_bytes != 1) {
    return engine.latency_us;
  }
  const bool has_fp4_units = scenario.cluster.gpu.timing.peak_tflops.count(Dtype::nvfp4) > 0;
  if (has_fp4_units && engine.deep_gemm_latency_us >= 0) {
    return engine.deep_gemm_latency_us;
  }
  return engine.fp8_latency_us >= 0 ? engine.fp8_latency_us : engine.latency_us;
}

/// (1 - share)^n for any n >= 0.
double none_of(double share, double n) {
  constexpr double nothing = -700;  // of what math::exp can take
  const double exponent = share < 1 ? n * math::log(1 - share) : nothing;
  return exponent <= nothing ? 0 : math::exp(exponent);
}

}  // namespace

GemmNumerics moe_numerics(const AcceleratorTiming& timing, const EngineTiming::Moe& engine,
                          Dtype weights) {
  GemmNumerics numerics = gemm_numerics(timing, weights);
  const bool is_stored_only =
      numerics.activation_bytes == 2 && (weights != Dtype::mxfp4 || engine.mxfp4_as_bf16);
  const Dtype like = weights == Dtype::int8 ? Dtype::fp8 : is_stored_only ? Dtype::bf16 : weights;
  numerics.flops_efficiency = moe_efficiency(timing, like);
  numerics.extrapolated = numerics.extrapolated || timing.moe_flops_efficiency.count(weights) == 0;
  return numerics;
}

MoeRates make_moe_rates(const Scenario& scenario) {
  const Architecture& model = scenario.model;
  const MoeLayers& moe = model.moe;
  const AcceleratorTiming& timing = scenario.cluster.gpu.timing;
  const EngineTiming::Moe& engine = scenario.engine.timing.moe;
  MoeRates rates;
  rates.layers = static_cast<double>(model.moe_layers());
  if (rates.layers == 0) {
    return rates;
  }
  const GemmNumerics numerics = moe_numerics(timing, engine, scenario.weights);
  const bool is_spread = scenario.cluster.expert_parallel > 1;
  // Where the experts do not divide evenly, the fullest GPU decides.
  const auto experts = static_cast<double>(moe.num_experts);
  rates.gpus = is_spread ? experts / std::ceil(experts / scenario.cluster.expert_parallel) : 1;
  rates.ranks = scenario.cluster.data_parallel;
  rates.hidden = static_cast<double>(moe.latent_size > 0 ? moe.latent_size : model.hidden_size);
  rates.width = static_cast<double>(moe.moe_intermediate_size) /
                (is_spread ? 1 : scenario.cluster.tensor_parallel);
  rates.matrices = model.gated_mlp ? 3 : 2;
  rates.experts = experts;
  rates.top_k = static_cast<double>(moe.num_experts_per_tok);
  rates.share = rates.ranks / rates.gpus;
  rates.weight_bytes = numerics.weight_bytes;
  rates.peak_flop_per_ms = numerics.peak_tflops * flop_per_ms_of_tflops;
  rates.flop_per_ms = rates.peak_flop_per_ms * numerics.flops_efficiency;
  rates.peak_bytes_per_ms = timing.memory_gb_s * bytes_per_ms_of_gb_s;
  rates.bytes_per_ms = rates.peak_bytes_per_ms * engine.bandwidth_efficiency;
  rates.latency_ms = latency_us(scenario, numerics) * 1e-3;
  rates.imbalance = is_spread ? 1 + engine.imbalance * (1 - 1 / rates.gpus) : 1;
  rates.time_factor = scenario.engine.timing.gpu_time_factor;
  rates.smooth = SmoothMax(grouped_smooth_p);
  return rates;
}

double busy_experts(const MoeRates& rates, double tokens) {
  return rates.experts / rates.gpus *
         (1 - none_of(rates.top_k / rates.experts, tokens * rates.ranks));
}

double expert_flop(const MoeRates& rates, double tokens) {
  return 2 * rates.matrices * rates.hidden * rates.width * tokens * rates.top_k * rates.share;
}

double expert_weight_bytes(const MoeRates& rates, double tokens) {
  return rates.matrices * rates.hidden * rates.width * rates.weight_bytes *
         busy_experts(rates, tokens);
}

double expert_weights_ms(const MoeRates& rates, double tokens) {
  return rates.layers > 0 ? rates.layers * expert_weight_bytes(rates, tokens) / rates.bytes_per_ms
                          : 0;
}

OperatorTime grouped_gemm(const MoeRates& rates, double tokens) {
  const double busy = busy_experts(rates, tokens);
  const double routed = tokens * rates.top_k * rates.share;
  const double expert = rates.hidden * rates.width;
  const double padded = routed * rates.imbalance + pad_tokens_per_active_expert * busy;
  const double compute_ms =
      2 * rates.matrices * expert * padded * (1 + narrow_n1 / rates.width) / rates.flop_per_ms;
  // The busiest GPU may hit more experts than the mean one, but not more than it has.
  const double crowded = std::min(rates.imbalance, rates.experts / (rates.gpus * busy));
  const double weights = expert_weight_bytes(rates, tokens);
  const double memory_ms =
      (weights * crowded + 4 * routed * rates.imbalance * rates.hidden) / rates.bytes_per_ms;
  OperatorTime time;
  time.latency_ms = rates.latency_ms;
  time.variable_ms = rates.smooth(compute_ms, memory_ms);
  time.bound = memory_ms >= compute_ms ? Resource::memory : Resource::compute;
  time.floor_ms = std::max(expert_flop(rates, tokens) / rates.peak_flop_per_ms,
                           weights / rates.peak_bytes_per_ms);
  time.variable_ms =
      std::max(time.variable_ms, time.floor_ms / rates.time_factor - time.latency_ms);
  return time;
}

Reach reach_of(const Accelerator& gpu, int gpus) {
  const int domain = std::max(1, gpu.scaleup_domain);
  const int server = gpu.near_gpus();
  // Dispatch and combine reach a part of a fast link, but all that collectives reach over PCIe.
  const double near_gb_s = domain > 1 && (gpus <= domain || server == domain)
                               ? all_to_all_link_efficiency * gpu.timing.link_gb_s
                               : std::min(gpu.timing.link_gb_s, pcie_gb_s_of_collectives);
  return {.servers = std::max(1.0, static_cast<double>(gpus) / server),
          .near_bytes_per_ms = near_gb_s * bytes_per_ms_of_gb_s,
          .far_bytes_per_ms = network_efficiency * gpu.network_gb_s * bytes_per_ms_of_gb_s};
}

DispatchRates make_dispatch_rates(const Scenario& scenario) {
  const ClusterSpec& cluster = scenario.cluster;
  DispatchRates rates;
  const double n = cluster.expert_parallel;
  if (cluster.data_parallel < 2 || n < 2 || scenario.model.moe_layers() == 0) {
    return rates;
  }
  const double exposed = 1 - scenario.engine.timing.comm_overlap;
  const auto k = static_cast<double>(scenario.model.moe.num_experts_per_tok);
  const auto h = static_cast<double>(scenario.model.hidden_size);
  rates.latency_ms = 2 * exposed * all_to_all_latency_ms * math::log(n) / math::log(2.0);
  // The GPUs of a rank send a share of its tokens each.
  const double bytes = 2 * exposed * all_to_all_bytes_per_element * h / cluster.tensor_parallel;
  const Reach reach = reach_of(cluster.gpu, cluster.expert_parallel);
  rates.ms_per_token = bytes * std::min(k, n - 1) * (n - 1) / n / reach.near_bytes_per_ms;
  if (reach.servers > 1 && reach.far_bytes_per_ms > 0) {
    // Once to each other server that has one of its experts, at the same time, on other wires.
    const double servers = (reach.servers - 1) * (1 - none_of(1 / reach.servers, k));
    rates.ms_per_token = std::max(rates.ms_per_token, bytes * servers / reach.far_bytes_per_ms);
  }
  return rates;
}

OperatorTime dispatch_and_combine(const DispatchRates& rates, double tokens) {
  if (rates.latency_ms == 0) {
    return {};
  }
  return {.latency_ms = rates.latency_ms,
          .variable_ms = rates.ms_per_token * tokens,
          .floor_ms = 0,
          .bound = Resource::communication};
}

}  // namespace penstock
