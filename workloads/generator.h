#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/core/rng.h"
#include "sim/scenario.h"
#include "workloads/arrivals.h"
#include "workloads/lengths.h"
#include "workloads/stream.h"

namespace penstock {

/// Generated requests of one class: arrivals from one process, lengths from the streams
/// "input/CLASS" and "output/CLASS", their ranks correlated as the class says, groups or the order
/// of prompts from "prefix/CLASS"; independent of every other class.
class GeneratedStream final : public RequestStream {
 public:
  /// Arrivals at `until` or later do not take place.
  struct Options {
    std::uint16_t class_index = 0;
    std::uint64_t seed = 0;
    std::uint64_t requests = 0;  ///< of an offline class, or what `rescale` counts
    SimTime until = SimTime::never();
  };

  GeneratedStream(const ClassSpec& spec, const Options& options);

  SimTime next_arrival() const override;
  Request pop() override;
  void on_departure(const Departure& d) override { arrivals_->on_departure(d.at); }

 private:
  std::unique_ptr<ArrivalProcess> arrivals_;
  LengthSampler input_;
  LengthSampler output_;
  void share(Request& request);

  PrefixSpec prefix_;
  Rng groups_;
  std::uint64_t first_group_;         ///< the token stream of the first group
  std::uint64_t first_prompt_ = 0;    ///< and of the first prompt, the group's tokens left out
  std::vector<std::uint32_t> order_;  ///< of all groups' prompts; empty = they never come again
  std::size_t sent_ = 0;              ///< of them, in this round
  Copula copula_;
  SimTime until_;
  std::int32_t priority_;
  std::uint16_t class_index_;
};

}  // namespace penstock
