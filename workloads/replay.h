#pragma once

#include <cstdint>
#include <vector>

#include "sim/core/units.h"
#include "sim/scenario.h"
#include "workloads/error_log.h"
#include "workloads/line_reader.h"
#include "workloads/stream.h"

namespace penstock {

/// A trace after its cuts, ready to be replayed. The whole file is read and checked before
/// anything runs, so that all its errors come at once; 16 bytes a row are kept. Traces of 10
/// million rows will be streamed (issue 5).
struct ReplayTrace {
  struct Row {
    SimTime arrival;
    std::uint32_t input_tokens;
    std::uint32_t output_tokens;
  };
  static_assert(sizeof(Row) == 16);

  std::vector<Row> rows;  ///< those that are kept, in order of arrival
  std::uint64_t rows_in_file = 0;
  SimTime span_of_file;  ///< time of the last row in the file
};

/// Reads a trace and cuts it: rows of the window [start, start + duration) in the trace's own
/// time, at most `requests` of them; then the window's start becomes 0, and times are divided by
/// rate_scale, each rounded to a picosecond.
///
/// Requires a format that exists, start >= 0, rate_scale > 0. Errors, an empty window among them,
/// go to the log; the rows then mean nothing.
ReplayTrace load_replay(const TraceSpec& spec, LineReader lines, ErrorLog& errors);

/// Keeps each row with this probability, by the stream "thin": a trace of fewer users, whose bursts
/// are smaller, while a slower one (rate_scale < 1) has the same bursts, drawn out. False if none
/// is left.
bool thin_trace(ReplayTrace& trace, double probability, std::uint64_t seed);

/// The requests of a trace.
class ReplayStream final : public RequestStream {
 public:
  ReplayStream(ReplayTrace trace, const ClassSpec& spec, std::uint16_t class_index);

  SimTime next_arrival() const override;
  Request pop() override;

 private:
  ReplayTrace trace_;
  std::size_t at_ = 0;
  std::int32_t priority_;
  std::uint16_t class_index_;
};

}  // namespace penstock
