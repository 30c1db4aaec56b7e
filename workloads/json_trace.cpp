#include "workloads/json_trace.h"

#include <algorithm>
#include <string>
#include <utility>

namespace penstock {
namespace {

std::string_view first_line(std::string_view head) {
  LineReader lines(head);
  while (lines.next()) {
    const auto begin = lines.line().find_first_not_of(" \t");
    if (begin != std::string_view::npos) {
      return lines.line().substr(begin);
    }
  }
  return {};
}

}  // namespace

bool recognises_json_trace(std::string_view head, std::initializer_list<std::string_view> keys) {
  const std::string_view line = first_line(head);
  return line.starts_with('{') && std::all_of(keys.begin(), keys.end(), [&](std::string_view key) {
           return line.find("\"" + std::string(key) + "\"") != std::string_view::npos;
         });
}

void JsonFields::set(const std::vector<JsonMember>& members) {
  present_ = 0;
  for (const JsonMember& member : members) {
    for (std::size_t i = 0; i < trace_field_count; ++i) {
      if (!member.key.empty() && member.key == names_.names[i] &&
          member.kind != JsonMember::Kind::null) {
        found_[i] = &member;
        present_ |= bit_of(static_cast<TraceField>(i));
        break;
      }
    }
  }
}

NamedField JsonFields::field(TraceField which) const {
  const JsonMember& member = *found_[static_cast<std::size_t>(which)];
  return {member.key, member.text, lines_.span(member)};
}

JsonTraceReader::JsonTraceReader(LineReader lines, const TraceNames& names,
                                 const TraceOptions& options, ErrorLog& errors)
    : json_(std::move(lines)),
      fields_(names, json_),
      builder_(names, options, errors),
      errors_(errors) {}

TraceReader::Outcome JsonTraceReader::read(TraceRow& row) {
  if (const auto outcome = next_line()) {
    return *outcome;
  }
  return build(json_.members(), row);
}

std::optional<TraceReader::Outcome> JsonTraceReader::next_line() {
  if (!json_.next()) {
    if (!std::exchange(finished_, true)) {
      failed_ = report_unread_lines(json_.lines(), errors_);
    }
    return Outcome::end;
  }
  if (!json_.problem().empty()) {
    errors_.add(json_.problem_span(), std::string(json_.problem()));
    return Outcome::bad;
  }
  return std::nullopt;
}

TraceReader::Outcome JsonTraceReader::build(const std::vector<JsonMember>& members, TraceRow& row) {
  fields_.set(members);
  return builder_.build(fields_, row) ? Outcome::row : Outcome::bad;
}

}  // namespace penstock
