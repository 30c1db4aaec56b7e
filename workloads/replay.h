#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/core/units.h"
#include "sim/scenario.h"
#include "workloads/arrivals.h"
#include "workloads/error_log.h"
#include "workloads/stream.h"
#include "workloads/trace_input.h"
#include "workloads/trace_scan.h"

namespace penstock {

/// A trace after its cuts, ready to be replayed. The whole file is read and checked before anything
/// runs, so that all its errors come at once; then it is read again while it is replayed, so that
/// none of it need be kept.
struct ReplayTrace {
  TraceInput input;
  TraceOptions options;
  TraceScan scan;
  std::uint64_t requests = 0;  ///< rows that are kept
  SimTime last;                ///< arrival of the last one; 0 if an arrival process decides
  bool has_arrivals = false;   ///< an arrival process decides; the trace's times only cut
};

/// Reads a trace and cuts it: rows of the window [start, start + duration) in the trace's own
/// time, at most `requests` of them; then the window's start becomes 0, and times are divided by
/// rate_scale, each rounded to a picosecond.
///
/// Requires a format that exists, start >= 0, rate_scale > 0. Errors, an empty window among them,
/// go to the log; the result then means nothing. `notes` gets what people should know of the trace.
ReplayTrace load_replay(const TraceSpec& spec, TraceInput input, ErrorLog& errors,
                        std::vector<std::string>& notes);

/// The requests of a trace.
class ReplayStream final : public RequestStream {
 public:
  /// `arrivals`: null if the trace's own times decide; else an arrival for each row, at least.
  /// Throws TraceChanged, as pop() does.
  ReplayStream(const TraceSpec& spec, const ReplayTrace& trace, const ClassSpec& class_spec,
               std::uint16_t class_index, std::unique_ptr<ArrivalProcess> arrivals);

  SimTime next_arrival() const override;
  Request pop() override;
  void on_departure(const Departure& departure) override;

 private:
  void advance();

  OrderedTrace rows_;
  std::unique_ptr<ArrivalProcess> arrivals_;
  SimTime start_;
  double rate_scale_;
  std::uint64_t left_;  // rows to come
  TraceRow row_;        // the next one, if any are left
  std::int32_t priority_;
  std::uint16_t class_index_;
};

}  // namespace penstock
