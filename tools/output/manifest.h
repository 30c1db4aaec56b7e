#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

/// What the manifest.json of every kind of result says in the same words.
namespace penstock::output {

/// Layout, version, commit, build and command line: the start of a manifest.
nlohmann::ordered_json manifest_head(int schema_version, const std::vector<std::string>& command);

/// Path and SHA-256 of each file, and of the files in each folder; null for what cannot be read
/// twice, such as a pipe. Throws IoError.
nlohmann::ordered_json input_digests(const std::vector<std::string>& paths);

/// System, processors, memory: of this machine and process.
nlohmann::ordered_json host_facts();

/// The time of the clock: "2026-01-31T12:00:00Z".
std::string now_text();

}  // namespace penstock::output
