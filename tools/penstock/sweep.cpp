#include "tools/explore/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "config/quantity.h"
#include "config/text.h"
#include "config/yaml.h"
#include "tools/explore/collect.h"
#include "tools/explore/journal.h"
#include "tools/output/files.h"
#include "tools/penstock/console.h"
#include "tools/penstock/input.h"
#include "tools/penstock/interrupt.h"
#include "tools/penstock/options.h"
#include "tools/penstock/sweep_files.h"
#include "tools/penstock/sweep_progress.h"

namespace penstock::cli {
namespace {

constexpr std::array options_table{
    Option{"vary", 0, "PATH=VALUES",
           "1,2,4  1..64  1..64:log2  10ms..50ms:step10ms  0..1:lin5  @file", true},
    set_option,
    skip_rows_option,
    seed_option,
    Option{"sample", 0, "N", "N points of a Latin hypercube instead of the whole grid"},
    Option{"runs", 0, "K", "repeat each point with K seeds: means with 95 % intervals"},
    Option{"jobs", 'j', "N", "simulations at a time (default: all processors)"},
    Option{"output", 'o', "DIR", "write points.csv, sweep.json; each point is kept as it finishes"},
    Option{"resume", 0, {}, "go on with the sweep in -o DIR; finished points are not run again"},
    Option{"force", 0, {}, "allow -o to replace results in a folder that is not empty"},
    Option{"format", 0, "FORMAT", "table (default), json, csv or markdown"},
    Option{"strict", 0, {}, "exit code 1 if no point meets the SLO of the file"},
    Option{"dry-run", 0, {}, "list the points, run nothing"},
    Option{"quiet", 'q', {}, "no progress, no warnings"},
    color_option,
    catalog_option,
};
constexpr std::array<std::string_view, 3> examples{
    "penstock sweep workloads/chat.yaml --vary engine.max_num_seqs=1..512:log2",
    "penstock sweep workloads/chat.yaml --vary cluster.gpu=h100-sxm,a100-80-sxm --vary "
    "cluster.replicas=2..4",
    "penstock sweep workloads/chat.yaml --vary prices.gpu=@prices.txt --runs 5 -o out/ --resume",
};
constexpr Usage usage{
    "sweep",
    "FILE --vary PATH=VALUES... [OPTION]...",
    "One simulation per value of any key: throughput, latency and cost side by side.",
    examples,
    options_table,
    1,
    1};
constexpr std::array<std::string_view, 4> formats{"table", "json", "csv", "markdown"};

/// What the command line asks for, understood.
struct Request {
  explore::SweepSpec spec;
  std::vector<std::string> vary;
  std::optional<std::size_t> sample;
  std::string format;
  std::optional<std::string> folder;
  explore::Journal::Mode mode = explore::Journal::Mode::fresh;
  bool strict = false;
  bool dry_run = false;
  bool quiet = false;
  Diagnostics warnings;  ///< about the sweep as a whole
};

std::optional<std::size_t> count_option(const ParsedOptions& options, std::string_view name,
                                        std::size_t most) {
  const std::optional<std::string> text = options.value(name);
  if (!text) {
    return std::nullopt;
  }
  const config::Whole whole = config::parse_whole(*text);
  if (!whole.ok() || whole.value < 1 || whole.value > static_cast<std::int64_t>(most)) {
    throw UsageError(fmt::format("--{} takes a whole number from 1 to {}, not `{}`", name,
                                 config::group_digits(static_cast<std::int64_t>(most)),
                                 config::excerpt(*text)));
  }
  return static_cast<std::size_t>(whole.value);
}

void check_vary(const Request& request) {
  if (request.vary.empty()) {
    throw UsageError("nothing is varied: `penstock sweep` needs --vary PATH=VALUES",
                     "for example --vary engine.max_num_seqs=1..512:log2");
  }
  std::vector<std::string> paths;
  for (const std::string& argument : request.vary) {
    const std::size_t equals = argument.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw UsageError(
          fmt::format("--vary takes PATH=VALUES, not `{}`", config::excerpt(argument)),
          "for example --vary engine.max_num_seqs=1..512:log2; see `penstock help overrides`");
    }
    const std::string path = argument.substr(0, equals);
    if (std::find(paths.begin(), paths.end(), path) != paths.end()) {
      throw UsageError(fmt::format("--vary {} is given twice", config::excerpt(path)),
                       "one list holds all values: " + config::excerpt(path) + "=1,2,8..16");
    }
    if (path == "seed" && request.spec.load.seed) {
      throw UsageError("--seed leaves nothing of --vary seed",
                       "--runs K repeats each point with K seeds");
    }
    if (path == "plan" || path.starts_with("plan.")) {
      throw UsageError(
          fmt::format("--vary {}: a run does not read `plan`, all points would be alike",
                      config::excerpt(path)),
          "`penstock plan FILE --set " + config::excerpt(argument.substr(0, equals)) +
              "=VALUE` for each value");
    }
    paths.push_back(path);
  }
}

Request read_request(const ParsedOptions& options) {
  Request request;
  request.spec.name = options.words().front();
  request.spec.load = load_options(options);
  request.vary = options.values("vary");
  request.sample = count_option(options, "sample", explore::max_points);
  request.spec.runs = count_option(options, "runs", 1000).value_or(1);
  const unsigned processors = std::max(1U, std::thread::hardware_concurrency());
  request.spec.jobs = static_cast<int>(count_option(options, "jobs", 1024).value_or(processors));
  request.format = choose(options, "format", formats);
  request.folder = options.value("output");
  request.strict = options.has("strict");
  request.dry_run = options.has("dry-run");
  request.quiet = options.has("quiet");
  for (const char* name : {"force", "resume"}) {
    if (options.has(name) && !request.folder) {
      throw UsageError(fmt::format("--{} means nothing without -o DIR", name));
    }
  }
  if (options.has("force") && options.has("resume")) {
    throw UsageError("--force and --resume exclude each other",
                     "--resume goes on with a sweep, --force throws it away");
  }
  request.mode = options.has("force")    ? explore::Journal::Mode::replace
                 : options.has("resume") ? explore::Journal::Mode::resume
                                         : explore::Journal::Mode::fresh;
  check_vary(request);
  return request;
}

/// Reads the file and makes the points; or tells what is wrong, and returns an exit code.
int prepare(Request& request) {
  config::Reporter reporter;
  explore::SweepSpec& spec = request.spec;
  const config::SourcePtr file = config::read_source(spec.name, spec.name, {}, reporter);
  if (!file) {
    tell(reporter.take());
    return exit_io;
  }
  spec.text = file->text();
  std::vector<explore::Variation> variations;
  for (std::size_t i = 0; i < request.vary.size(); ++i) {
    if (auto variation = explore::parse_variation(request.vary[i], i + 1, reporter)) {
      variations.push_back(std::move(*variation));
    }
  }
  if (!reporter.has_errors()) {
    spec.design = request.sample
                      ? explore::make_latin_hypercube(variations, *request.sample,
                                                      spec.load.seed.value_or(1), reporter)
                      : explore::make_grid(variations, reporter);
  }
  const Diagnostics wrong = reporter.take();
  if (wrong.empty()) {
    request.warnings = explore::price_warnings(spec);
  }
  tell(wrong);
  return config::exit_code(wrong);
}

/// The first point that makes a valid workload, for its seed; or an exit code, with what is wrong
/// with the first point told. What is wrong with some points only is a row of theirs.
int probe(const Request& request, std::uint64_t& seed) {
  constexpr std::size_t most_tries = 500;  // a few milliseconds each
  const std::size_t points = request.spec.design.points.size();
  Diagnostics first;
  for (std::size_t i = 0; i < std::min(points, most_tries); ++i) {
    config::Loaded loaded = explore::load_point(request.spec, i);
    seed = loaded.scenario.seed;
    if (loaded.ok || config::exit_code(loaded.diagnostics) == exit_infeasible) {
      if (loaded.ok && !request.quiet) {
        tell(explore::with_vary_names(request.spec, std::move(loaded.diagnostics)));
        tell(request.warnings);
      }
      return exit_ok;
    }
    if (i == 0) {
      first = explore::with_vary_names(request.spec, std::move(loaded.diagnostics));
    }
  }
  if (points > most_tries) {
    return exit_ok;
  }
  tell(first);
  if (points > 1) {
    tell(fmt::format("  none of the {} points makes a valid workload; this is the first\n",
                     config::group_digits(static_cast<std::int64_t>(points))));
  }
  return config::exit_code(first);
}

output::SweepOutput output_of(const Request& request, const explore::Records& records,
                              std::uint64_t seed) {
  output::SweepOutput sweep = explore::collect(request.spec, records);
  for (const std::string& argument : request.vary) {
    sweep.given.push_back(argument.substr(argument.find('=') + 1));
  }
  sweep.is_sample = request.sample.has_value();
  sweep.seed = seed;
  for (const Diagnostic& warning : request.warnings) {
    sweep.warnings.push_back(warning.label.empty() ? warning.message
                                                   : warning.message + "; " + warning.label);
  }
  return sweep;
}

void print_sweep(const Request& request, const output::SweepOutput& sweep) {
  if (request.format == "json") {
    output::write_sweep_json(sweep, [](std::string_view text) { print(text); });
  } else if (request.format == "csv") {
    output::write_points_csv(sweep, [](std::string_view text) { print(text); });
  } else {
    print(request.format == "markdown" ? output::sweep_markdown(sweep)
                                       : output::sweep_table(sweep, color_on_output()));
  }
}

int list_points(const Request& request, std::uint64_t seed) {
  output::SweepOutput sweep = output_of(request, {}, seed);
  for (const std::vector<std::string>& values : request.spec.design.points) {
    sweep.points.emplace_back();
    sweep.points.back().values = values;
  }
  print(output::sweep_values(sweep, request.format));
  return exit_ok;
}

int exit_code_for(const Request& request, const output::SweepOutput& sweep) {
  const auto any = [&sweep](auto holds) {
    return std::any_of(sweep.points.begin(), sweep.points.end(), holds);
  };
  if (!any([](const output::SweepPoint& point) { return point.status == "ok"; })) {
    return any([](const output::SweepPoint& point) { return point.status == "infeasible"; })
               ? exit_infeasible
               : exit_invalid_input;
  }
  const bool missed =
      !any([](const auto& point) { return point.meets_slo.value_or(point.status == "ok"); });
  return request.strict && missed ? exit_slo_missed : exit_ok;
}

int interrupted(const Request& request, const output::SweepOutput& sweep) {
  tell_warning(fmt::format("interrupted: {} of {} points are done{}", sweep.points.size(),
                           sweep.total,
                           request.folder ? "; the same command with --resume goes on" : ""));
  return exit_interrupted;
}

int sweep(Request& request) {
  const auto start = std::chrono::steady_clock::now();
  const InterruptGuard guard;
  if (request.folder && request.mode == explore::Journal::Mode::fresh) {
    output::check_folder(*request.folder, false);
  }
  std::uint64_t seed = 1;
  if (const int code = prepare(request); code != exit_ok) {
    return code;
  }
  if (const int code = probe(request, seed); code != exit_ok) {
    return code;
  }
  if (request.dry_run) {
    return list_points(request, seed);
  }
  const explore::SweepSpec& spec = request.spec;
  explore::FileDigests digests;
  explore::Records records(spec.design.points.size() * spec.runs);
  SweepFolder folder(request.folder, request.mode, identity_of(spec, request.vary, request.sample));
  const std::size_t resumed = folder.take_records(spec, digests, records);
  {
    SweepProgress progress(spec.design.paths, records.size(), resumed,
                           !request.quiet && errors_go_to_terminal());
    explore::run_missing(
        spec, records, digests,
        [&progress] {
          progress.tick();
          return InterruptGuard::requested();
        },
        [&](const explore::Record& record) {
          folder.append(record);
          if (progress.is_enabled()) {
            progress.finished(explore::point_of(spec, record));
          }
        });
  }
  const output::SweepOutput result = output_of(request, records, seed);
  const bool is_complete = result.points.size() == result.total;
  if (is_complete) {
    folder.write(spec, result, records, {resumed, start});
  }
  print_sweep(request, result);
  return is_complete ? exit_code_for(request, result) : interrupted(request, result);
}

}  // namespace

int sweep_verb(const Arguments& arguments) {
  const ParsedOptions options = parse_options(usage, arguments);
  if (options.has("help")) {
    print(usage_text(usage));
    return exit_ok;
  }
  apply_color(options);
  Request request = read_request(options);
  try {
    return sweep(request);
  } catch (const explore::OtherSweep& error) {
    throw UsageError(error.what(), "--force throws it away and starts over");
  }
}

}  // namespace penstock::cli
