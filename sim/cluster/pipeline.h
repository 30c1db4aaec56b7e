#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sim/engine/replica.h"

namespace penstock {

/// A replica whose layers are cut into stages, with as many batches in flight (scheduler-semantics
/// 1.2.3): each lane is one of them, with the sequences that decode in it. Queue, sequences and
/// blocks are the replica's. A new batch is scheduled when the oldest one has come back, or nothing
/// is in flight; then more, as long as there is work for a lane that has none.
///
/// A batch passes all stages, each as soon as it has left the one before and the batch before it
/// has left this one; its time on the GPUs is spread evenly over the stages, and the CPU, where it
/// does not overlap, is one more stage behind them. In a steady state all batches take as long as
/// the slowest: its whole step (step-model.md §1).
class Pipeline {
 public:
  using Lanes = std::span<const std::unique_ptr<Replica>>;

  explicit Pipeline(Lanes lanes);

  bool busy() const { return !in_flight_.empty(); }
  /// When the oldest batch in flight comes back; never() if there is none.
  SimTime run_end() const {
    return busy() ? lanes_[in_flight_.front()]->run_end() : SimTime::never();
  }
  bool waiting() const { return lanes_[holder_]->waiting(); }
  std::int64_t queued() const { return lanes_[holder_]->queued(); }

  /// As Replica's.
  bool submit(const Arrival& request, const Content& content, SimTime now);
  void start(SimTime now, SimTime limit);
  void end(SimTime now, std::vector<std::uint32_t>& finished);
  void close(SimTime end);

 private:
  /// The lane gets what all share.
  Replica& hold(std::size_t lane);
  /// A lane alone in flight runs many steps at once, if nothing can change meanwhile.
  void leap(SimTime limit);
  /// Schedules and starts the lane's next batch; false: there is nothing to do.
  bool launch(std::size_t lane, SimTime now);
  /// A batch enters the first stage now: when it has passed the last.
  SimTime pass(SimTime now, std::int64_t gpu_ps, std::int64_t cpu_ps);
  /// Shows all lanes' time series what they share: blocks to each, requests to the first.
  void show_levels(SimTime now);

  Lanes lanes_;
  std::vector<EngineState*> engines_;
  std::size_t holder_ = 0;              ///< between events, the oldest in flight
  bool admission_was_tried_ = true;     ///< by the last schedule
  std::size_t returned_ = 0;            ///< lane that came back last
  std::vector<std::size_t> in_flight_;  ///< lanes, the oldest first
  std::vector<SimTime> free_;           ///< when each stage is; the CPU last
};

}  // namespace penstock
