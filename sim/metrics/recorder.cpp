#include "sim/metrics/recorder.h"

#include <algorithm>

namespace penstock {

namespace {

void add(SeriesPoint& to, const SeriesPoint& from) {
  to.arrivals += from.arrivals;
  to.completed += from.completed;
  to.running_ps += from.running_ps;
  to.waiting_ps += from.waiting_ps;
  to.blocks_ps += from.blocks_ps;
  to.busy_ps += from.busy_ps;
  to.steps += from.steps;
  to.sequences += from.sequences;
  to.tokens += from.tokens;
  to.rows += from.rows;
  to.sampling_steps += from.sampling_steps;
  to.pairs += from.pairs;
  to.kv_read += from.kv_read;
  to.all_tokens += from.all_tokens;
}

}  // namespace

Recorder::Recorder(SimTime interval)
    : interval_(interval > SimTime{} ? interval : SimTime::from_seconds(1)),
      fixed_(interval > SimTime{}) {
  result_.series.resize(1);
}

SeriesPoint& Recorder::move_to(SimTime now) {
  auto index = static_cast<std::size_t>(now.ps / interval_.ps);
  while (index >= (fixed_ ? max_fixed_intervals : max_intervals)) {
    double_interval();
    index = static_cast<std::size_t>(now.ps / interval_.ps);
  }
  if (index >= result_.series.size()) {
    result_.series.resize(index + 1);
  }
  index_ = index;
  begin_ = {static_cast<std::int64_t>(index) * interval_.ps};
  return result_.series[index];
}

void Recorder::double_interval() {
  std::vector<SeriesPoint>& series = result_.series;
  const std::size_t merged = (series.size() + 1) / 2;
  for (std::size_t i = 0; i < merged; ++i) {
    SeriesPoint sum = series[2 * i];
    if (2 * i + 1 < series.size()) {
      add(sum, series[2 * i + 1]);
    }
    series[i] = sum;
  }
  series.resize(merged);
  interval_ = interval_ * 2;
  index_ /= 2;
  begin_ = {static_cast<std::int64_t>(index_) * interval_.ps};
}

SimTime Recorder::interval_end(SimTime now) {
  point(now);
  return begin_ + interval_;
}

void Recorder::integrate(SimTime now) {
  while (last_ < now) {
    SeriesPoint& here = point(last_);
    const SimTime end = std::min(now, begin_ + interval_);
    const std::int64_t span = (end - last_).ps;
    here.running_ps += static_cast<Int128>(running_) * span;
    here.waiting_ps += static_cast<Int128>(waiting_) * span;
    here.blocks_ps += static_cast<Int128>(blocks_) * span;
    here.busy_ps += busy_ ? span : 0;
    last_ = end;
  }
}

void Recorder::count_steps(SimTime start, const StepCounts& counts) {
  SeriesPoint& here = point(start);
  here.steps += counts.steps;
  here.sequences += counts.sequences;
  here.tokens += counts.tokens;
  here.all_tokens += counts.all_tokens;
  here.rows += counts.rows;
  here.sampling_steps += counts.sampling_steps;
  here.pairs += counts.pairs;
  here.kv_read += counts.kv_read;
}

ReplicaResult Recorder::finish(SimTime end, SimTime interval) {
  advance(end);
  while (interval_ < interval) {
    double_interval();
  }
  // Trailing intervals without events are part of the series too, an empty one at `end` is not.
  const std::int64_t count = std::max<std::int64_t>(1, (end.ps + interval_.ps - 1) / interval_.ps);
  if (result_.series.size() < static_cast<std::size_t>(count)) {
    result_.series.resize(static_cast<std::size_t>(count));
  }
  for (const SeriesPoint& p : result_.series) {
    add(result_.total, p);
  }
  return std::move(result_);
}

}  // namespace penstock
