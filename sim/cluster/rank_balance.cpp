#include "sim/cluster/rank_balance.h"

#include <algorithm>

namespace penstock {

std::optional<RankBalance::Rule> RankBalance::rule_of(std::string_view scheduler) {
  return scheduler == "vllm_v1"        ? std::optional(Rule::published)
         : scheduler == "sglang"       ? std::optional(Rule::in_turn)
         : scheduler == "tensorrt_llm" ? std::optional(Rule::fewest)
                                       : std::nullopt;
}

std::size_t RankBalance::choose() {
  if (rule_ == Rule::in_turn) {
    return turn_++ % counts_.size();
  }
  const std::int64_t weight = rule_ == Rule::published ? 4 : 1;
  const auto score = [weight](const Counts& c) { return weight * c.waiting + c.running; };
  const auto best =
      std::min_element(counts_.begin(), counts_.end(),
                       [&score](const Counts& a, const Counts& b) { return score(a) < score(b); });
  ++best->waiting;
  return static_cast<std::size_t>(best - counts_.begin());
}

}  // namespace penstock
