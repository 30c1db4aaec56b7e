#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tools/explore/record.h"

namespace penstock::explore {

/// All that decides the results of a sweep, by the name under which a user knows it.
using Identity = std::vector<std::pair<std::string, std::string>>;

/// The folder holds another sweep than the one that is to go on; the message says what differs.
class OtherSweep : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The file that makes a sweep safe: one line for what it is, then one for each finished run, in
/// the order in which they came. A process that dies leaves at most one torn line, which is dropped
/// when the sweep goes on.
class Journal {
 public:
  enum class Mode {
    fresh,    ///< the folder must be new or empty
    resume,   ///< goes on with what is there; starts if there is nothing
    replace,  ///< throws away what a sweep has written there
  };
  static constexpr const char* file_name = "journal.jsonl";

  /// Makes the folder where it is missing, and keeps other processes out of the journal. Throws
  /// output::IoError, OtherSweep.
  Journal(std::filesystem::path folder, const Identity& identity, Mode mode);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// The finished runs that were there; taken out of the journal.
  std::vector<Record> take_records() { return std::move(records_); }
  /// Lines before the last that were damaged: their runs count as not done.
  std::size_t damaged() const { return damaged_; }

  /// Writes one line, and makes the file durable once a second. Throws output::IoError.
  void append(const Record& record);

 private:
  void open(Mode mode);
  void read(const Identity& identity);

  std::filesystem::path folder_;
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::vector<Record> records_;
  std::size_t damaged_ = 0;
  std::chrono::steady_clock::time_point synced_ = std::chrono::steady_clock::now();
};

/// The whole journal of these runs.
std::string journal_text(const Identity& identity, std::span<const Record> records);

}  // namespace penstock::explore
