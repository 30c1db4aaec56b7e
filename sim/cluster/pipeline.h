#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sim/cluster/lock_step.h"
#include "sim/cluster/rank_balance.h"

namespace penstock {

/// A replica whose layers are cut into stages, with as many batches in flight (scheduler-semantics
/// 1.2.3): each lane is one of them, with the sequences that decode in it. Queue, sequences and
/// blocks are the rank's: the replica's, but with data parallelism. A new batch is scheduled when
/// the oldest one has come back, or nothing is in flight; then more, as long as there is work for a
/// lane that has none. SGLang's lanes take turns: no lane is scheduled before the one that is next.
///
/// Ranks run the same lane of all together, in lock-step: a batch in flight is one of each rank,
/// where one of them has work (1.2.4).
///
/// A batch passes all stages, each as soon as it has left the one before and the batch before it
/// has left this one; its time on the GPUs is spread evenly over the stages, and the CPU, where it
/// does not overlap, is one more stage behind them. In a steady state all batches take as long as
/// the slowest: its whole step (step-model.md §1).
class Pipeline {
 public:
  using Lanes = std::span<const std::unique_ptr<Replica>>;

  /// `lanes`: `stages` of them for each rank, rank by rank. `together`: as LockStep's.
  Pipeline(Lanes lanes, std::size_t stages, TogetherModel* together, const EngineSpec& engine);

  bool busy() const { return !in_flight_.empty(); }
  /// When the oldest batch in flight comes back; never() if there is none.
  SimTime run_end() const {
    return busy() ? steps_[in_flight_.front()].run_end() : SimTime::never();
  }
  bool waiting() const;
  /// In this rank's queue.
  std::int64_t queued(std::size_t rank) const { return holder(ranks_[rank]).queued(); }

  /// As RankGroup's.
  std::size_t choose(SimTime now);
  void publish(SimTime at);
  /// As Replica's, to this rank.
  bool submit(std::size_t rank, const Arrival& request, const Content& content, SimTime now);
  void start(SimTime now, SimTime limit);
  void end(SimTime now, std::vector<std::uint32_t>& finished);
  void close(SimTime end);
  /// Of batches that have come back: how long all lanes have waited for batches before theirs, ps.
  Int128 wait_ps() const { return wait_; }

 private:
  struct Rank {
    Lanes lanes;
    std::vector<EngineState*> engines;
    std::size_t holder = 0;  ///< lane that has what all share; between events, the oldest in flight
    bool admission_was_tried = true;  ///< by the last schedule
  };
  static Replica& holder(const Rank& rank) { return *rank.lanes[rank.holder]; }
  /// The lane gets what all lanes of the rank share.
  static Replica& hold(Rank& rank, std::size_t lane);
  /// The batch alone in flight runs many steps at once, if nothing can change meanwhile.
  void leap(SimTime limit);
  /// Schedules and starts the lane's next batch; false: there is nothing to do.
  bool launch(std::size_t lane, SimTime now);
  /// A batch enters the first stage now: when it has passed the last.
  SimTime pass(SimTime now, std::int64_t gpu_ps, std::int64_t cpu_ps);
  /// Shows in all lanes' time series what they share: blocks in each, requests in the first.
  static void show_levels(const Rank& rank, SimTime now);

  std::vector<Rank> ranks_;
  std::vector<LockStep> steps_;  ///< by lane, of all ranks
  RankBalance balance_;
  bool in_turn_;                        ///< SGLang
  std::size_t returned_ = 0;            ///< lane that came back last
  std::vector<std::size_t> in_flight_;  ///< lanes, the oldest first
  std::vector<SimTime> free_;           ///< when each stage is; the CPU last
  Int128 wait_ = 0;
};

}  // namespace penstock
