#include "tools/penstock/trace_generate.h"

#include <array>

#include "config/load.h"
#include "tools/output/files.h"
#include "tools/penstock/console.h"
#include "tools/penstock/input.h"
#include "workloads/generated_trace.h"
#include "workloads/source.h"

namespace penstock::cli {
namespace {

constexpr std::array generate_options{
    Option{"output", 'o', "FILE", "write to this file, whole or not at all; .gz packs it"},
    Option{"to", 0, "FORMAT", "csv or jsonl (default: by the name of the output, else csv)"},
    set_option,
    skip_rows_option,
    seed_option,
    color_option,
    catalog_option,
};
constexpr std::array<std::string_view, 2> generate_examples{
    "penstock trace generate workloads/chat.yaml -o chat.csv",
    "penstock trace generate mix.yaml --seed 2 --set workload.requests=1M -o mix.jsonl.gz",
};

/// Closed loops send when they are answered: no trace can say when that is.
Diagnostics closed_loops(const WorkloadSpec& workload) {
  Diagnostics errors;
  for (const ClassSpec& one : workload.classes) {
    if (one.arrivals.process == ArrivalSpec::Process::closed_loop) {
      Diagnostic d;
      d.message = "class `" + one.name +
                  "` is a closed loop: its requests come as others are answered, which no trace "
                  "can say beforehand";
      d.notes.emplace_back("a run writes when they came: requests.csv of `penstock run -o DIR`");
      errors.push_back(std::move(d));
    }
  }
  return errors;
}

}  // namespace

constexpr Usage generate_usage{
    "trace generate",
    "FILE [OPTION]...",
    "Writes what a workload file sends as a trace, our CSV or JSONL. Turns of conversations carry\n"
    "their delay: a run sends them after its own answers.",
    generate_examples,
    generate_options,
    1,
    1};

TraceTarget trace_target(const ParsedOptions& options) {
  static constexpr std::array<std::string_view, 2> formats{"csv", "jsonl"};
  TraceTarget target;
  target.file = options.value("output");
  std::string_view name = target.file ? std::string_view(*target.file) : "";
  target.packed = name.ends_with(".gz");
  name.remove_suffix(target.packed ? 3 : 0);
  target.format = options.has("to") ? choose(options, "to", formats)
                                    : std::string(name.ends_with(".jsonl") ? "jsonl" : "csv");
  return target;
}

void write_rows(const TraceTarget& target, const TraceScan& scan,
                const std::function<bool(TraceRow&)>& next) {
  std::optional<output::WholeFile> file;
  if (target.file) {
    file.emplace(*target.file);
  }
  TraceWriter writer(target.format, target.packed, scan, [&file](std::string_view text) {
    if (file) {
      file->write(text);
    } else {
      print(text);
    }
  });
  TraceRow row;
  while (next(row)) {
    writer.add(row);
  }
  writer.finish();
  if (file) {
    file->commit();
  }
}

int generate_trace(const ParsedOptions& options) {
  const TraceTarget target = trace_target(options);
  const config::Loaded loaded =
      config::load_scenario(options.words().front(), load_options(options));
  tell(loaded.diagnostics);
  if (!loaded.ok) {
    return config::exit_code(loaded.diagnostics);
  }
  const WorkloadSpec& workload = loaded.scenario.workload;
  if (const Diagnostics refused = closed_loops(workload); !refused.empty()) {
    tell(refused);
    return config::exit_code(refused);
  }
  // Twice the same requests: the first time to learn which columns there are.
  TraceScan scan{.starts_at_zero = true};
  {
    const OpenedSource opened = open_source(workload, loaded.scenario.seed);
    tell(opened.diagnostics);
    if (!opened.source) {
      return config::exit_code(opened.diagnostics);
    }
    GeneratedTrace rows(workload, *opened.source);
    for (TraceRow row; rows.next(row);) {
      count_row(row, scan);
    }
  }
  const OpenedSource opened = open_source(workload, loaded.scenario.seed);
  GeneratedTrace rows(workload, *opened.source);
  write_rows(target, scan, [&rows](TraceRow& row) { return rows.next(row); });
  return exit_ok;
}

}  // namespace penstock::cli
