#pragma once

#include <array>
#include <cstdint>

#include "sim/engine/batch.h"
#include "sim/engine/pace.h"
#include "sim/engine/step_run.h"
#include "sim/metrics/recorder.h"
#include "sim/result.h"

namespace penstock {

/// Counts what the steps of one replica do: in its time series, and their time by what bounds it.
class StepCounter {
 public:
  /// `rows`: SpeculativeSpec::rows().
  StepCounter(Recorder& recorder, Result& result, StepModel& model, std::int64_t rows,
              const Pace& pace)
      : recorder_(recorder),
        result_(result),
        model_(model),
        window_(model.window()),
        rows_(rows),
        pace_(pace) {}

  /// A step with chunks, about to run.
  void count_mixed(const Batch& batch, const StepRun& run, const StepCost& cost);
  /// A run of decode-only steps that has ended; the batch is that of its first step.
  void count_decodes(const Batch& batch, const StepRun& run, const DecodeCost& decode);
  /// A run of steps in which a rank has no work but that of all; the batch is empty.
  void count_idle(const Batch& batch, const StepRun& run);
  /// Adds the times by resource to the result.
  void close();

  std::int64_t busy_ps() const { return busy_ps_; }

 private:
  enum Phase : std::size_t { decode_phase, prefill_phase, mixed_phase };

  /// Calls visit(first, steps) for the parts of a run that lie in one interval of the recorder, and
  /// for the steps that reach into the next.
  template <typename Visit>
  void by_interval(const StepRun& run, Visit visit);
  /// Of a run of decode-only steps, its steps [first, first + steps).
  void count_part(const Batch& batch, const StepRun& run, const DecodeCost& decode,
                  std::int64_t first, std::int64_t steps);
  /// What a rank does beside its own work, `own` ps, in steps that last `all` ps.
  static void add_together(const Together& together, std::int64_t steps, std::int64_t own,
                           std::int64_t all, StepCounts& counts);

  /// With drafts: counts `steps` steps, given as if each sequence had decoded one token in them, by
  /// the tokens that stay. Sums, in units of the Pace, become whole tokens here; what is left over
  /// counts later.
  void count_drafts(const Batch& batch, std::int64_t steps, std::int64_t kv_units,
                    std::int64_t window_units, StepCounts counts, SimTime start, SimTime end);

  Recorder& recorder_;
  Result& result_;
  StepModel& model_;
  std::int64_t window_;
  std::int64_t rows_;
  Pace pace_;
  struct LeftOver {
    std::int64_t tokens, pairs, kv, window_pairs, window;
  } left_over_{};
  std::int64_t busy_ps_ = 0;
  std::array<std::array<std::int64_t, resource_count>, 3> bound_{};  ///< as Result::bound
};

}  // namespace penstock
