#pragma once

#include <functional>
#include <string_view>

#include "tools/output/run_output.h"

namespace penstock::output {

/// Takes the next piece of a text.
using Sink = std::function<void(std::string_view)>;

/// requests.csv: one row a request in order of arrival. Times in seconds, exact; empty = never.
/// `cost_usd` is fully loaded: the column sums to the bill (if anything was served).
void write_requests_csv(const RunOutput& run, const Sink& sink);

/// timeseries.csv: one row per interval and replica, in that order. `time_s` is where the interval
/// starts; running, waiting and kv are means over it, batch is per step, busy, mfu and mbu shares;
/// compute ... cpu are shares too, of busy time by what bounds it (Resource).
void write_timeseries_csv(const RunOutput& run, const Sink& sink);

/// position.csv: what one more token costs at positions of the context, by arithmetic at the run's
/// saturation. Only its head where there is none.
void write_position_csv(const RunOutput& run, const Sink& sink);

/// ledger.csv: the bill split by each rule; the rows of a rule sum to the bill exactly.
void write_ledger_csv(const RunOutput& run, const Sink& sink);

}  // namespace penstock::output
