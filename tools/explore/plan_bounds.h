#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/scenario.h"
#include "tools/explore/plan_traffic.h"

namespace penstock::explore {

/// A limit that so many requests exceed even when they have a replica to themselves that the
/// attainment cannot be reached, however many replicas there are.
struct Unreachable {
  std::size_t class_index = 0;
  std::string metric;  ///< ttft, tpot, e2e; prompt (too long for the context or the KV pool)
  double limit_ms = 0;
  double bound_ms = 0;            ///< what the decisive request takes alone
  std::int64_t input_tokens = 0;  ///< of that request
  std::int64_t output_tokens = 0;
  double share = 0;  ///< of the class's requests exceed the limit alone
};

/// What arithmetic knows of a replica and its traffic without a simulation. Sound: it rules out
/// nothing that a simulation would accept.
///
/// A step of n tokens lasts at least as long as its GEMMs, its elementwise and all-reduce kernels
/// and its fixed latencies, and reading KV adds its bytes at the attainable bandwidth. So a request
/// keeps a replica busy for at least tokens x (cheapest step time per token) + KV reads, and all
/// good requests must be through before their limits, counted from the last arrival, run out. The
/// requests that the attainment allows to miss are taken to be the most expensive ones.
///
/// Each stage of p takes a p-th of a step, so that p steps are under way at once at most. The
/// pieces of a prompt follow each other through the stages: alone it takes a p-th of their steps at
/// least; a decode step passes all stages.
class PlanBounds {
 public:
  /// `replica`: a scenario with all classes of `traffic`.
  PlanBounds() = default;
  PlanBounds(const Scenario& replica, const Traffic& traffic);

  /// Fewer replicas than this cannot serve these classes within their limits; at least 1.
  int least_replicas(ClassMask classes) const;
  /// The worst limit of these classes that no number of replicas meets.
  std::optional<Unreachable> unreachable(ClassMask classes) const;

 private:
  /// Lower bounds of a step's time, ps.
  struct StepFloor {
    double per_token = 0;            ///< cheapest, over all sizes of a step
    double per_decode = 0;           ///< cheapest, in a step full of decodes
    double per_kv = 0;               ///< reading one token's KV
    std::int64_t max_model_len = 0;  ///< output is cut there
  };
  /// Work that must be done by a time, for each class and time.
  struct Work {
    std::vector<double> by_tokens;   ///< ps, at StepFloor::per_token
    std::vector<double> by_decodes;  ///< ps, at StepFloor::per_decode: decode tokens only
  };

  static StepFloor measure_steps(const Scenario& replica);
  void add_class(std::size_t class_index, const Scenario& replica, const Traffic& traffic,
                 const StepFloor& floor);
  void find_unreachable(std::size_t class_index, const Scenario& replica, const Traffic& traffic);

  int stages_ = 1;
  std::vector<SimTime> horizons_;
  SimTime first_arrival_ = SimTime::never();  ///< of the judged requests: no work before it
  std::vector<Work> work_;                    ///< by class
  std::vector<std::optional<Unreachable>> unreachable_;
};

}  // namespace penstock::explore
