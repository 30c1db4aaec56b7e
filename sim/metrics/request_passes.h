#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/analysis/traffic.h"
#include "sim/metrics/quantiles.h"
#include "sim/metrics/summary.h"
#include "sim/result.h"
#include "sim/scenario.h"

namespace penstock {

/// What the requests of a class add up to.
struct Tally {
  RequestCounts requests;
  std::uint64_t good = 0;     ///< within the limits
  std::uint64_t counted = 0;  ///< of so many
};

/// All that a summary wants from the list of requests, in two passes over it: counts and buckets
/// of latencies, then the latencies near their quantiles.
class RequestPasses {
 public:
  RequestPasses(const Scenario& scenario, const Result& result);

  /// By class.
  const std::vector<Tally>& tallies() const { return tallies_; }
  /// Means over those completed.
  TrafficMeans traffic() { return traffic_.means(); }
  /// The latencies of the summary and its classes, which are there; once.
  void fill(Summary& summary);

 private:
  /// The latencies of a class, or of all of them together.
  struct Latencies {
    explicit Latencies(double attainment)
        : ttft(attainment), tpot(attainment), e2e(attainment), queue(attainment) {}
    /// One of the two looks of LatencySample at a completed request.
    template <void (LatencySample::*look)(std::int64_t)>
    void see(const RequestRecord& request);
    void choose();
    template <typename Into>
    void fill(Into& summary);

    LatencySample ttft, tpot, e2e, queue;
  };

  bool is_measured(const RequestRecord& request) const {
    return request.status == RequestStatus::completed &&
           request.arrival >= scenario_.workload.warmup;
  }
  void tally();
  void look_again();
  template <void (LatencySample::*look)(std::int64_t)>
  void see(const RequestRecord& request);

  const Scenario& scenario_;
  const Result& result_;
  std::vector<Tally> tallies_;
  TrafficAccumulator traffic_;
  std::vector<Latencies> of_class_;
  std::optional<Latencies> all_;  ///< with several classes
};

}  // namespace penstock
