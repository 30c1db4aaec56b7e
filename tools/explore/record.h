#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::explore {

/// `ok`: it ran to its end. `infeasible`: the file is right and the answer is no (it does not fit).
/// `invalid`: these values make no valid workload.
enum class PointStatus { ok, infeasible, invalid };
const char* to_string(PointStatus status);

/// One run of one point of a sweep, finished.
struct Record {
  std::size_t point = 0;
  std::size_t run = 0;  ///< from 0; its seed is the workload's plus this
  PointStatus status = PointStatus::ok;
  std::string reason;   ///< one line; empty if ok
  std::string summary;  ///< if ok: a JSON object on one line, keys as in summary.json
  /// Files that this run read beside the workload file, and their SHA-256.
  std::map<std::string, std::string> inputs;
};

/// A line of the journal, with a checksum at its end, and back; nothing for a damaged line.
std::string to_line(const Record& record);
std::optional<Record> record_of_line(std::string_view line);

/// `json`, an object on one line, with a checksum as its last member; and the check of it.
std::string with_checksum(std::string json);
bool checksum_holds(std::string_view line);

}  // namespace penstock::explore
