#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

#include "sim/engine/finish_calendar.h"
#include "sim/engine/longest_context.h"
#include "sim/engine/pace.h"
#include "sim/engine/remaining_output.h"
#include "sim/engine/sequence.h"
#include "sim/kv/block_size.h"

namespace penstock {

/// All decoding sequences of a replica as sums that a step needs, so that a step costs the same
/// for 1 and for 1,024 of them.
///
/// Every member grows by one token a step, together, so every order among them is static: the
/// longest context is the largest `base`, the next to finish has the smallest finish, and
/// which of them need a new block in step s is one entry of a histogram of base mod block_size.
/// Members change only by join() and leave(). With a Pace, lengths and their sums are in its units,
/// and a step adds `advance` of them to each.
class DecodeSet {
 public:
  /// `running` holds all members, whenever kv_max() is asked.
  /// `window`: see StepModel::window(); 0 = none. `overshoots`: members may stay for a step after
  /// their last.
  DecodeSet(SequenceTable& table, const RunningList& running, std::int64_t block_size,
            std::int64_t window = 0, bool overshoots = false, const Pace& pace = {});

  /// Of sequences that decode, those of this lane are members.
  void set_lane(std::uint16_t lane) { lane_ = lane; }
  std::int64_t size() const { return size_; }
  /// Members whose token gaps count.
  std::int64_t measured() const { return measured_; }
  /// Sum of the members' KV lengths in step `step`, the token of that step included.
  std::int64_t kv_sum(std::int64_t step) const { return base_sum_ + growth_ * step; }
  /// By how much it grows a step.
  std::int64_t growth() const { return growth_; }
  /// Sum of the KV lengths of members and kept rows in step `step`, each cut at the window; 0
  /// without one. Requires that all who reach it before have crossed.
  std::int64_t window_sum(std::int64_t step) const {
    return below_base_sum_ + below_growth_ * step + (size_ + kept_rows_ - below_) * window_;
  }
  bool has_window() const { return window_ > 0; }
  /// By how much it grows a step: members shorter than the window do.
  std::int64_t below_window() const { return below_growth_; }
  /// The first step in which a member reaches the window; INT64_MAX if there is none.
  std::int64_t next_crossing();
  /// Takes out one member that reaches the window in step `step` or before; no_slot: none is left.
  Slot cross(std::int64_t step);
  /// Members that need a new block in step `step`.
  std::int64_t blocks_needed(std::int64_t step) const {
    return residues_[residue(1 - pace_.advance * step)];
  }
  /// The longest KV length in step `step`, not earlier than that of the last call. Requires
  /// size() > 0.
  std::int64_t kv_max(std::int64_t step);
  /// The earliest finish of a member. Requires size() > 0.
  std::int64_t first_finish() const { return finishes_.first(); }

  /// `table[slot].base` must be set; the state becomes decoding, from step `first` on.
  void join(Slot slot, std::int64_t first = 0);
  /// Takes a member out before its end; the caller sets its new state.
  void leave(Slot slot);
  /// Takes out all members whose finish is `step`, in admission order; they are draining.
  void take_finished(std::int64_t step, std::vector<Slot>& finished);
  /// The members whose finish is `step`, in admission order, stay until they leave(), as
  /// `last_in_flight`.
  void expect_finished(std::int64_t step, std::vector<Slot>& finished);
  /// One of those leaves, its last step over.
  void leave_late(Slot slot);

  /// A member that has finished keeps its row, which goes on reading as before, until it drops it.
  /// Only windows are counted here.
  void keep_row(Slot slot);
  void drop_row(Slot slot);

  /// Counts the tokens that members have yet to emit, each up to `clip`, from now on.
  /// With a Pace, as many as their steps bring in the mean.
  void track_remaining(std::int64_t clip) {
    remaining_.emplace(pace_.steps_for(clip * pace_.unit));
  }
  /// Their sum before step `step`, not earlier than that of the last call. Requires
  /// track_remaining().
  std::int64_t remaining(std::int64_t step) {
    return remaining_->sum(step) * pace_.advance / pace_.unit;
  }

 private:
  std::size_t residue(std::int64_t value) const {
    return static_cast<std::size_t>(block_.rest(value));
  }
  void subtract(const Sequence& sequence);
  /// Counts a sequence among those below the window, or takes it out.
  void count_below(const Sequence& sequence, std::int64_t count);
  bool crosses(const std::pair<std::int64_t, Slot>& crossing) const {
    const Sequence& s = table_[crossing.second];
    return (s.state == SequenceState::decoding || s.keeps_row) && s.below_window &&
           s.lane == lane_ && pace_.steps_for(window_ - s.base) == crossing.first;
  }
  /// With another pace than one: counts a member, or takes it out, under all residues of a step in
  /// which it passes the end of a block.
  void count_passes(const Sequence& sequence, std::int64_t count);

  SequenceTable& table_;
  const RunningList& running_;
  BlockSize block_;
  Pace pace_;
  std::int64_t ahead_;  ///< in units
  std::uint16_t lane_ = 0;
  std::int64_t size_ = 0;
  std::int64_t kept_rows_ = 0;
  std::int64_t growth_ = 0;
  std::int64_t measured_ = 0;
  std::int64_t base_sum_ = 0;
  std::int64_t window_ = 0;
  std::int64_t below_ = 0;
  std::int64_t below_growth_ = 0;
  std::int64_t below_base_sum_ = 0;
  /// (step, slot) of members below the window, and of some that have left.
  std::priority_queue<std::pair<std::int64_t, Slot>, std::vector<std::pair<std::int64_t, Slot>>,
                      std::greater<>>
      crossings_;
  std::vector<std::int64_t> residues_;
  FinishCalendar finishes_;
  LongestContext contexts_;
  bool contexts_stale_ = false;  ///< a member left early: what it outlasted is not known
  bool overshoots_;
  std::optional<RemainingOutput> remaining_;
};

}  // namespace penstock
