#include "workloads/named_columns.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "sim/core/assert.h"
#include "workloads/csv_trace.h"
#include "workloads/json_trace.h"

namespace penstock {
namespace {

constexpr std::array column_keys{
    NamedColumns::Key{"arrival", TraceField::time},
    NamedColumns::Key{"input", TraceField::input},
    NamedColumns::Key{"output", TraceField::output},
    NamedColumns::Key{"session", TraceField::session},
    NamedColumns::Key{"delay", TraceField::delay},
    NamedColumns::Key{"priority", TraceField::priority},
    NamedColumns::Key{"class", TraceField::tenant},
    NamedColumns::Key{"prefix_group", TraceField::prefix_group},
    NamedColumns::Key{"prefix_tokens", TraceField::prefix_tokens},
    NamedColumns::Key{"hash_ids", TraceField::blocks},
};

constexpr std::array<std::string_view, 5> unit_names{"seconds", "milliseconds", "microseconds",
                                                     "nanoseconds", "timestamp"};
constexpr std::array<TimeNotation, 5> notations{
    seconds_notation, milliseconds_notation, microseconds_notation, nanoseconds_notation,
    TimeNotation{parse_timestamp, "2023-11-16 18:15:46.6805900, with an offset or without"}};

/// A reader, and the columns that it refers to.
class NamedReader final : public TraceReader {
 public:
  NamedReader(LineReader lines, const TraceOptions& options, ErrorLog& errors)
      : columns_(options.columns) {
    const std::size_t first = lines.head().find_first_not_of(" \t\r\n\xEF\xBB\xBF");
    if (lines.head().substr(std::min(first, lines.head().size())).starts_with('{')) {
      reader_ =
          std::make_unique<JsonTraceReader>(std::move(lines), columns_->names(), options, errors);
    } else {
      reader_ = open_csv_trace(std::move(lines), columns_->names(), options, errors);
    }
  }

  bool is_open() const { return reader_ != nullptr; }
  bool failed() const override { return reader_->failed(); }
  std::vector<std::string> notes() const override { return reader_->notes(); }

 private:
  Outcome read(TraceRow& row) override { return read_with(*reader_, row); }

  std::shared_ptr<const NamedColumns> columns_;
  std::unique_ptr<TraceReader> reader_;
};

}  // namespace

std::span<const NamedColumns::Key> NamedColumns::keys() { return column_keys; }

std::span<const std::string_view> NamedColumns::time_units() { return unit_names; }

NamedColumns::NamedColumns(TraceColumns columns) : columns_(std::move(columns)) {
  for (const auto& named : columns_.names) {
    const auto* const found =
        std::find_if(column_keys.begin(), column_keys.end(),
                     [&named](const Key& one) { return one.name == named.first; });
    PENSTOCK_ASSERT(found != column_keys.end());
    names_.names[static_cast<std::size_t>(found->field)] = named.second;
  }
  const auto* const unit = std::find(unit_names.begin(), unit_names.end(), columns_.time_unit);
  PENSTOCK_ASSERT(unit != unit_names.end());
  names_.time = notations[static_cast<std::size_t>(unit - unit_names.begin())];
  // A span of time is no date.
  names_.delay = names_.time.parse == parse_timestamp ? seconds_notation : names_.time;
  names_.time_is_optional = names_.name(TraceField::time).empty();
}

std::unique_ptr<TraceReader> open_named(LineReader lines, const TraceOptions& options,
                                        ErrorLog& errors) {
  auto reader = std::make_unique<NamedReader>(std::move(lines), options, errors);
  return reader->is_open() ? std::move(reader) : nullptr;
}

}  // namespace penstock
