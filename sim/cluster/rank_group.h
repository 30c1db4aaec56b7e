#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sim/engine/replica.h"
#include "sim/step/together.h"

namespace penstock {

/// The ranks of one replica (attention data parallel): engines with sequences and KV pools of their
/// own, in lock-step. Where one of them has work all run a step, which is as long as the slowest
/// rank's own part and what they do together; a rank without work computes one token that nobody
/// wants (scheduler-semantics 1.2.4, 7.2-41).
class RankGroup {
 public:
  using Ranks = std::span<const std::unique_ptr<Replica>>;

  /// `together`: null if ranks do nothing together that takes time. `leaping`: see
  /// SimulationOptions.
  RankGroup(Ranks ranks, TogetherModel* together, bool leaping)
      : ranks_(ranks), together_(together), leaping_(leaping), counts_(ranks.size()) {}

  /// The rank for a new request: that with the lowest 4 x waiting + running, the first of several,
  /// as published last; the request counts as waiting until the next time (scheduler-semantics
  /// 5.1-9).
  std::size_t choose();
  /// Publishes the counts, as they are at `at`.
  void publish(SimTime at);

  bool busy() const { return ranks_.front()->busy(); }
  SimTime run_end() const { return ranks_.front()->run_end(); }
  /// See Replica::start().
  void start(SimTime now, SimTime limit);
  /// The leap in flight of this rank ends earlier: so do those of the others.
  void follow(std::size_t rank);
  SimTime wake() const;

 private:
  struct Counts {
    std::int64_t waiting = 0;
    std::int64_t running = 0;
  };
  /// Tokens and sequences of one step, of all ranks.
  struct Load {
    std::int64_t tokens = 0;     ///< without those of idle ranks
    std::int64_t sequences = 0;  ///< of the ranks with work
    std::int64_t largest = 1;    ///< tokens of a rank
    std::int64_t idle = 0;       ///< ranks
    void add(std::int64_t rank_tokens, std::int64_t rank_sequences);
  };
  /// A rank's own part of a run of steps: the first lasts `first`, each further one `growth` more.
  struct Line {
    std::int64_t first = 0;
    std::int64_t growth = 0;
  };

  TogetherCost price(const Load& load) const;
  /// What the ranks do together in a step whose own parts last so long at most, CPU included, and
  /// what its tokens pay.
  Together share(std::int64_t own_ps);
  void leap(std::int64_t duration, SimTime limit);

  Ranks ranks_;
  TogetherModel* together_;
  bool leaping_;
  std::vector<Counts> counts_;
  bool cpu_decides_ = false;  ///< of the step in flight, where it overlaps the GPU
};

}  // namespace penstock
