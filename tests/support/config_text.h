#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "config/load.h"

/// Workload files as text, for the tests of config/.
namespace penstock::test {

/// A small workload that loads without an error or a warning; `name` in diagnostics is "w.yaml".
inline constexpr std::string_view small_workload = R"(model: llama-3.1-8b
cluster: {gpu: h100-sxm}
workload:
  requests: 10
  classes: [{name: chat, rate: 8/s, lengths: {input: 100, output: 20}}]
prices: {gpu: $2.50/h}
)";

/// Loads `text` with these `--set` arguments.
config::Loaded load_text(std::string_view text, std::initializer_list<std::string> sets = {});

/// The small workload with these `--set` arguments.
config::Loaded load_small(std::initializer_list<std::string> sets = {});

/// All diagnostics as printed, without colour.
std::string rendered(const config::Loaded& loaded);

/// The message of the only error; the rendering of all if there is not exactly one.
std::string only_error(const config::Loaded& loaded);

}  // namespace penstock::test
