#pragma once

#include <span>
#include <string_view>

namespace penstock::cli {

/// A page of `penstock help TOPIC`.
struct Topic {
  std::string_view name;
  std::string_view summary;
  std::string_view text;
};
std::span<const Topic> topics();

/// A term that outputs use: `penstock help ttft`. Definitions agree with sim/metrics and sim/cost.
struct Term {
  std::string_view name;
  std::string_view definition;
};
std::span<const Term> terms();

}  // namespace penstock::cli
