#pragma once

#include <cstdint>
#include <memory>

#include "sim/core/rng.h"
#include "sim/scenario.h"
#include "workloads/arrivals.h"
#include "workloads/lengths.h"
#include "workloads/stream.h"

namespace penstock {

/// Generated requests of one class: arrivals from one process, lengths from the streams
/// "input/CLASS" and "output/CLASS", groups from "prefix/CLASS", independent of each other and of
/// every other class.
class GeneratedStream final : public RequestStream {
 public:
  /// Arrivals at `until` or later do not take place.
  struct Options {
    std::uint16_t class_index = 0;
    std::uint64_t seed = 0;
    std::uint64_t offline_requests = 0;
    SimTime until = SimTime::never();
  };

  GeneratedStream(const ClassSpec& spec, const Options& options);

  SimTime next_arrival() const override;
  Request pop() override;
  void on_departure(SimTime now) override { arrivals_->on_departure(now); }

 private:
  std::unique_ptr<ArrivalProcess> arrivals_;
  LengthSampler input_;
  LengthSampler output_;
  PrefixSpec prefix_;
  Rng groups_;
  std::uint64_t first_group_;  ///< the token stream of the first group
  SimTime until_;
  std::int32_t priority_;
  std::uint16_t class_index_;
};

}  // namespace penstock
