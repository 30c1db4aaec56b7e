#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/engine/replica.h"

namespace penstock {

/// Which of a replica's ranks (attention data parallel) gets a new request, as the engine chooses;
/// it stays there.
class RankBalance {
 public:
  RankBalance(std::size_t ranks, const std::string& scheduler)
      : rule_(rule_of(scheduler).value_or(Rule::published)), counts_(ranks) {}
  /// True for schedulers of which it is known how ranks get their requests.
  static bool knows(std::string_view scheduler) { return rule_of(scheduler).has_value(); }

  /// The counts are to be published before each choice; else every 100 ms.
  bool looks_now() const { return rule_ == Rule::fewest; }
  void publish(std::size_t rank, const ReplicaLoad& load) {
    counts_[rank] = {load.waiting, load.running};
  }
  /// The rank for a new request.
  std::size_t choose();

 private:
  /// How ranks get their requests, the first of several that are as good.
  enum class Rule {
    /// vLLM: lowest 4 x waiting + running, as published last; what was sent since counts as waiting
    /// (scheduler-semantics 5.1-9).
    published,
    in_turn,  ///< SGLang's default (4.4)
    fewest,   ///< TensorRT-LLM: fewest unfinished requests, as they are now
  };
  static std::optional<Rule> rule_of(std::string_view scheduler);
  struct Counts {
    std::int64_t waiting = 0;
    std::int64_t running = 0;
  };

  Rule rule_;
  std::size_t turn_ = 0;
  std::vector<Counts> counts_;
};

}  // namespace penstock
