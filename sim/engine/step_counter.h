#pragma once

#include <array>
#include <cstdint>

#include "sim/engine/batch.h"
#include "sim/engine/pace.h"
#include "sim/engine/step_run.h"
#include "sim/metrics/gap_histogram.h"
#include "sim/metrics/recorder.h"
#include "sim/result.h"

namespace penstock {

/// Counts what the steps of one replica do: in its time series, and their time by what bounds it.
class StepCounter {
 public:
  /// `rows`: SpeculativeSpec::rows().
  StepCounter(Recorder& recorder, GapHistogram& gaps, Result& result, StepModel& model,
              std::int64_t rows, const Pace& pace)
      : recorder_(recorder),
        gaps_(gaps),
        result_(result),
        model_(model),
        window_(model.window()),
        rows_(rows),
        pace_(pace) {}

  /// A step with chunks, about to run.
  void count_mixed(const Batch& batch, const StepRun& run, const StepCost& cost);
  /// A run of decode-only steps that has ended; the batch is that of its first step. `gaps`: how
  /// many sequences have got a token a step, whose gaps count.
  void count_decodes(const Batch& batch, const StepRun& run, std::int64_t gaps);
  /// A run of steps in which a rank has no work but that of all; the batch is empty.
  void count_idle(const Batch& batch, const StepRun& run);
  /// Nothing more to count.
  void close();

  std::int64_t busy_ps() const { return busy_ps_; }

 private:
  enum Phase : std::size_t { decode_phase, prefill_phase, mixed_phase };

  /// Decode-only steps of the same sequences. Runs that follow on each other are counted as one.
  struct DecodeRun {
    StepRun run;
    std::int64_t gaps = 0;  ///< as in count_decodes()
    std::int64_t decodes = 0;
    std::int64_t wasted = 0;
    std::int64_t kv_sum = 0;  ///< in the first step, as the batch's
    std::int64_t kv_growth = 0;
    std::int64_t window_sum = 0;
    std::int64_t below_window = 0;

    /// Goes on with these steps, if they are what would follow.
    bool join(const DecodeRun& next);
  };
  void count(const DecodeRun& all, const Together& together);
  /// Counts the run that others might have followed.
  void flush();

  /// Calls visit(first, steps) for the parts of a run that lie in one interval of the recorder, and
  /// for the steps that reach into the next.
  template <typename Visit>
  void by_interval(const StepRun& run, Visit visit);
  /// Of a run of decode-only steps, its steps [first, first + steps).
  void count_part(const DecodeRun& all, const Together& together, std::int64_t first,
                  std::int64_t steps);
  /// What a rank does beside its own work, `own` ps, in steps that last `all` ps.
  static void add_together(const Together& together, std::int64_t steps, std::int64_t own,
                           std::int64_t all, StepCounts& counts);

  /// Steps of decoding with drafts, as if each sequence had decoded one token in each; sums in
  /// units of the Pace.
  struct Verified {
    std::int64_t decodes, wasted, steps, kv, window;
  };
  /// Counts them by the tokens that stay. Sums become whole tokens here; what is left over counts
  /// later.
  void count_drafts(const Verified& given, const Together& together, StepCounts counts,
                    SimTime start, SimTime end);

  Recorder& recorder_;
  GapHistogram& gaps_;
  Result& result_;
  StepModel& model_;
  std::int64_t window_;
  std::int64_t rows_;
  Pace pace_;
  struct LeftOver {
    std::int64_t tokens, pairs, kv, window_pairs, window;
  } left_over_{};
  std::int64_t busy_ps_ = 0;
  DecodeRun open_;                                                   ///< not counted yet
  std::array<std::array<std::int64_t, resource_count>, 3> bound_{};  ///< as Result::bound
};

}  // namespace penstock
