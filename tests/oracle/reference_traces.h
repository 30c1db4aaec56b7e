#pragma once

// Golden traces of the reference simulator as short texts.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/oracle/reference.h"

namespace penstock::oracle {

using Times = std::vector<std::int64_t>;

inline constexpr std::int64_t kUnit = 1'000'000'000'000;  // the time unit of the traces: one second

inline std::int64_t unit_step(const Step& /*step*/) { return kUnit; }

inline Request request_at(std::int64_t arrival_ps, std::int64_t prompt, std::int64_t output,
                          std::int64_t priority = 0, Content content = {}) {
  return {arrival_ps, prompt, output, priority, std::move(content)};
}

inline Config small_config(std::int64_t max_tokens, std::int64_t block_size,
                           std::int64_t usable_blocks) {
  Config config;
  config.max_num_batched_tokens = max_tokens;
  config.block_size = block_size;
  config.usable_blocks = usable_blocks;
  return config;
}

// "(0:5,1:3)(0:1-1)" : request:tokens, then "-victim" for each preemption.
inline std::string trace(const Result& result) {
  std::string text;
  for (const Step& step : result.steps) {
    text += "(";
    for (const ScheduledRequest& entry : step.scheduled) {
      text += text.back() == '(' ? "" : ",";
      text += std::to_string(entry.request) + ":" + std::to_string(entry.n);
    }
    for (const std::size_t victim : step.preempted) {
      text += "-" + std::to_string(victim);
    }
    text += ")";
  }
  return text;
}

// Token times in units.
inline Times times(const Result& result, std::size_t request) {
  Times out = result.requests[request].token_ps;
  for (std::int64_t& t : out) {
    CHECK(t % kUnit == 0);
    t /= kUnit;
  }
  return out;
}

}  // namespace penstock::oracle
