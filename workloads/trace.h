#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/core/units.h"
#include "sim/kv/content.h"
#include "workloads/error_log.h"
#include "workloads/line_reader.h"

namespace penstock {

class TraceInput;

/// A request of a trace. Views hold until the reader's next row.
struct TraceRow {
  SimTime time;                        ///< since the file's first row: below 0 if earlier than it
  bool has_time = false;               ///< the same for all rows of a file
  SimTime delay = SimTime::never();    ///< after the end of its session's turn before; never = none
  std::int64_t input_tokens = 0;       ///< 1 to max_request_tokens
  std::int64_t output_tokens = 0;      ///< 1 to max_request_tokens
  std::int32_t priority = 0;           ///< smaller = more important
  std::string_view session = {};       ///< conversation that it belongs to; empty = none
  std::string_view tenant = {};        ///< who sent it: a class, a model, a customer; may be empty
  std::string_view prefix_group = {};  ///< rows of one group share their first tokens
  std::int64_t prefix_tokens = 0;      ///< how many, of input_tokens
  std::span<const std::uint64_t> blocks = {};  ///< ids of the input's blocks, from its start
  std::int64_t block_tokens = 0;               ///< in each of them, the last one excepted
  /// What its tokens are, prompt and answer, instead of all that; as in Request::content.
  std::span<const ContentSpan> content = {};
  /// Rows of a session with the same number here are sent together, as the requests of the number
  /// before have all ended; -1 = this row is alone in that.
  std::int64_t turn = -1;
};

/// Reads a trace row by row, in one pass, in the order of the file.
class TraceReader {
 public:
  virtual ~TraceReader() = default;

  /// Reads the next good row; false at the end. Rows that cannot be read go to the error log; rows
  /// without input or output tokens (requests that failed) are left out. Both are counted.
  bool next(TraceRow& row);

  std::uint64_t bad_rows() const { return bad_rows_; }
  std::uint64_t empty_rows() const { return empty_rows_; }
  /// True if the text could not be read to its end; the log then says why.
  virtual bool failed() const = 0;
  /// True if 0 is the start of the run, not the earliest row.
  virtual bool starts_at_zero() const { return false; }
  /// What people should know of the rows read so far; a sentence each.
  virtual std::vector<std::string> notes() const { return {}; }

 protected:
  enum class Outcome { row, bad, end };
  /// Reads one row, good or bad; lengths may be 0.
  virtual Outcome read(TraceRow& row) = 0;
  /// What another reader's read() gives, for readers that wrap one.
  static Outcome read_with(TraceReader& other, TraceRow& row) { return other.read(row); }

 private:
  std::uint64_t bad_rows_ = 0;
  std::uint64_t empty_rows_ = 0;
};

class NamedColumns;

/// How to read a trace.
struct TraceOptions {
  const struct TraceFormat* format = nullptr;  ///< null = recognised by content
  std::int64_t block_tokens = 0;               ///< of `blocks`; 0 = what the format says
  bool skip_bad_rows = false;                  ///< count rows that cannot be read, and go on
  /// The columns of a file of the user's own, CSV or JSONL; null = those of the format.
  std::shared_ptr<const NamedColumns> columns = nullptr;
  /// Which part of a ServeGen folder to draw, in its own time, and with which numbers.
  struct Draw {
    std::uint64_t seed = 1;
    SimTime start = {};
    SimTime duration = SimTime::never();
    std::uint64_t requests = UINT64_MAX;
  } draw = {};
};

/// A file format: one .cpp file (our own two share plain.cpp), one row of the table in trace.cpp,
/// and its name among the choices of `workload.trace.format` in config/schema.cpp.
struct TraceFormat {
  std::string_view name;  ///< as in `trace: {format: ...}`
  std::string_view description;
  /// True if a text that starts with these bytes (at least 4,096, or all of it) is of this format.
  bool (*recognises)(std::string_view head);
  /// Null if the text turns out to be no such trace; the log then says why. The log must outlive
  /// the reader.
  std::unique_ptr<TraceReader> (*open)(LineReader lines, const TraceOptions& options,
                                       ErrorLog& errors);
};

/// All formats, in the order in which they are tried.
std::span<const TraceFormat> trace_formats();

/// The format of that name; null if there is none.
const TraceFormat* find_trace_format(std::string_view name);

/// What to tell somebody who named a format that does not exist.
Diagnostic unknown_trace_format(std::string_view name);

/// A reader, and the format that it reads.
struct OpenedTrace {
  std::unique_ptr<TraceReader> reader;  ///< null, and an error in the log: the text is no trace
  const TraceFormat* format = nullptr;
};
OpenedTrace open_trace(LineReader lines, const TraceOptions& options, ErrorLog& errors);
/// The same for a file, or a folder of several.
OpenedTrace open_trace(const TraceInput& input, const TraceOptions& options, ErrorLog& errors);

/// Logs why the lines ended before the text did, if they did; true if so.
bool report_unread_lines(const LineReader& lines, ErrorLog& errors);

/// A CSV or JSONL file whose columns the options name.
std::unique_ptr<TraceReader> open_named(LineReader lines, const TraceOptions& options,
                                        ErrorLog& errors);

// ---- The formats --------------------------------------------------------------------------------

bool recognises_azure(std::string_view head);
std::unique_ptr<TraceReader> open_azure(LineReader lines, const TraceOptions& options,
                                        ErrorLog& errors);
bool recognises_vidur(std::string_view head);
std::unique_ptr<TraceReader> open_vidur(LineReader lines, const TraceOptions& options,
                                        ErrorLog& errors);
bool recognises_splitwise_sim(std::string_view head);
std::unique_ptr<TraceReader> open_splitwise_sim(LineReader lines, const TraceOptions& options,
                                                ErrorLog& errors);
bool recognises_burstgpt(std::string_view head);
std::unique_ptr<TraceReader> open_burstgpt(LineReader lines, const TraceOptions& options,
                                           ErrorLog& errors);
bool recognises_inference_sim(std::string_view head);
std::unique_ptr<TraceReader> open_inference_sim(LineReader lines, const TraceOptions& options,
                                                ErrorLog& errors);
bool recognises_csv(std::string_view head);
std::unique_ptr<TraceReader> open_csv(LineReader lines, const TraceOptions& options,
                                      ErrorLog& errors);
bool recognises_bailian(std::string_view head);
std::unique_ptr<TraceReader> open_bailian(LineReader lines, const TraceOptions& options,
                                          ErrorLog& errors);
bool recognises_mooncake(std::string_view head);
std::unique_ptr<TraceReader> open_mooncake(LineReader lines, const TraceOptions& options,
                                           ErrorLog& errors);
bool recognises_llmservingsim(std::string_view head);
std::unique_ptr<TraceReader> open_llmservingsim(LineReader lines, const TraceOptions& options,
                                                ErrorLog& errors);
bool recognises_sharegpt(std::string_view head);
std::unique_ptr<TraceReader> open_sharegpt(LineReader lines, const TraceOptions& options,
                                           ErrorLog& errors);
bool recognises_jsonl(std::string_view head);
std::unique_ptr<TraceReader> open_jsonl(LineReader lines, const TraceOptions& options,
                                        ErrorLog& errors);

}  // namespace penstock
