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
/// wants (scheduler-semantics 1.2.4 and 7.2-41).
class RankGroup {
 public:
  using Ranks = std::span<const std::unique_ptr<Replica>>;

  /// `together`: null if what ranks do together takes no time.
  RankGroup(Ranks ranks, TogetherModel* together)
      : ranks_(ranks), together_(together), counts_(ranks.size()), lines_(ranks.size()) {}

  /// The rank for a new request: that with the lowest 4 x waiting + running, the first of several,
  /// as published last; the request counts as waiting until the next time (scheduler-semantics
  /// 5.1-9).
  std::size_t choose();
  /// Publishes the counts, as they are at `at`.
  void publish(SimTime at);

  /// As Replica::start(), of all ranks.
  void start(SimTime now, SimTime limit);
  /// The leap in flight of this rank ends earlier now: so do those of the others.
  void follow(std::size_t rank);
  /// As Replica::wake().
  SimTime wake() const;

 private:
  struct Counts {
    std::int64_t waiting = 0;
    std::int64_t running = 0;
  };
  /// Tokens and sequences of one step, of all ranks.
  struct Load {
    std::int64_t tokens = 0;
    std::int64_t sequences = 0;
    std::int64_t largest = 0;  ///< tokens of one rank

    /// A rank without any computes one that nobody wants.
    void add(std::int64_t rank_tokens, std::int64_t rank_sequences);
  };
  /// A rank's own part of steps: of the first, and what each further one takes more.
  struct Line {
    std::int64_t first = 0;
    std::int64_t growth = 0;
    bool works = false;
  };

  TogetherCost price(const Load& load) const;
  /// What the ranks do together beside own parts of up to `own_ps`, and what the tokens pay of it.
  Together share(std::int64_t own_ps);
  void leap(SimTime limit);

  Ranks ranks_;
  TogetherModel* together_;
  std::vector<Counts> counts_;
  std::vector<Line> lines_;   ///< of the step in flight
  bool cpu_decides_ = false;  ///< how long the step in flight lasts, though it overlaps the GPU
};

}  // namespace penstock
