#pragma once

#include "sim/scenario.h"
#include "sim/step/operators.h"

/// Routed experts: one grouped GEMM over the experts that a step's tokens hit, and what stands
/// around it. Formulas and values: fitted on published results of whole systems (docs/models.md).
namespace penstock {

/// One layer of routed experts on one GPU.
struct MoeRates {
  double layers = 0;  ///< 0 = the model has none
  double hidden = 0;  ///< width of an expert's input
  double width = 0;   ///< of an expert, on this GPU
  double matrices = 3;
  double experts = 0;  ///< all
  double top_k = 0;
  double gpus = 1;   ///< over which the experts are spread; each has experts / gpus
  double ranks = 1;  ///< of attention data parallel: they share the experts
  double share = 1;  ///< of the tokens' expert work that is done here
  double weight_bytes = 2;
  double flop_per_ms = 0;  ///< reachable
  double peak_flop_per_ms = 0;
  double bytes_per_ms = 0;  ///< reachable
  double peak_bytes_per_ms = 0;
  double latency_ms = 0;
  double imbalance = 1;  ///< of the busiest GPU over the mean
  double time_factor = 1;
  SmoothMax smooth;
};
MoeRates make_moe_rates(const Scenario& scenario);

/// Distinct experts, of those on one GPU, that `tokens` tokens hit on average if routing is even:
/// (E / n) (1 - (1 - k / E)^tokens).
double busy_experts(const MoeRates& rates, double tokens);
/// FLOP of `tokens` tokens of each rank in one layer's experts here, without padding.
double expert_flop(const MoeRates& rates, double tokens);
/// Bytes of the weights that they read.
double expert_weight_bytes(const MoeRates& rates, double tokens);
/// Time of reading them in all layers, at the bandwidth that the kernel reaches; 0 without experts.
double expert_weights_ms(const MoeRates& rates, double tokens);
/// The grouped GEMM, its permutation of tokens included, for `tokens` tokens of each rank. At least
/// its floor. Bound: compute or memory.
OperatorTime grouped_gemm(const MoeRates& rates, double tokens);

/// Of a network's bandwidth, what collectives reach: DeepEP @0297fc80, docs/legacy.md, 43 of about
/// 50 GB/s of a 400 Gbit/s card, two servers.
inline constexpr double network_efficiency = 0.86;

/// Where the GPUs of a replica lie: consecutive ones, server by server.
struct Reach {
  double servers = 1;
  double near_bytes_per_ms = 0;  ///< of an all-to-all within a server, as reached
  double far_bytes_per_ms = 0;   ///< from server to server, a GPU's share
};
/// Of an all-to-all among so many GPUs: within the domain of the fast link over that, in a server
/// beyond it over PCIe, from server to server over the network.
Reach reach_of(const Accelerator& gpu, int gpus);

/// Sending each token to the GPUs of its experts and the results back, per layer.
struct DispatchRates {
  double latency_ms = 0;    ///< 0 = the experts' inputs are here already
  double ms_per_token = 0;  ///< both ways, of one rank's token
};
DispatchRates make_dispatch_rates(const Scenario& scenario);
OperatorTime dispatch_and_combine(const DispatchRates& rates, double tokens);

/// How a GPU computes routed experts stored in `weights`: as gemm_numerics, with efficiencies of
/// the grouped GEMM.
struct GemmNumerics;
GemmNumerics moe_numerics(const AcceleratorTiming& timing, const EngineTiming::Moe& engine,
                          Dtype weights);

}  // namespace penstock
