#include "config/plan.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>

#include "config/load.h"
#include "config/text.h"
#include "config/yaml.h"
#include "tools/explore/plan_files.h"
#include "tools/explore/plan_report.h"
#include "tools/explore/rate_limit_report.h"
#include "tools/explore/set_names.h"
#include "tools/output/files.h"
#include "tools/output/json_text.h"
#include "tools/output/text.h"
#include "tools/penstock/console.h"
#include "tools/penstock/input.h"
#include "tools/penstock/interrupt.h"
#include "tools/penstock/options.h"
#include "tools/penstock/report_files.h"

namespace penstock::cli {
namespace {

constexpr std::array options_table{
    set_option,
    skip_rows_option,
    seed_option,
    Option{"gpus", 0, "LIST", "search these GPUs only: h100-sxm,l40s (as plan.gpus)"},
    Option{"max-gpus", 0, "N", "buy at most so many GPUs (as plan.max_gpus)"},
    Option{"target", 0, "rate=max", "instead: how much traffic the file's own cluster bears"},
    Option{"emit", 0, "WHAT", "print `vllm` commands or a `kubernetes` manifest of the plan"},
    Option{"output", 'o', "DIR", "also write plan.yaml, plan.json, ... into a new folder"},
    report_option,
    Option{"force", 0, {}, "allow -o to replace results in a folder that is not empty"},
    Option{"format", 0, "FORMAT", "table (default) or json"},
    jobs_option,
    Option{"quiet", 'q', {}, "no progress, no warnings"},
    color_option,
    catalog_option,
};
constexpr std::array<std::string_view, 4> examples{
    "penstock plan workloads/mix.yaml",
    "penstock plan workloads/mix.yaml --gpus h100-sxm,l40s -o plan",
    "penstock plan workloads/mix.yaml --set plan.peak=2 --emit kubernetes",
    "penstock plan workloads/chat.yaml --target rate=max",
};
constexpr Usage usage{
    "plan",
    "FILE [OPTION]...",
    "Finds the cheapest cluster that serves a traffic mix within its latency limits.",
    examples,
    options_table,
    1,
    1};
constexpr std::array<std::string_view, 2> formats{"table", "json"};
constexpr std::array<std::string_view, 2> emissions{"vllm", "kubernetes"};
constexpr std::array<std::string_view, 1> targets{"rate=max"};

using Clock = std::chrono::steady_clock;

/// What the command line asks for, understood.
struct Request {
  std::string file;
  config::LoadOptions load;
  std::size_t own_sets = 0;  ///< of load.sets; the others are options by the names below
  std::vector<std::string> set_names;
  std::string format;
  std::optional<std::string> emit;
  std::optional<std::string> folder;
  bool force = false;
  bool report = false;
  bool quiet = false;
  bool wants_rate = false;
  int jobs = 1;
};

/// --target rate=max asks about one cluster, and only prints.
void check_rate_options(const ParsedOptions& options) {
  for (const char* name : {"gpus", "max-gpus"}) {
    if (options.has(name)) {
      throw UsageError(fmt::format("--{} means nothing with --target rate=max", name),
                       "it asks what one cluster bears: --set cluster.gpu=h100-sxm --set "
                       "cluster.replicas=8");
    }
  }
  for (const char* name : {"emit", "output"}) {
    if (options.has(name)) {
      throw UsageError(
          fmt::format("--{} means nothing with --target rate=max: it only prints", name));
    }
  }
  for (const std::string& set : options.values("set")) {
    if (set.starts_with("plan.") || set.starts_with("plan=")) {
      throw UsageError(
          fmt::format("--set {} means nothing with --target rate=max", config::excerpt(set)),
          "the cluster is that of the file, and so is its traffic");
    }
  }
}

Request read_request(const ParsedOptions& options) {
  Request request;
  request.file = options.words().front();
  request.load = load_options(options);
  request.own_sets = request.load.sets.size();
  if (const auto gpus = options.value("gpus")) {
    request.load.sets.push_back(fmt::format("plan.gpus=[{}]", *gpus));
    request.set_names.emplace_back("--gpus");
  }
  if (const auto most = options.value("max-gpus")) {
    request.load.sets.push_back("plan.max_gpus=" + *most);
    request.set_names.emplace_back("--max-gpus");
  }
  request.format = choose(options, "format", formats);
  if (options.value("emit")) {
    request.emit = choose(options, "emit", emissions);
  }
  request.wants_rate = options.value("target") && !choose(options, "target", targets).empty();
  request.folder = options.value("output");
  request.force = options.has("force");
  request.report = wants_report(options);
  request.quiet = options.has("quiet");
  request.jobs = jobs_of(options);
  if (request.force && !request.folder) {
    throw UsageError("--force means nothing without -o DIR");
  }
  if (request.wants_rate) {
    check_rate_options(options);
  }
  return request;
}

/// "12 simulations · 3 s" on a terminal, five times a second.
class SearchLine {
 public:
  explicit SearchLine(bool enabled) : enabled_(enabled) {}
  ~SearchLine() {
    if (shown_) {
      tell("\r\x1b[K");
    }
  }
  SearchLine(const SearchLine&) = delete;
  SearchLine& operator=(const SearchLine&) = delete;

  void update(std::uint64_t simulations) {
    const Clock::time_point now = Clock::now();
    if (!enabled_ || now < next_) {
      return;
    }
    next_ = now + std::chrono::milliseconds(200);
    shown_ = true;
    tell(fmt::format("\r\x1b[Ksearching: {} simulations, {}",
                     output::group_digits(static_cast<std::int64_t>(simulations)),
                     output::span_text(seconds())));
  }
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  bool enabled_;
  bool shown_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_ = start_ + std::chrono::milliseconds(500);
};

/// Tells what keeps a question from being asked.
int refuse(const Request& request, Diagnostics diagnostics) {
  const int code = config::exit_code(diagnostics);
  tell(explore::with_set_names(std::move(diagnostics), request.own_sets, request.set_names));
  return code;
}

int exit_code_for(explore::PlanOutcome outcome) {
  switch (outcome) {
    case explore::PlanOutcome::found:
      return exit_ok;
    case explore::PlanOutcome::interrupted:
      return exit_interrupted;
    case explore::PlanOutcome::none:
    case explore::PlanOutcome::unreachable:
    case explore::PlanOutcome::does_not_fit:
      break;
  }
  return exit_infeasible;
}

void show(const Request& request, const explore::PlanOutput& found) {
  if (request.emit) {
    print(*request.emit == "vllm" ? explore::vllm_commands(found)
                                  : explore::kubernetes_manifest(found));
  } else if (request.format == "json") {
    print(output::to_text(explore::plan_json(found)));
  } else {
    print(explore::plan_table(found, color_on_output()));
  }
}

void write(const Request& request, const explore::PlanOutput& found) {
  if (request.folder) {
    output::FolderWriter folder(*request.folder, request.force);
    explore::write_plan_folder(found, *request.folder, command_words(), folder);
    commit_with_report(folder, *request.folder, request.report);
  }
}

int search(const Request& request, explore::PlanQuestion& question) {
  SearchLine line(!request.quiet && errors_go_to_terminal());
  question.progress = [&line](std::uint64_t done) { line.update(done); };
  const explore::Space space = explore::make_space(question);
  if (!space.errors.empty()) {
    return refuse(request, space.errors);
  }
  if (request.emit && !space.shapes.empty()) {
    const EngineSpec& engine = space.shapes.front().scenario.engine;
    if (!engine.scheduler.starts_with("vllm")) {
      throw UsageError(fmt::format("--emit prints what starts vLLM, not `{}`", engine.preset),
                       "without --emit the plan is printed");
    }
  }
  const explore::Plan plan = explore::make_plan(question, space);
  const explore::PlanOutput found{question, space, plan, line.seconds()};
  if (plan.outcome == explore::PlanOutcome::found) {
    try {
      write(request, found);
    } catch (const output::IoError&) {
      show(request, found);  // what took long to find is not lost to a full disk
      throw;
    }
    show(request, found);
  } else if (plan.outcome != explore::PlanOutcome::interrupted) {
    if (request.format == "json") {
      print(output::to_text(explore::plan_json(found)));
    }
    tell_error(explore::no_plan_text(found));
  }
  return exit_code_for(plan.outcome);
}

int find_plan(const Request& request) {
  const InterruptGuard guard;
  if (request.folder) {
    output::check_folder(*request.folder, request.force);
  }
  explore::PlanQuestion question;
  question.name = request.file;
  question.load = request.load;
  question.jobs = request.jobs;
  question.stop = [] { return InterruptGuard::requested(); };
  config::Reporter reporter;
  const config::SourcePtr source = config::read_source(request.file, request.file, {}, reporter);
  if (!source) {
    tell(reporter.take());
    return exit_io;
  }
  question.text = source->text();
  const config::LoadedPlan loaded =
      config::load_plan_from_text(question.text, request.file, request.load);
  if (!loaded.ok) {
    return refuse(request, loaded.diagnostics);
  }
  question.spec = loaded.plan;
  return search(request, question);
}

int find_rate(const Request& request) {
  const InterruptGuard guard;
  config::Loaded loaded = config::load_scenario(request.file, request.load);
  if (!loaded.ok) {
    return refuse(request, loaded.diagnostics);
  }
  if (!request.quiet) {
    tell(loaded.diagnostics);
  }
  if (Diagnostics errors = explore::traffic_errors(loaded.scenario); !errors.empty()) {
    return refuse(request, std::move(errors));
  }
  WorkloadSpec& workload = loaded.scenario.workload;
  if (workload.warmup == SimTime{}) {
    workload.warmup = explore::default_warmup(loaded.scenario);
    if (!request.quiet) {
      tell(fmt::format("note: requests of the first {} are not judged (workload.warmup)\n",
                       output::span_text(workload.warmup.seconds())));
    }
  }
  const auto stop = [] { return InterruptGuard::requested(); };
  const auto limit = explore::find_rate_limit(loaded.scenario, request.jobs, stop);
  if (stop()) {
    return exit_interrupted;
  }
  if (!limit) {
    throw UsageError("--target rate=max needs traffic with a rate and a limit to keep",
                     "give rates (not closed loops) and an `slo`");
  }
  print(request.format == "json"
            ? output::to_text(explore::rate_limit_json(loaded.scenario, *limit))
            : explore::rate_limit_text(loaded.scenario, *limit));
  return limit->factor > 0 ? exit_ok : exit_infeasible;
}

}  // namespace

const Usage& plan_usage() { return usage; }

int plan_verb(const Arguments& arguments) {
  const ParsedOptions options = parse_options(usage, arguments);
  if (options.has("help")) {
    print(usage_text(usage));
    return exit_ok;
  }
  apply_color(options);
  const Request request = read_request(options);
  return request.wants_rate ? find_rate(request) : find_plan(request);
}

}  // namespace penstock::cli
