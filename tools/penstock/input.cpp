#include "tools/penstock/input.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <thread>

#include "config/quantity.h"
#include "config/text.h"
#include "tools/penstock/console.h"

namespace penstock::cli {

config::LoadOptions load_options(const ParsedOptions& options) {
  config::LoadOptions load;
  load.sets = options.values("set");
  for (const std::string& set : load.sets) {
    if (set.find('=') == std::string::npos || set.front() == '=') {
      throw UsageError(fmt::format("--set takes PATH=VALUE, not `{}`", config::excerpt(set)),
                       "for example --set cluster.replicas=4; see `penstock help overrides`");
    }
  }
  if (options.has("skip-bad-rows")) {
    load.sets.emplace_back("workload.trace?.skip_bad_rows=true");
  }
  if (const auto seed = options.value("seed")) {
    load.seed = config::parse_seed(*seed);
    if (!load.seed) {
      throw UsageError(fmt::format("--seed takes a whole number from 0 to 2^64 - 1, not `{}`",
                                   config::excerpt(*seed)));
    }
  }
  load.catalog_dir = options.value("catalog").value_or("");
  return load;
}

int jobs_of(const ParsedOptions& options) {
  constexpr std::int64_t most = 1024;
  if (const std::optional<std::string> text = options.value("jobs")) {
    const config::Whole jobs = config::parse_whole(*text);
    if (!jobs.ok() || jobs.value < 1 || jobs.value > most) {
      throw UsageError(fmt::format("--jobs takes a whole number from 1 to {}, not `{}`", most,
                                   config::excerpt(*text)));
    }
    return static_cast<int>(jobs.value);
  }
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

std::optional<SimTime> time_option(const ParsedOptions& options, std::string_view name) {
  const std::optional<std::string> text = options.value(name);
  if (!text) {
    return std::nullopt;
  }
  const config::Quantity time = config::parse_quantity(*text, config::Unit::time);
  if (!time.ok()) {
    throw UsageError(fmt::format("--{}: `{}` {}", name, config::excerpt(*text), time.error),
                     time.hint);
  }
  if (time.value < 1 || time.value > static_cast<double>(SimTime::max().ps)) {
    throw UsageError(fmt::format("--{} takes a time above 0 and up to 100d, not `{}`", name,
                                 config::excerpt(*text)));
  }
  return SimTime{std::llround(time.value)};
}

void apply_color(const ParsedOptions& options) {
  static constexpr std::array<std::string_view, 3> choices{"auto", "always", "never"};
  const std::string mode = choose(options, "color", choices);
  set_color_mode(mode == "always"  ? ColorMode::always
                 : mode == "never" ? ColorMode::never
                                   : ColorMode::automatic);
}

}  // namespace penstock::cli
