#pragma once

#include <memory>
#include <span>

#include "sim/cluster/lock_step.h"
#include "sim/cluster/rank_balance.h"

namespace penstock {

/// The ranks of one replica (attention data parallel): engines with sequences and KV pools of their
/// own, in lock-step.
class RankGroup {
 public:
  using Ranks = std::span<const std::unique_ptr<Replica>>;

  /// `together`: as LockStep's.
  RankGroup(Ranks ranks, TogetherModel* together, const EngineSpec& engine);

  /// The rank for a new request, as the engine chooses it.
  std::size_t choose(SimTime now);
  /// Publishes the counts, as they are at `at`.
  void publish(SimTime at);

  /// As Replica::start(), of all ranks.
  void start(SimTime now, SimTime limit);
  /// As LockStep's.
  void follow(std::size_t rank) { step_.follow(rank); }
  /// As Replica::wake().
  SimTime wake() const;

 private:
  LockStep step_;
  RankBalance balance_;
};

}  // namespace penstock
