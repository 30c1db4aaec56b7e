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
  to.window_pairs += from.window_pairs;
  to.window_read += from.window_read;
  to.expert_bytes += from.expert_bytes;
  to.all_tokens += from.all_tokens;
  to.flop_time += from.flop_time;
  to.byte_time += from.byte_time;
  to.preemptions += from.preemptions;
  for (std::size_t r = 0; r < resource_count; ++r) {
    to.bound[r] += from.bound[r];
  }
}

/// ps as 1/1024 ps.
std::int64_t units(double ps) { return static_cast<std::int64_t>(ps * 1024 + 0.5); }

}  // namespace

Recorder::Recorder(SimTime interval, const PeakTimes& peak, int replicas)
    : peak_{units(peak.token_flop),      units(peak.row_flop),      units(peak.pair_flop),
            units(peak.step_bytes),      units(peak.head_bytes),    units(peak.token_bytes),
            units(peak.row_bytes),       units(peak.kv_bytes),      units(peak.window_pair_flop),
            units(peak.window_kv_bytes), units(peak.sequence_bytes)},
      interval_(interval > SimTime{} ? interval : SimTime::from_seconds(1)),
      most_intervals_(
          std::clamp<std::size_t>(max_intervals_of_all / static_cast<std::size_t>(replicas), 2,
                                  interval > SimTime{} ? max_fixed_intervals : max_intervals)) {
  result_.series.resize(1);
}

SeriesPoint& Recorder::move_to(SimTime now) {
  auto index = static_cast<std::size_t>(now.ps / interval_.ps);
  while (index >= most_intervals_) {
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
    blocks_ += risen_;
    here.blocks_ps += static_cast<Int128>(blocks_) * span - risen_before_;
    here.busy_ps += busy_ ? span : 0;
    risen_ = 0;
    risen_before_ = 0;
    last_ = end;
  }
}

void Recorder::count_waiting(SimTime from, SimTime to) {
  while (from < to) {
    SeriesPoint& here = point(from);
    const SimTime end = std::min(to, begin_ + interval_);
    here.waiting_ps += (end - from).ps;
    from = end;
  }
}

void Recorder::count_steps(SimTime start, SimTime end, const StepCounts& counts) {
  SeriesPoint& here = point(start);
  here.steps += counts.steps;
  here.sequences += counts.sequences;
  here.tokens += counts.tokens;
  here.all_tokens += counts.all_tokens;
  here.rows += counts.rows;
  here.sampling_steps += counts.sampling_steps;
  here.pairs += counts.pairs;
  here.kv_read += counts.kv_read;
  here.window_pairs += counts.window_pairs;
  here.window_read += counts.window_read;
  here.expert_bytes += counts.expert_bytes;
  for (std::size_t r = 0; r < resource_count; ++r) {
    here.bound[r] += counts.bound[r];
  }
  if (end > begin_ + interval_) {
    share_work(start, end, counts);
  }
}

template <typename Counts>
Int128 Recorder::flop_time(const Counts& counts) const {
  return static_cast<Int128>(counts.tokens) * peak_.token_flop +
         static_cast<Int128>(counts.rows) * peak_.row_flop +
         static_cast<Int128>(counts.pairs) * peak_.pair_flop +
         static_cast<Int128>(counts.window_pairs) * peak_.window_pair_flop;
}

template <typename Counts>
Int128 Recorder::byte_time(const Counts& counts) const {
  return static_cast<Int128>(counts.steps) * peak_.step_bytes +
         static_cast<Int128>(counts.sampling_steps) * peak_.head_bytes +
         static_cast<Int128>(counts.all_tokens) * peak_.token_bytes +
         static_cast<Int128>(counts.rows) * peak_.row_bytes +
         static_cast<Int128>(counts.kv_read) * peak_.kv_bytes +
         static_cast<Int128>(counts.window_read) * peak_.window_kv_bytes +
         static_cast<Int128>(counts.sequences) * peak_.sequence_bytes +
         static_cast<Int128>(counts.expert_bytes) * units(1);
}

void Recorder::share_work(SimTime start, SimTime end, const StepCounts& counts) {
  // The counts stay where the step starts; finish() makes all their work there, so take it away.
  const Int128 flop = flop_time(counts);
  const Int128 bytes = byte_time(counts);
  point(start).flop_time -= flop;
  point(start).byte_time -= bytes;
  share_bound(start, end, counts.bound);
  // Cumulative shares: the same sums however the intervals are cut.
  Int128 flop_given = 0;
  Int128 byte_given = 0;
  for (SimTime from = start; from < end;) {
    SeriesPoint& here = point(from);
    const SimTime to = std::min(end, begin_ + interval_);
    const Int128 done = (to - start).ps;
    const Int128 flop_upto = flop * done / (end - start).ps;
    const Int128 byte_upto = bytes * done / (end - start).ps;
    here.flop_time += flop_upto - flop_given;
    here.byte_time += byte_upto - byte_given;
    flop_given = flop_upto;
    byte_given = byte_upto;
    from = to;
  }
}

void Recorder::share_bound(SimTime start, SimTime end,
                           const std::array<std::int64_t, resource_count>& bound) {
  for (std::size_t r = 0; r < resource_count; ++r) {
    point(start).bound[r] -= bound[r];
    std::int64_t given = 0;
    for (SimTime from = start; from < end && bound[r] > 0;) {
      SeriesPoint& here = point(from);
      const SimTime to = std::min(end, begin_ + interval_);
      const Int128 upto = static_cast<Int128>(bound[r]) * (to - start).ps / (end - start).ps;
      here.bound[r] += static_cast<std::int64_t>(upto) - given;
      given = static_cast<std::int64_t>(upto);
      from = to;
    }
  }
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
  for (SeriesPoint& p : result_.series) {
    p.flop_time += flop_time(p);
    p.byte_time += byte_time(p);
    add(result_.total, p);
  }
  return std::move(result_);
}

}  // namespace penstock
