#include "tools/penstock/command.h"

#include <fmt/format.h>

#include <array>
#include <new>

#include "config/text.h"
#include "sim/core/assert.h"
#include "tools/output/files.h"
#include "tools/penstock/console.h"
#include "workloads/trace_scan.h"

namespace penstock::cli {
namespace {

constexpr std::array all_verbs{
    Verb{"run", "simulate a workload: latency, throughput, utilization, cost per token", run_verb},
    Verb{"plan", "the cheapest cluster that serves a traffic mix within its limits", plan_verb},
    Verb{"check", "everything that is wrong with workload files, all at once", check_verb},
    Verb{"catalog", "known GPUs, models, prices, engines, schedulers, routers, with sources",
         catalog_verb},
    Verb{"explain", "why tokens cost what they cost, by arithmetic", explain_verb},
    Verb{"schema", "every key of the workload file: for editors, and as a reference", schema_verb},
    Verb{"help", "a topic or a term: units, overrides, metrics, output, exit-codes, ttft, ...",
         help_verb},
    Verb{"version", "version, commit and compiler", version_verb},
    Verb{"sweep", "one run per value of any key", sweep_verb},
    Verb{"compare", "two results side by side", compare_verb},
    Verb{"trace", "statistics of a trace of any known format; conversion to ours", trace_verb},
    Verb{"report", "a page for browsers, of a result or of two side by side", report_verb},
    Verb{"calibrate", "fit the step model to what you measured", calibrate_verb},
    Verb{"completion", "completion for bash, zsh and fish", completion_verb},
};

Arguments words_of_process;

int dispatch(const Arguments& arguments) {
  if (arguments.empty()) {
    throw UsageError("no verb given", "try `penstock run FILE`, or `penstock help`");
  }
  std::string name = arguments.front();
  if (name == "--help" || name == "-h") {
    name = "help";
  } else if (name == "--version") {
    name = "version";
  }
  for (const Verb& verb : verbs()) {
    if (verb.name == name) {
      return verb.run({arguments.begin() + 1, arguments.end()});
    }
  }
  std::vector<std::string_view> candidates;
  for (const Verb& verb : verbs()) {
    candidates.push_back(verb.name);
  }
  const std::string hint = config::did_you_mean(name, candidates);
  throw UsageError(fmt::format("`{}` is not a verb of penstock", config::excerpt(name)),
                   hint.empty() ? "see `penstock help`" : hint);
}

/// The command again, as a shell would take it, so that a bug can be replayed.
std::string replay_text(const Arguments& arguments) {
  std::string text = "penstock";
  for (const std::string& word : arguments) {
    const bool plain =
        !word.empty() &&
        word.find_first_not_of(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,@%+") ==
            std::string::npos;
    text += ' ';
    if (plain) {
      text += word;
      continue;
    }
    text += '\'';
    for (const char c : word) {
      text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    text += '\'';
  }
  return text;
}

}  // namespace

std::span<const Verb> verbs() { return all_verbs; }

const Arguments& command_words() { return words_of_process; }

int run_command_line(const Arguments& arguments) {
  words_of_process = arguments;
  try {
    return dispatch(arguments);
  } catch (const UsageError& error) {
    tell_error(error.what());
    if (!error.hint.empty()) {
      tell("  " + error.hint + "\n");
    }
    return exit_usage;
  } catch (const output::IoError& error) {
    tell_error(error.what());
    return exit_io;
  } catch (const TraceChanged& error) {
    tell_error(error.what());
    return exit_io;
  } catch (const InternalError& error) {
    tell_error(fmt::format("this is a bug of penstock: {}\n  replay: {}", error.what(),
                           replay_text(arguments)));
    return exit_internal_bug;
  } catch (const std::bad_alloc&) {
    tell_error("not enough memory for this run");
    tell("  it keeps 64 bytes a request and more: lower `workload.requests` or its `duration`\n");
    return exit_infeasible;
  } catch (const std::exception& error) {
    tell_error(fmt::format("this is a bug of penstock: unexpected exception: {}\n  replay: {}",
                           error.what(), replay_text(arguments)));
    return exit_internal_bug;
  }
}

}  // namespace penstock::cli
