#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "sim/core/units.h"
#include "sim/scenario.h"
#include "workloads/arrivals.h"
#include "workloads/error_log.h"
#include "workloads/stream.h"
#include "workloads/trace_input.h"
#include "workloads/trace_scan.h"
#include "workloads/turns.h"

namespace penstock {

/// Which rows of a trace are kept: those of a window in the trace's own time, thinned, at most so
/// many. Takes the rows in order of time.
class TraceCuts {
 public:
  TraceCuts() = default;
  /// Thins with random numbers of `seed`. A folder of clients was drawn for the window already.
  TraceCuts(const TraceSpec& spec, std::uint64_t seed, bool is_drawn);

  bool cuts_time() const { return start_ > SimTime{} || duration_ < SimTime::never(); }
  /// False if every row is kept.
  bool cuts(std::uint64_t rows) const { return cuts_time() || thin_ < 1 || requests_ < rows; }

  enum class Verdict { keep, skip, end };
  /// Of the next row.
  Verdict take(const TraceRow& row);
  /// The row's time in the window.
  SimTime time_of(const TraceRow& row) const { return row.time - start_; }

 private:
  bool survives(const TraceRow& row);

  SimTime start_;
  SimTime duration_ = SimTime::never();
  std::uint64_t requests_ = UINT64_MAX;
  double thin_ = 1;
  std::uint64_t key_ = 0;   // of the thinning
  std::uint64_t seen_ = 0;  // rows of the window
  std::uint64_t kept_ = 0;
};

/// A trace after its cuts, ready to be replayed. The whole file is read and checked before anything
/// runs, so that all its errors come at once; then it is read again while it is replayed, so that
/// none of it need be kept.
struct ReplayTrace {
  TraceInput input;
  TraceOptions options;
  TraceScan scan;
  TraceCuts cuts;
  std::uint64_t requests = 0;  ///< rows that are kept
  SimTime last;                ///< arrival of the last one; 0 if an arrival process decides
  bool has_arrivals = false;   ///< an arrival process decides; the trace's times only cut
};

/// Reads a trace and cuts it: rows of the window [start, start + duration) in the trace's own
/// time, each kept with the probability `thin` (a session's rows all or none), at most `requests`
/// of them; then the window's start becomes 0, and times and delays are divided by rate_scale, each
/// rounded to a picosecond.
///
/// Requires a format that exists, start >= 0, rate_scale > 0. Errors, an empty window among them,
/// go to the log; the result then means nothing. `notes` gets what people should know of the trace.
ReplayTrace load_replay(const TraceSpec& spec, std::uint64_t seed, TraceInput input,
                        ErrorLog& errors, std::vector<std::string>& notes);

/// The requests of a trace. Rows with a delay come that long after the answers before in their
/// session (TurnQueue), the others at their own time. Where an arrival process decides, it does so
/// for those others, in the order of the trace; a turn then comes no earlier than the requests that
/// stand before it.
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
  bool next_row(TraceRow& row);
  SimTime next_timed() const;
  SimTime scaled(SimTime time) const;
  Request request_of(const TraceRow& row) const;

  OrderedTrace rows_;
  TraceCuts cuts_;
  std::unique_ptr<ArrivalProcess> arrivals_;
  bool follows_answers_;  // the trace has delays
  double rate_scale_;
  std::uint64_t left_;  // rows to be read
  bool has_next_ = false;
  Request next_;       // the next one with a time of its own, which is:
  SimTime next_time_;  // (unless arrivals_ decide)
  SimTime now_;        // arrival of the request before
  TurnQueue turns_;
  std::unordered_set<std::uint64_t> clients_;  // sessions that an arrival has begun; looked up only
  std::int32_t priority_;
  std::uint16_t class_index_;
};

}  // namespace penstock
