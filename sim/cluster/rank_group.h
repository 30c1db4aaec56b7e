#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
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
  RankGroup(Ranks ranks, TogetherModel* together, const EngineSpec& engine);
  /// True for schedulers of which it is known how ranks get their requests.
  static bool knows(std::string_view scheduler) { return balance_of(scheduler).has_value(); }

  /// The rank for a new request, as the engine chooses it.
  std::size_t choose(SimTime now);
  /// Publishes the counts, as they are at `at`.
  void publish(SimTime at);

  /// As Replica::start(), of all ranks.
  void start(SimTime now, SimTime limit);
  /// The leap in flight of this rank ends earlier now: so do those of the others.
  void follow(std::size_t rank);
  /// As Replica::wake().
  SimTime wake() const;

 private:
  /// How ranks get their requests, the first of several that are as good.
  enum class Balance {
    /// vLLM: lowest 4 x waiting + running, as published last; what was sent since counts as waiting
    /// (scheduler-semantics 5.1-9).
    published,
    in_turn,  ///< SGLang's default (4.4)
    fewest,   ///< TensorRT-LLM: fewest unfinished requests, as they are now
  };
  static std::optional<Balance> balance_of(std::string_view scheduler);
  struct Counts {
    std::int64_t waiting = 0;
    std::int64_t running = 0;
  };
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
  void leap(SimTime limit);

  Ranks ranks_;
  TogetherModel* together_;
  const SpeculativeSpec& drafts_;
  bool drafts_after_prompts_;  ///< in the same step, unlike SGLang
  Balance balance_;
  std::size_t turn_ = 0;
  std::vector<Counts> counts_;
  std::vector<Line> lines_;   ///< of the step in flight
  bool cpu_decides_ = false;  ///< how long the step in flight lasts, though it overlaps the GPU
};

}  // namespace penstock
