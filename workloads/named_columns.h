#pragma once

#include <span>
#include <string>
#include <string_view>

#include "sim/scenario.h"
#include "workloads/trace_row.h"

namespace penstock {

/// The columns of a user's own file, CSV or JSONL, by what they hold.
class NamedColumns {
 public:
  /// What a column can hold: the keys of `workload.trace.columns` and `--columns`.
  struct Key {
    std::string_view name;
    TraceField field;
  };
  static std::span<const Key> keys();
  /// The units in which times may be written.
  static std::span<const std::string_view> time_units();

  /// Requires keys and a unit that exist, each at most once, input and output among them.
  explicit NamedColumns(TraceColumns columns);
  NamedColumns(const NamedColumns&) = delete;
  NamedColumns& operator=(const NamedColumns&) = delete;

  const TraceNames& names() const { return names_; }

 private:
  TraceColumns columns_;  // what the names refer to
  TraceNames names_;
};

}  // namespace penstock
