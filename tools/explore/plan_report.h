#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tools/explore/plan.h"
#include "tools/explore/plan_space.h"

/// What `penstock plan` prints.
namespace penstock::explore {

/// A plan with all that its printers need. Refers to what the caller keeps alive.
struct PlanOutput {
  const PlanQuestion& question;
  const Space& space;
  const Plan& plan;
  double seconds = 0;  ///< that the search took; the only number here that differs between runs
};

/// What tokens cost in all pools together, dollars per million; absent where none was served.
PerMillion per_million_of(const Plan& plan, bool at_mean);

/// The screen: the plan, its limits, money, use, why not fewer, runners-up.
std::string plan_table(const PlanOutput& output, bool color);

/// Keys of product.md: plan, limits, why_not_fewer, alternatives, search.
nlohmann::ordered_json plan_json(const PlanOutput& output);

/// Why there is no plan, for standard error: the arithmetic of the bound, or what the strongest
/// pool misses. Empty if there is a plan.
std::string no_plan_text(const PlanOutput& output);

/// `vllm serve` with the flags of one pool; with a port above 0 in the background, on that port.
std::string vllm_command(const PlanOutput& output, const PlannedPool& planned, int port);
/// A shell script that starts one replica of each pool.
std::string vllm_commands(const PlanOutput& output);
/// A Kubernetes Deployment for each pool.
std::string kubernetes_manifest(const PlanOutput& output);

}  // namespace penstock::explore
