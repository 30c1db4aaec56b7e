#include "tools/penstock/sweep_files.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "config/text.h"
#include "penstock_version.h"
#include "tools/output/files.h"
#include "tools/output/json_text.h"
#include "tools/output/manifest.h"
#include "tools/output/sha256.h"
#include "tools/output/text.h"
#include "tools/penstock/command.h"
#include "tools/penstock/console.h"
#include "tools/penstock/report_files.h"

namespace penstock::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string digest_of(std::string_view text) {
  output::Sha256 hash;
  hash.add(text);
  return hash.hex_digest();
}

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

/// The points themselves: files of values and the drawing of samples included.
std::string digest_of(const explore::Design& design) {
  output::Sha256 hash;
  for (const std::vector<std::string>& point : design.points) {
    for (const std::string& value : point) {
      hash.add(value);
      hash.add(std::string_view("\n"));
    }
  }
  return hash.hex_digest();
}

Json manifest(const explore::SweepSpec& spec, const output::SweepOutput& sweep,
              const explore::Records& records, const SweepFolder::Facts& facts) {
  std::vector<std::string> command{"penstock"};
  command.insert(command.end(), command_words().begin(), command_words().end());
  Json root = output::manifest_head(1, command);
  root["seed"] = sweep.seed;
  root["inputs"] = output::input_digests({spec.name});
  std::map<std::string, std::string> inputs;
  for (const std::optional<explore::Record>& record : records) {
    inputs.insert(record->inputs.begin(), record->inputs.end());
  }
  for (const auto& [path, digest] : inputs) {
    root["inputs"].push_back({{"path", path}, {"sha256", digest}});
  }
  root["files"] = {"points.csv", "sweep.json", "workload.yaml", explore::Journal::file_name};
  root["points"] = sweep.total;
  root["runs"] = spec.runs;
  root["host"] = output::host_facts();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - facts.start).count();
  root["wall_clock"] = {{"written", output::now_text()},
                        {"jobs", spec.jobs},
                        {"runs_resumed", facts.resumed},
                        {"total_s", seconds}};
  return root;
}

}  // namespace

explore::Identity identity_of(const explore::SweepSpec& spec, const std::vector<std::string>& vary,
                              std::optional<std::size_t> sample) {
  return {
      {"version of penstock", fmt::format("{} ({})", version, commit)},
      {"workload file", digest_of(spec.text)},
      {"--vary", joined(vary)},
      {"--set", joined(spec.load.sets)},
      {"--seed", spec.load.seed ? fmt::format("{}", *spec.load.seed) : "of the file"},
      {"--sample", sample ? fmt::format("{}", *sample) : "none"},
      {"--runs", fmt::format("{}", spec.runs)},
      {"--catalog", spec.load.catalog_dir.empty() ? "none" : spec.load.catalog_dir},
      {"list of values", digest_of(spec.design)},
  };
}

SweepFolder::SweepFolder(const std::optional<std::string>& path, explore::Journal::Mode mode,
                         explore::Identity identity)
    : path_(path.value_or("")), identity_(std::move(identity)) {
  if (path) {
    journal_.emplace(path_, identity_, mode);
  }
}

std::size_t SweepFolder::take_records(const explore::SweepSpec& spec, explore::FileDigests& digests,
                                      explore::Records& records) {
  if (!journal_) {
    return 0;
  }
  if (journal_->damaged() > 0) {
    tell_warning(fmt::format("{} damaged lines of `{}`: their points run again",
                             journal_->damaged(), explore::Journal::file_name));
  }
  std::size_t count = 0;
  for (explore::Record& record : journal_->take_records()) {
    for (const auto& [path, digest] : record.inputs) {
      if (digests.of(path) != digest) {
        throw explore::OtherSweep(fmt::format("`{}` has changed since the sweep in `{}` began",
                                              output::printable(path), output::printable(path_)));
      }
    }
    const std::size_t i = record.point * spec.runs + record.run;
    if (record.run < spec.runs && i < records.size() && !records[i]) {
      records[i] = std::move(record);
      ++count;
    }
  }
  return count;
}

void SweepFolder::append(const explore::Record& record) {
  if (journal_) {
    journal_->append(record);
  }
}

void SweepFolder::write(const explore::SweepSpec& spec, const output::SweepOutput& sweep,
                        const explore::Records& records, const Facts& facts) {
  if (!journal_) {
    return;
  }
  output::FolderWriter folder(path_, true);
  const auto write_file = [&folder](const char* name, const auto& fill) {
    output::OutputFile file(folder.file(name));
    fill([&file](std::string_view text) { file.write(text); });
    file.close();
  };
  write_file("points.csv", [&](const auto& sink) { output::write_points_csv(sweep, sink); });
  write_file("sweep.json", [&](const auto& sink) { output::write_sweep_json(sweep, sink); });
  write_file(explore::Journal::file_name, [&](const auto& sink) {
    sink(explore::journal_text(identity_, {}));
    for (const std::optional<explore::Record>& record : records) {
      sink(explore::to_line(*record) + "\n");
    }
  });
  write_file("workload.yaml", [&](const auto& sink) { sink(spec.text); });
  write_file("manifest.json", [&](const auto& sink) {
    sink(output::to_text(manifest(spec, sweep, records, facts)));
  });
  commit_with_report(folder, path_, facts.report);
}

}  // namespace penstock::cli
