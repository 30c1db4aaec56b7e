#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// The penstock command: verbs, options, streams and exit codes.
namespace penstock::cli {

/// What the process says to its caller. Documented in `penstock help exit-codes`; never renumbered.
enum ExitCode : int {
  exit_ok = 0,
  exit_slo_missed = 1,  ///< with --strict
  exit_usage = 2,
  exit_invalid_input = 3,
  exit_infeasible = 4,
  exit_stopped_early = 5,  ///< by a limit, with partial results
  exit_internal_bug = 70,
  exit_io = 74,
  exit_interrupted = 130,
};

using Arguments = std::vector<std::string>;

/// A command line that cannot be understood: exit code 2.
class UsageError : public std::runtime_error {
 public:
  explicit UsageError(const std::string& message, std::string hint_text = {})
      : std::runtime_error(message), hint(std::move(hint_text)) {}

  std::string hint;  ///< a line of its own; may be empty
};

/// One verb of the command line.
struct Verb {
  std::string_view name;
  std::string_view summary;
  /// Takes the words after the verb.
  int (*run)(const Arguments& arguments) = nullptr;
};

/// All verbs, in the order of the help.
std::span<const Verb> verbs();

/// Runs a whole command line (without the program's name) and returns its exit code. Errors have
/// then been told on standard error.
int run_command_line(const Arguments& arguments);

/// The words of this process's command line, for the manifest.
const Arguments& command_words();

/// Verbs, one file each.
int run_verb(const Arguments& arguments);
int plan_verb(const Arguments& arguments);
int check_verb(const Arguments& arguments);
int calibrate_verb(const Arguments& arguments);
int catalog_verb(const Arguments& arguments);
int explain_verb(const Arguments& arguments);
int schema_verb(const Arguments& arguments);
int sweep_verb(const Arguments& arguments);
int compare_verb(const Arguments& arguments);
int trace_verb(const Arguments& arguments);
int report_verb(const Arguments& arguments);
int completion_verb(const Arguments& arguments);
int help_verb(const Arguments& arguments);
int version_verb(const Arguments& arguments);

}  // namespace penstock::cli
