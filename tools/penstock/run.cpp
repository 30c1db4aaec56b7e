#include <fmt/format.h>

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "config/load.h"
#include "config/resolved.h"
#include "sim/simulation.h"
#include "tools/output/folder.h"
#include "tools/output/markdown.h"
#include "tools/output/summary_json.h"
#include "tools/output/table.h"
#include "tools/output/text_plot.h"
#include "tools/output/timeline.h"
#include "tools/output/vllm.h"
#include "tools/penstock/console.h"
#include "tools/penstock/input.h"
#include "tools/penstock/interrupt.h"
#include "tools/penstock/options.h"
#include "tools/penstock/plot_style.h"
#include "tools/penstock/pricing.h"
#include "tools/penstock/progress.h"
#include "tools/penstock/report_files.h"
#include "workloads/source.h"

namespace penstock::cli {
namespace {

constexpr std::array options_table{
    set_option,
    skip_rows_option,
    seed_option,
    Option{"output", 'o', "DIR", "also write summary.json, requests.csv, ... into a new folder"},
    report_option,
    Option{"force", 0, {}, "allow -o to replace results in a folder that is not empty"},
    Option{"format", 0, "FORMAT", "table (default), json, csv, markdown, vllm or vllm-json"},
    Option{"until", 0, "TIME", "stop at this simulated time"},
    Option{"interval", 0, "TIME",
           "interval of timeseries.csv (default: 1 s, doubled past 500 rows)"},
    Option{"timeline", 0, "FILE", "steps and requests as a trace for ui.perfetto.dev"},
    Option{"timeline-from", 0, "TIME", "where the trace starts (default: 0s)"},
    Option{"cost", 0, {}, "the bill as a tree: token types, causes, GPU-hours × price"},
    tariff_option,
    tariff_threshold_option,
    margin_option,
    Option{"plot", 0, {}, "below the table: how TTFT, TPOT and latency are distributed"},
    ascii_option,
    Option{"strict", 0, {}, "exit code 1 if an SLO of the file is missed"},
    Option{"quiet", 'q', {}, "no progress, no warnings"},
    color_option,
    catalog_option,
    Option{"no-fast-path", 0, {}, "", false, true},
    Option{"no-leaping", 0, {}, "", false, true},
};
constexpr std::array<std::string_view, 2> examples{
    "penstock run workloads/chat.yaml --set cluster.replicas=4 --set slo.ttft=300ms",
    "penstock run workloads/chat.yaml -o results --format json",
};
constexpr Usage usage{
    "run",
    "FILE [OPTION]...",
    "Simulates a workload: latency, throughput, utilization, and what each kind of token costs.",
    examples,
    options_table,
    1,
    1};
constexpr std::array<std::string_view, 6> formats{"table",    "json", "csv",
                                                  "markdown", "vllm", "vllm-json"};

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// What the command line asks for, understood.
struct Request {
  std::string file;
  config::LoadOptions load;
  std::string format;
  std::optional<std::string> folder;
  bool force = false;
  bool report = false;
  bool plot = false;
  bool ascii = false;
  bool strict = false;
  bool quiet = false;
  bool cost_tree = false;
  std::optional<SimTime> until;
  std::optional<SimTime> interval;
  std::optional<std::string> timeline;
  SimTime timeline_from;
  SimulationOptions simulation;
  PricingRequest pricing;
};

Request read_request(const ParsedOptions& options) {
  Request request;
  request.file = options.words().front();
  request.load = load_options(options);
  request.format = choose(options, "format", formats);
  request.folder = options.value("output");
  request.force = options.has("force");
  request.report = wants_report(options);
  request.plot = options.has("plot");
  request.ascii = plots_are_ascii(options);
  request.strict = options.has("strict");
  request.quiet = options.has("quiet");
  request.cost_tree = options.has("cost");
  request.until = time_option(options, "until");
  request.interval = time_option(options, "interval");
  request.timeline = options.value("timeline");
  request.timeline_from = time_option(options, "timeline-from").value_or(SimTime{});
  if (options.has("timeline-from") && !request.timeline) {
    throw UsageError("--timeline-from means nothing without --timeline FILE");
  }
  request.pricing = pricing_request(options);
  request.simulation.fast_path = !options.has("no-fast-path");
  request.simulation.leaping = !options.has("no-leaping");
  if (request.force && !request.folder) {
    throw UsageError("--force means nothing without -o DIR");
  }
  return request;
}

/// Tells diagnostics; a run that stays quiet keeps its warnings to itself.
void tell_unless_quiet(const Diagnostics& diagnostics, bool quiet) {
  if (!quiet || has_errors(diagnostics)) {
    tell(diagnostics);
  }
}

/// The workload file and its trace, ready to run; or an exit code, with everything told.
struct Prepared {
  int exit_code = exit_ok;
  config::Loaded loaded;
  OpenedSource opened;
  ListPrices list_prices;
};

Prepared prepare(const Request& request) {
  Prepared prepared;
  prepared.loaded = config::load_scenario(request.file, request.load);
  config::Loaded& loaded = prepared.loaded;
  tell_unless_quiet(loaded.diagnostics, request.quiet);
  if (!loaded.ok) {
    prepared.exit_code = config::exit_code(loaded.diagnostics);
    return prepared;
  }
  prepared.list_prices = list_prices_for(request.pricing, loaded.scenario, request.load);
  tell_unless_quiet(prepared.list_prices.diagnostics, request.quiet);
  if (has_errors(prepared.list_prices.diagnostics)) {
    prepared.exit_code = config::exit_code(prepared.list_prices.diagnostics);
    return prepared;
  }
  loaded.scenario.until = request.until.value_or(SimTime::never());
  loaded.scenario.timeseries_interval = request.interval.value_or(SimTime{});
  prepared.opened = open_source(loaded.scenario.workload, loaded.scenario.seed);
  tell_unless_quiet(prepared.opened.diagnostics, request.quiet);
  if (!prepared.opened.source) {
    prepared.exit_code = config::exit_code(prepared.opened.diagnostics);
  }
  return prepared;
}

Result simulate_with_progress(const Request& request, const Prepared& prepared,
                              Timeline* timeline) {
  SimulationOptions simulation = request.simulation;
  simulation.timeline = timeline;
  const Scenario& scenario = prepared.loaded.scenario;
  ProgressLine line(*prepared.opened.source, scenario, !request.quiet && errors_go_to_terminal());
  return simulate(scenario, *prepared.opened.source, simulation, [&line](const Progress& progress) {
    line.update(progress);
    return !InterruptGuard::requested();
  });
}

std::string render(const output::RunOutput& run, const std::string& format) {
  if (format == "json") {
    return output::summary_json_text(run);
  }
  if (format == "csv") {
    return output::summary_csv_text(run);
  }
  if (format == "markdown") {
    return output::run_markdown(run);
  }
  if (format == "vllm") {
    return output::run_vllm(run);
  }
  if (format == "vllm-json") {
    return output::run_vllm_json(run);
  }
  return output::run_table(run, color_on_output());
}

std::vector<std::string> input_files(const config::Loaded& loaded) {
  std::vector<std::string> files = loaded.files;
  if (loaded.scenario.workload.trace) {
    files.push_back(loaded.scenario.workload.trace->path);
  }
  return files;
}

int exit_code_for(const Request& request, const Result& result, const Summary& summary) {
  switch (result.stop) {
    case StopReason::interrupted:
      return exit_interrupted;
    case StopReason::clock:
      return exit_stopped_early;
    case StopReason::finished:
    case StopReason::until:
      break;
  }
  return request.strict && !slo_met(summary) ? exit_slo_missed : exit_ok;
}

void write_timeline(const Request& request, const output::RunOutput& run,
                    const Timeline& timeline) {
  const output::TraceWindow window = output::trace_window(run, timeline);
  output::WholeFile file(*request.timeline);
  output::write_trace(run, timeline, window,
                      [&file](std::string_view bytes) { file.write(bytes); });
  file.commit();
  if (!request.quiet) {
    tell("timeline: " + output::trace_window_text(run, window) + "\n");
  }
}

/// Throws IoError if the timeline would replace what is read.
void check_timeline(const Request& request, const WorkloadSpec& workload) {
  if (request.timeline) {
    output::check_is_not(*request.timeline, request.file);
    output::check_is_not(*request.timeline, workload.trace ? workload.trace->path : "");
  }
}

int run(const Request& request) {
  const Clock::time_point start = Clock::now();
  const InterruptGuard guard;
  if (request.folder) {
    output::check_folder(*request.folder, request.force);
  }
  Prepared prepared = prepare(request);
  if (prepared.exit_code != exit_ok) {
    return prepared.exit_code;
  }
  check_timeline(request, prepared.loaded.scenario.workload);
  output::RunFacts facts;
  facts.load_seconds = seconds_since(start);
  const Clock::time_point simulation_start = Clock::now();
  const Scenario& scenario = prepared.loaded.scenario;
  const std::uint64_t expected = prepared.opened.source->expected_requests();
  Timeline timeline(request.timeline_from, output::most_trace_steps);
  const Result result =
      simulate_with_progress(request, prepared, request.timeline ? &timeline : nullptr);
  facts.simulate_seconds = seconds_since(simulation_start);
  const Summary summary = summarize(scenario, result);
  output::RunOutput run{scenario,
                        result,
                        summary,
                        output::assess_confidence(scenario, result),
                        config::to_json(scenario).dump(),
                        prepared.opened.description,
                        output::run_warnings(scenario, result, expected),
                        prepared.loaded.notes,
                        expected};
  run.notes.insert(run.notes.end(), prepared.opened.notes.begin(), prepared.opened.notes.end());
  run.cost_tree = request.cost_tree;
  add_pricing(request.pricing, prepared.list_prices.prices, run);
  if (!request.quiet) {
    for (const std::string& warning : run.warnings) {
      tell_warning(warning);
    }
  }
  if (request.folder) {
    facts.command = {"penstock"};
    facts.command.insert(facts.command.end(), command_words().begin(), command_words().end());
    facts.inputs = input_files(prepared.loaded);
    facts.workload = prepared.loaded.text;
    facts.total_seconds = seconds_since(start);
    output::FolderWriter folder(*request.folder, request.force);
    output::write_run_folder(run, facts, folder);
    commit_with_report(folder, *request.folder, request.report);
  }
  if (request.timeline) {
    write_timeline(request, run, timeline);
  }
  print(render(run, request.format));
  if (request.plot && request.format == "table") {
    print("\n" + output::latency_plots(run, request.ascii));
  }
  return exit_code_for(request, result, summary);
}

}  // namespace

const Usage& run_usage() { return usage; }

int run_verb(const Arguments& arguments) {
  const ParsedOptions options = parse_options(usage, arguments);
  if (options.has("help")) {
    print(usage_text(usage));
    return exit_ok;
  }
  apply_color(options);
  return run(read_request(options));
}

}  // namespace penstock::cli
