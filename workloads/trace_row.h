#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "workloads/error_log.h"
#include "workloads/trace.h"
#include "workloads/trace_checks.h"

namespace penstock {

/// What a column of a CSV trace, or a key of a JSON one, holds.
enum class TraceField : std::size_t {
  time,
  input,
  output,
  session,
  delay,
  priority,
  tenant,
  prefix_group,
  prefix_tokens,
  blocks,
  block_tokens,
  turn,
  content,
};
inline constexpr std::size_t trace_field_count = 13;

constexpr unsigned bit_of(TraceField field) { return 1U << static_cast<unsigned>(field); }

/// How a format names its fields, and in which units it writes them.
struct TraceNames {
  /// By TraceField; empty = the format has none. `input` and `output` are required.
  std::array<std::string_view, trace_field_count> names = {};
  TimeNotation time = {};
  TimeNotation delay = {};
  bool time_is_optional = false;  ///< there are files without times
  bool starts_at_zero = false;    ///< 0 is the start of the run, not the earliest row
  bool prefix_is_extra = false;   ///< `input` leaves out `prefix_tokens`
  std::int64_t block_tokens = 0;  ///< unless the row or the user says so; 0 = must be said

  constexpr std::string_view name(TraceField field) const {
    return names[static_cast<std::size_t>(field)];
  }
};

inline constexpr TimeNotation seconds_notation{parse_seconds, "seconds, such as 12.5"};
inline constexpr TimeNotation milliseconds_notation{parse_milliseconds,
                                                    "milliseconds, such as 12500"};
inline constexpr TimeNotation microseconds_notation{parse_microseconds,
                                                    "microseconds, such as 12500000"};
inline constexpr TimeNotation nanoseconds_notation{parse_nanoseconds,
                                                   "nanoseconds, such as 12500000000"};

/// The fields of one row of a text.
class TraceFields {
 public:
  virtual ~TraceFields() = default;
  /// One bit (1 << TraceField) for each field that is there. An empty CSV field is.
  virtual unsigned present() const = 0;
  /// Requires a field that is there.
  virtual std::string_view text(TraceField which) const = 0;
  /// The same with its name and place, for messages.
  virtual NamedField field(TraceField which) const = 0;
  /// The whole row.
  virtual TextSpan row_span() const = 0;
};

/// Makes rows of fields, by the same rules for all formats.
class TraceRowBuilder {
 public:
  /// The names and the log must outlive the builder.
  TraceRowBuilder(const TraceNames& names, const TraceOptions& options, ErrorLog& errors);

  /// Fills `row`; views in it point into the fields' text, `blocks` into the builder. False, and an
  /// error in the log, if a field is missing or cannot be read.
  ///
  /// A row without a time that follows a turn of its session comes `delay` after that turn's time.
  bool build(const TraceFields& fields, TraceRow& row);

  TraceChecks& checks() { return checks_; }
  const TraceChecks& checks() const { return checks_; }
  const TraceNames& names() const { return names_; }

 private:
  /// The field if it is there, and not empty.
  std::optional<NamedField> given(const TraceFields& fields, TraceField which) const;
  bool read_time(const TraceFields& fields, TraceRow& row);
  std::int64_t read_length(const TraceFields& fields, TraceField name);
  bool read_lengths(const TraceFields& fields, TraceRow& row);
  bool read_session(const TraceFields& fields, TraceRow& row);
  bool read_prefix(const TraceFields& fields, TraceRow& row);
  bool read_blocks(const TraceFields& fields, TraceRow& row);
  bool read_content(const TraceFields& fields, TraceRow& row);
  bool place(const TraceFields& fields, TraceRow& row);

  const TraceNames& names_;
  ErrorLog& errors_;
  TraceChecks checks_;
  std::int64_t block_tokens_;
  unsigned present_ = 0;  // of the current row
  std::vector<std::uint64_t> blocks_;
  Content content_;
  std::optional<bool> has_times_;
  /// Time of each session's latest turn, where turns may lack one. Looked up only.
  std::unordered_map<std::uint64_t, SimTime> last_turn_;
};

/// A number for a name, the same everywhere; never 0.
std::uint64_t hash_of_name(std::string_view name);

}  // namespace penstock
