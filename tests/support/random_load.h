#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/engine_probe.h"

namespace penstock::probe {

/// A small random load, made to hit the edges: tiny pools and budgets, preemption storms,
/// simultaneous arrivals, priorities, every switch.
struct RandomLoad {
  std::uint64_t seed = 0;
  EngineLimits limits;
  LinearStep step;
  std::vector<Request> requests;
  /// One line that says how to repeat it.
  std::string describe() const;
};
RandomLoad random_load(std::uint64_t seed);

/// One for the prefix cache, which is on, with pools as small as above: prefixes that many share,
/// conversations that continue an earlier request's prompt and answer and branch there, requests
/// that come twice, requests that share nothing.
RandomLoad random_content_load(std::uint64_t seed);

/// The same with a host-memory tier of any size, and links from instant to slower than computing.
RandomLoad random_offload_load(std::uint64_t seed);
/// One for another engine's scheduler, with what only that one has drawn too. The pool of Orca and
/// static batching is in blocks of `block_size`, as the others' (see engine_scenario()).
RandomLoad random_engine_load(std::uint64_t seed, std::string_view scheduler);

/// One for another engine's prefix cache, with requests as random_content_load() has them; some of
/// them share long prefixes.
RandomLoad random_engine_content_load(std::uint64_t seed, std::string_view scheduler);

/// The same loads of SGLang and TensorRT-LLM with drafts that are never accepted: each takes as
/// many steps as it has tokens, which are decoded one by one (scheduler-semantics 7.3-39).
void draft_in_vain(RandomLoad& load);

/// Of such a load. Orca and static batching make slots of the pool: a block holds a request of
/// max_model_len.
Scenario engine_scenario(const EngineLimits& limits);

}  // namespace penstock::probe
