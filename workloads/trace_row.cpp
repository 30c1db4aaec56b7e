#include "workloads/trace_row.h"

#include <string>

#include "workloads/limits.h"

namespace penstock {
namespace {

constexpr std::int64_t most_block_tokens = 1 << 20;
constexpr std::int64_t most_priority = 1'000'000;
constexpr std::int64_t most_turn = 1'000'000'000;

constexpr unsigned session_fields = bit_of(TraceField::session) | bit_of(TraceField::tenant) |
                                    bit_of(TraceField::delay) | bit_of(TraceField::priority) |
                                    bit_of(TraceField::turn);

}  // namespace

// FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/
std::uint64_t hash_of_name(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return hash == 0 ? 1 : hash;
}

TraceRowBuilder::TraceRowBuilder(const TraceNames& names, const TraceOptions& options,
                                 ErrorLog& errors)
    : names_(names),
      errors_(errors),
      checks_(errors, names.starts_at_zero),
      block_tokens_(options.block_tokens > 0 ? options.block_tokens : names.block_tokens) {}

std::optional<NamedField> TraceRowBuilder::given(const TraceFields& fields,
                                                 TraceField which) const {
  if ((present_ & bit_of(which)) == 0) {
    return std::nullopt;
  }
  const NamedField field = fields.field(which);
  return field.text.empty() ? std::nullopt : std::optional(field);
}

bool TraceRowBuilder::build(const TraceFields& fields, TraceRow& row) {
  present_ = fields.present();
  // All of them, so that all errors of a row are told.
  const bool has_good_time = read_time(fields, row);
  const bool has_good_lengths = read_lengths(fields, row);
  const bool has_good_session = (present_ & session_fields) == 0 || read_session(fields, row);
  const bool has_good_prefix = !has_good_lengths || read_prefix(fields, row);
  const bool has_good_blocks = read_blocks(fields, row);
  const bool has_good_content = !has_good_lengths || read_content(fields, row);
  return has_good_time && has_good_lengths && has_good_session && has_good_prefix &&
         has_good_blocks && has_good_content && place(fields, row);
}

bool TraceRowBuilder::read_time(const TraceFields& fields, TraceRow& row) {
  if ((present_ & bit_of(TraceField::time)) == 0) {
    if (!names_.time_is_optional) {
      errors_.add(fields.row_span(), "the row has no " + quoted(names_.name(TraceField::time)));
    }
    return names_.time_is_optional;
  }
  const auto time = checks_.time(fields.field(TraceField::time), names_.time);
  row.time = time.value_or(SimTime{});
  row.has_time = time.has_value();
  return time.has_value();
}

/// The number of tokens in a field that must be there; -1 if it is not, or cannot be read.
std::int64_t TraceRowBuilder::read_length(const TraceFields& fields, TraceField name) {
  if ((present_ & bit_of(name)) == 0) {
    errors_.add(fields.row_span(), "the row has no " + quoted(names_.name(name)));
    return -1;
  }
  const std::int64_t usual = TraceChecks::usual_tokens(fields.text(name));
  return usual >= 0 ? usual : checks_.tokens(fields.field(name)).value_or(-1);
}

bool TraceRowBuilder::read_lengths(const TraceFields& fields, TraceRow& row) {
  row.input_tokens = read_length(fields, TraceField::input);
  row.output_tokens = read_length(fields, TraceField::output);
  return row.input_tokens >= 0 && row.output_tokens >= 0;
}

bool TraceRowBuilder::read_session(const TraceFields& fields, TraceRow& row) {
  if (const auto session = given(fields, TraceField::session)) {
    row.session = session->text;
  }
  if (const auto tenant = given(fields, TraceField::tenant)) {
    row.tenant = tenant->text;
  }
  bool is_good = true;
  if (const auto delay = given(fields, TraceField::delay)) {
    const auto span = checks_.span(*delay, names_.delay);
    is_good = span.has_value();
    row.delay = span.value_or(SimTime::never());
  }
  if (const auto priority = given(fields, TraceField::priority)) {
    const auto value = checks_.whole(*priority, -most_priority, most_priority, "a priority");
    is_good = is_good && value.has_value();
    row.priority = static_cast<std::int32_t>(value.value_or(0));
  }
  if (const auto turn = given(fields, TraceField::turn)) {
    const auto value = checks_.whole(*turn, 0, most_turn, "the number of a turn");
    is_good = is_good && value.has_value();
    row.turn = value.value_or(-1);
  }
  return is_good;
}

bool TraceRowBuilder::read_prefix(const TraceFields& fields, TraceRow& row) {
  const auto tokens = given(fields, TraceField::prefix_tokens);
  if (!tokens) {
    return true;
  }
  const auto shared = checks_.tokens(*tokens);
  if (!shared) {
    return false;
  }
  row.input_tokens += names_.prefix_is_extra ? *shared : 0;
  if (row.input_tokens > max_request_tokens || *shared > row.input_tokens) {
    errors_.add(tokens->at, std::string(tokens->column) + " " + quoted(tokens->text) +
                                " does not go with an input of " +
                                grouped(static_cast<std::uint64_t>(row.input_tokens)) + " tokens");
    return false;
  }
  const auto group = given(fields, TraceField::prefix_group);
  if (group && *shared > 0) {
    row.prefix_group = group->text;
    row.prefix_tokens = *shared;
  }
  return true;
}

bool TraceRowBuilder::read_blocks(const TraceFields& fields, TraceRow& row) {
  const auto blocks = given(fields, TraceField::blocks);
  if (!blocks) {
    return true;
  }
  row.block_tokens = block_tokens_;
  if (const auto size = given(fields, TraceField::block_tokens)) {
    const auto tokens = checks_.whole(*size, 1, most_block_tokens, "a number of tokens");
    if (!tokens) {
      return false;
    }
    row.block_tokens = *tokens;
  }
  if (row.block_tokens == 0) {
    errors_.add(blocks->at,
                std::string(blocks->column) + " without the number of tokens in a block");
    return false;
  }
  const bool is_good = checks_.ids(*blocks, blocks_);
  row.blocks = blocks_;
  return is_good;
}

bool TraceRowBuilder::read_content(const TraceFields& fields, TraceRow& row) {
  const auto content = given(fields, TraceField::content);
  if (!content) {
    return true;
  }
  if (!checks_.content(*content, row.input_tokens + row.output_tokens, content_)) {
    return false;
  }
  row.content = content_;
  return true;
}

/// Finds the time of a turn that has none, and sees to it that all rows have one or none has.
bool TraceRowBuilder::place(const TraceFields& fields, TraceRow& row) {
  if (names_.time_is_optional && !row.session.empty()) {
    const std::uint64_t session = hash_of_name(row.session);
    const auto before = last_turn_.find(session);
    if (!row.has_time && before != last_turn_.end()) {
      const Int128 delay = row.delay == SimTime::never() ? 0 : row.delay.ps;
      const auto time =
          checks_.placed(fields.field(TraceField::session), before->second.ps + delay);
      if (!time) {
        return false;
      }
      row.time = *time;
      row.has_time = true;
    }
    if (row.has_time) {
      last_turn_[session] = row.time;
    }
  }
  const bool has_times = has_times_.value_or(row.has_time);
  has_times_ = has_times;
  if (has_times != row.has_time) {
    errors_.add(fields.row_span(), has_times ? "the row has no time, and the first row has one"
                                             : "the row has a time, and the first row has none");
    return false;
  }
  return true;
}

}  // namespace penstock
