#pragma once

#include <cstdint>
#include <vector>

#include "sim/engine/sequence.h"

namespace penstock {

/// Decoding sequences by the step in which they emit their last token: a ring of steps with a list
/// of members each (through Sequence::finish_previous and finish_next), and a bit for each step
/// that has any. Adding, removing and taking are O(1); finding the next step looks at 64 at once.
///
/// The ring spans the steps between the first and the last finish, and doubles when they outgrow
/// it: 4 bytes a step.
class FinishCalendar {
 public:
  explicit FinishCalendar(SequenceTable& table) : table_(table) { resize(min_steps); }

  bool empty() const { return size_ == 0; }
  /// The earliest finish. Requires !empty().
  std::int64_t first() const { return first_; }

  /// Files a sequence under its finish, which must not change until it is removed.
  void add(Slot slot);
  void remove(Slot slot);
  /// Removes and appends those that finish in step first(), in admission order.
  void take_first(std::vector<Slot>& finished);

 private:
  static constexpr std::size_t min_steps = 1024;

  std::size_t index(std::int64_t step) const { return static_cast<std::size_t>(step) & mask_; }
  void resize(std::size_t steps);
  void grow(std::int64_t span);
  void file(Slot slot);
  /// The steps of `first_` have been emptied: finds the next ones.
  void find_first();

  SequenceTable& table_;
  std::vector<Slot> heads_;         ///< by step modulo the ring's size (a power of two)
  std::vector<std::uint64_t> any_;  ///< a bit per head: the list is not empty
  std::size_t mask_ = 0;
  std::int64_t size_ = 0;
  std::int64_t first_ = 0;  ///< earliest finish
  std::int64_t last_ = 0;   ///< no finish is later
};

}  // namespace penstock
