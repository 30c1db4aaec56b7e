#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/penstock/command.h"

namespace penstock::cli {

/// One option of a verb. The parser and the help read the same table.
struct Option {
  std::string_view name;        ///< without dashes
  char letter = 0;              ///< short form, 0 = none
  std::string_view value = {};  ///< what its value is called; empty: a flag
  std::string_view help = {};
  bool repeatable = false;
  bool hidden = false;  ///< not in --help; see `penstock help testing`
};

/// What a verb's --help shows, and what its parser accepts.
struct Usage {
  std::string_view verb;
  std::string_view synopsis;  ///< "FILE [OPTION]..."
  std::string_view about;     ///< one sentence
  std::span<const std::string_view> examples;
  std::span<const Option> options;
  std::size_t min_words = 0;  ///< positional arguments
  std::size_t max_words = 0;
};

/// A verb's command line, taken apart. Values are text: verbs convert them with parsers of our own.
class ParsedOptions {
 public:
  bool has(std::string_view name) const;
  std::optional<std::string> value(std::string_view name) const;
  std::vector<std::string> values(std::string_view name) const;
  const std::vector<std::string>& words() const { return words_; }

 private:
  friend ParsedOptions parse_options(const Usage& usage, const Arguments& arguments);
  std::vector<std::pair<std::string, std::string>> given_;
  std::vector<std::string> words_;
};

/// Throws UsageError. `--help` is always accepted, and makes everything else optional.
ParsedOptions parse_options(const Usage& usage, const Arguments& arguments);

/// The text of --help, one screen.
std::string usage_text(const Usage& usage);

/// The tables of the verbs that have options; `trace` has one for each of its own verbs.
const Usage& calibrate_usage();
const Usage& catalog_usage();
const Usage& check_usage();
const Usage& compare_usage();
const Usage& explain_usage();
const Usage& plan_usage();
const Usage& report_usage();
const Usage& run_usage();
const Usage& schema_usage();
const Usage& sweep_usage();
const Usage& trace_info_usage();
const Usage& trace_convert_usage();

/// The value of an option that takes one of several words; throws UsageError.
std::string choose(const ParsedOptions& options, std::string_view name,
                   std::span<const std::string_view> choices);

}  // namespace penstock::cli
