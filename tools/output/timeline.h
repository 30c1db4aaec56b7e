#pragma once

#include <cstddef>
#include <string>

#include "sim/metrics/timeline.h"
#include "tools/output/csv.h"
#include "tools/output/run_output.h"

/// A run as a trace for ui.perfetto.dev and chrome://tracing (Trace Event Format, JSON).
namespace penstock::output {

/// Bytes that a trace may have, about; and the steps that are kept for it.
inline constexpr std::size_t most_trace_bytes = 47'500'000;
inline constexpr std::size_t most_trace_steps = 140'000;

/// What of a run its trace shows.
struct TraceWindow {
  SimTime from, to;                ///< of requests' arrivals and of steps' starts
  std::size_t steps = 0;           ///< slices: steps and leaps
  std::size_t requests = 0;        ///< that arrive in it
  std::size_t steps_left_out = 0;  ///< after it
  std::size_t requests_left_out = 0;
};

/// From the timeline's start on, as much as has room.
TraceWindow trace_window(const RunOutput& run, const Timeline& timeline);

/// "timeline: 0 s to 312 s of 470 s, ..."; what was left out and how to see it.
std::string trace_window_text(const RunOutput& run, const TraceWindow& window);

/// Replicas are processes: their steps slices with the batch's composition, requests nested slices
/// (queue, prefill, decode) that flow from the step that first took them to the one that ended
/// them, counters of requests and KV blocks. Events are in the order of time.
void write_trace(const RunOutput& run, const Timeline& timeline, const TraceWindow& window,
                 const Sink& sink);

}  // namespace penstock::output
