#include "tools/explore/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "config/overrides.h"
#include "config/yaml.h"
#include "tools/explore/evaluate.h"
#include "tools/explore/jobs.h"
#include "tools/explore/set_names.h"
#include "tools/output/files.h"
#include "tools/output/summary_json.h"

namespace penstock::explore {
namespace {

using Json = nlohmann::ordered_json;

/// The summary of a run on one line, without what is the same for all points.
std::string summary_text(const config::Loaded& loaded, const Evaluation& evaluation) {
  const Scenario& scenario = loaded.scenario;
  std::vector<std::string> notes = loaded.notes;
  notes.insert(notes.end(), evaluation.notes.begin(), evaluation.notes.end());
  const output::RunOutput run{
      scenario,
      evaluation.result,
      evaluation.summary,
      output::assess_confidence(scenario, evaluation.result),
      "{}",
      evaluation.traffic,
      output::run_warnings(scenario, evaluation.result, evaluation.expected),
      std::move(notes),
      evaluation.expected};
  Json summary = output::summary_json(run);
  for (const char* key : {"schema_version", "scenario", "seed"}) {
    summary.erase(key);
  }
  return summary.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void note_inputs(const config::Loaded& loaded, FileDigests& digests, Record& record) {
  std::vector<std::string> files = loaded.files;
  if (loaded.scenario.workload.trace) {
    files.push_back(loaded.scenario.workload.trace->path);
  }
  for (const std::string& file : files) {
    if (std::string digest = digests.of(file); !digest.empty()) {
      record.inputs[file] = std::move(digest);
    }
  }
}

void refuse(const Diagnostics& diagnostics, Record& record) {
  record.status =
      config::exit_code(diagnostics) == 4 ? PointStatus::infeasible : PointStatus::invalid;
  record.reason = reason_of(diagnostics);
}

/// What a line holds of a note of explain_memory().
bool is_arithmetic(std::string_view note) {
  return note.starts_with("per GPU") || note.starts_with("x ") || note.starts_with("- ") ||
         note.starts_with("= ");
}

}  // namespace

config::Loaded load_point(const SweepSpec& spec, std::size_t point) {
  config::LoadOptions options = spec.load;
  options.sets = sets_of(spec.design, point, spec.load.sets);
  return config::load_scenario_from_text(spec.text, spec.name, options);
}

Diagnostics with_vary_names(const SweepSpec& spec, Diagnostics diagnostics) {
  std::vector<std::string> names;
  for (std::size_t d = 0; d < spec.design.paths.size(); ++d) {
    names.push_back(fmt::format("--vary[{}]", d + 1));
  }
  return with_set_names(std::move(diagnostics), spec.load.sets.size(), names);
}

Diagnostics price_warnings(const SweepSpec& spec) {
  const auto varied = [&spec](std::string_view path) {
    const auto& paths = spec.design.paths;
    const auto found = std::find(paths.begin(), paths.end(), path);
    return found == paths.end() ? paths.size() : static_cast<std::size_t>(found - paths.begin());
  };
  const std::size_t none = spec.design.paths.size();
  const std::size_t gpu = varied("cluster.gpu");
  if (gpu == none || varied("prices") != none || varied("prices.gpu") != none) {
    return {};
  }
  const auto& points = spec.design.points;
  const bool is_one_gpu = std::all_of(points.begin(), points.end(), [&](const auto& point) {
    return point[gpu] == points.front()[gpu];
  });
  config::Reporter reporter;
  const auto source = std::make_shared<const config::Source>(spec.name, spec.text);
  std::optional<config::Node> root = config::parse_yaml(source, reporter);
  if (is_one_gpu || !root) {
    return {};
  }
  config::apply_overrides(*root, spec.load.sets, reporter);
  const config::Node* prices = root->find("prices");
  const config::Node* price = prices != nullptr ? prices->find("gpu") : nullptr;
  static_cast<void>(reporter.take());  // what is wrong is told of the points
  if (price != nullptr && price->is_scalar()) {
    Diagnostic& d = reporter.warning(
        price->span, "all GPUs of this sweep are priced alike: `prices.gpu` is a single price",
        "give a map, such as {h100-sxm: $2.50/h, l40s: $0.90/h}");
    d.notes.emplace_back("without `prices.gpu` those of the catalogue are used");
  }
  return reporter.take();
}

std::string reason_of(const Diagnostics& diagnostics) {
  // What is wrong says more than what does not fit because of it.
  const Diagnostic* first = nullptr;
  for (const Diagnostic& d : diagnostics) {
    if (d.severity == Diagnostic::Severity::error &&
        (first == nullptr ||
         (first->kind == Diagnostic::Kind::infeasible && d.kind != first->kind))) {
      first = &d;
    }
  }
  if (first == nullptr) {
    return "";
  }
  std::string reason = first->message;
  if (!first->label.empty()) {
    reason += ": " + first->label;
  }
  std::string arithmetic;
  for (const std::string& note : first->notes) {
    if (first->kind == Diagnostic::Kind::infeasible && is_arithmetic(note)) {
      arithmetic += (arithmetic.empty() ? "" : ", ") + note;
    }
  }
  reason += arithmetic.empty() ? "" : " (" + arithmetic + ")";
  std::replace(reason.begin(), reason.end(), '\n', ' ');
  return reason;
}

std::string FileDigests::of(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto [entry, is_new] = known_.try_emplace(path);
  std::error_code error;
  if (is_new && std::filesystem::is_regular_file(path, error)) {
    try {
      entry->second = output::sha256_of_file(path);
    } catch (const output::IoError&) {
      entry->second.clear();  // reading it for the run says why
    }
  }
  return entry->second;
}

std::optional<Record> run_point(const SweepSpec& spec, std::size_t point, std::size_t run,
                                FileDigests& digests, const std::function<bool()>& stop) {
  Record record;
  record.point = point;
  record.run = run;
  config::Loaded loaded = load_point(spec, point);
  if (!loaded.ok) {
    refuse(loaded.diagnostics, record);
    return record;
  }
  loaded.scenario.seed += run;
  note_inputs(loaded, digests, record);
  try {
    const Evaluation evaluation = evaluate(loaded.scenario, {}, stop);
    if (has_errors(evaluation.diagnostics)) {
      refuse(evaluation.diagnostics, record);
      return record;
    }
    if (evaluation.result.stop == StopReason::interrupted) {
      return std::nullopt;
    }
    if (!evaluation.is_complete) {
      record.status = PointStatus::infeasible;
      record.reason = "the simulated clock reached its limit of 100 days";
      return record;
    }
    record.summary = summary_text(loaded, evaluation);
  } catch (const std::bad_alloc&) {
    record.status = PointStatus::infeasible;
    record.reason = "not enough memory on this machine for this run: fewer requests or --jobs";
  }
  return record;
}

void run_missing(const SweepSpec& spec, Records& records, FileDigests& digests,
                 const std::function<bool()>& stop,
                 const std::function<void(const Record&)>& finished) {
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!records[i]) {
      missing.push_back(i);
    }
  }
  // After an error the runs under way need not go to their end.
  std::atomic<bool> failed = false;
  const auto should_stop = [&] { return failed || stop(); };
  const auto work = [&](std::size_t job) {
    const std::size_t i = missing[job];
    return should_stop() ? std::nullopt
                         : run_point(spec, i / spec.runs, i % spec.runs, digests, should_stop);
  };
  const auto take = [&](std::size_t job, std::optional<Record> record) {
    if (record) {
      try {
        finished(*record);
      } catch (...) {
        failed = true;
        throw;
      }
      records[missing[job]] = std::move(record);
    }
    return !should_stop();
  };
  run_jobs(missing.size(), spec.jobs, Order::as_they_come, work, take);
}

}  // namespace penstock::explore
