#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/engine/replica.h"
#include "sim/step/together.h"

namespace penstock {

/// Steps of ranks in lock-step: where one of them has work all run a step, which is as long as the
/// slowest rank's own part and what they do together; a rank without work computes one token that
/// nobody wants (scheduler-semantics 1.2.4 and 7.2-41). All have prepared a step before it is
/// priced.
class LockStep {
 public:
  /// `together`: null if what ranks do together takes no time.
  LockStep(std::vector<Replica*> ranks, TogetherModel* together, const EngineSpec& engine);

  std::span<Replica* const> ranks() const { return ranks_; }
  bool busy() const { return ranks_.front()->busy(); }
  SimTime run_end() const { return ranks_.front()->run_end(); }

  /// Prices the step that the ranks have prepared, one of them with work.
  void price();
  /// How long it takes, if it waits for nothing else.
  std::int64_t total_ps() const { return slowest_ + together_.total; }
  /// Of which the GPUs of the slowest rank wait for the CPU.
  std::int64_t cpu_wait_ps() const;
  /// Starts it on all ranks; it lasts `duration`, total_ps() at least.
  void launch(SimTime now, std::int64_t duration);
  /// How long the step in flight, or the last one, waits for something else.
  std::int64_t wait_ps() const { return wait_; }
  /// Makes a leap of the step in flight, which waits for nothing, if all ranks can; it ends at the
  /// first step boundary at or after `limit`.
  void leap(SimTime limit);
  /// The leap in flight of this rank ends earlier now: so do those of the others.
  void follow(std::size_t rank);

 private:
  /// A rank's own part of steps: of the first, and what each further one takes more.
  struct Line {
    std::int64_t first = 0;
    std::int64_t growth = 0;
    bool works = false;
  };

  TogetherCost price(const TogetherLoad& load) const;
  /// What the ranks do together beside own parts of up to `own_ps`, and what the tokens pay of it.
  Together share(std::int64_t own_ps);
  /// With drafts: what of the decodes' part drafting and rejected drafts take.
  void share_drafts(const TogetherLoad& decoding, Together& out) const;

  std::vector<Replica*> ranks_;
  TogetherModel* together_model_;
  const SpeculativeSpec* drafts_;
  bool drafts_after_prompts_;  ///< in the same step, unlike SGLang
  std::vector<Line> lines_;    ///< of the step in flight
  std::int64_t slowest_ = 0;   ///< own part of a rank
  Together together_;
  std::int64_t wait_ = 0;
  bool cpu_decides_ = false;  ///< how long the step in flight lasts, though it overlaps the GPU
};

}  // namespace penstock
