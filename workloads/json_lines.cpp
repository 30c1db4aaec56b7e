#include "workloads/json_lines.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace penstock {
namespace {

namespace ondemand = simdjson::ondemand;

std::string_view without_blanks_behind(std::string_view text) {
  const auto last = text.find_last_not_of(" \t\r\n");
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

/// What simdjson calls an error, for people.
std::string_view name_of(simdjson::error_code error) {
  switch (error) {
    case simdjson::INCORRECT_TYPE:
      return "not a JSON object";
    case simdjson::UNCLOSED_STRING:
      return "a text is not closed on its line";
    case simdjson::UTF8_ERROR:
      return "no valid UTF-8";
    case simdjson::INCOMPLETE_ARRAY_OR_OBJECT:
      return "the line does not end with its JSON object";
    default:
      return "no valid JSON";
  }
}

simdjson::error_code take(ondemand::value value, const char* start, JsonMember& member) {
  ondemand::json_type type{};
  if (const auto error = value.type().get(type)) {
    return error;
  }
  std::string_view raw;
  simdjson::error_code error = simdjson::SUCCESS;
  if (type == ondemand::json_type::array) {
    ondemand::array array;
    member.kind = JsonMember::Kind::array;
    error = value.get_array().get(array);
    error = error ? error : array.raw_json().get(raw);
  } else if (type == ondemand::json_type::object) {
    ondemand::object object;
    member.kind = JsonMember::Kind::object;
    error = value.get_object().get(object);
    error = error ? error : object.raw_json().get(raw);
  } else {
    raw = value.raw_json_token();
    const bool is_null = type == ondemand::json_type::null;
    member.kind = is_null ? JsonMember::Kind::null : JsonMember::Kind::other;
  }
  raw = without_blanks_behind(raw);
  member.text = raw;
  if (!error && type == ondemand::json_type::string) {
    member.kind = JsonMember::Kind::text;
    error = value.get_string().get(member.text);
  }
  member.begin = static_cast<std::size_t>(raw.data() - start);
  member.end = member.begin + raw.size();
  return error;
}

/// The members of an object whose text starts at `start`.
simdjson::error_code take_all(ondemand::object object, const char* start,
                              std::vector<JsonMember>& members) {
  for (auto entry : object) {
    ondemand::field field;
    if (const auto error = std::move(entry).get(field)) {
      return error;
    }
    JsonMember member;
    if (const auto error = field.unescaped_key().get(member.key)) {
      return error;
    }
    if (const auto error = take(field.value(), start, member)) {
      return error;
    }
    members.push_back(member);
  }
  return simdjson::SUCCESS;
}

}  // namespace

/// Two parsers, so that arrays of a line can be taken apart while its members are in use.
struct JsonLines::Parser {
  ondemand::parser line_parser;
  ondemand::parser part_parser;
  std::vector<char> line_text;  // with room behind, as simdjson wants it
  std::vector<char> part_text;

  /// A copy of `text` with that room.
  static simdjson::padded_string_view padded(std::vector<char>& to, std::string_view text) {
    const std::size_t wanted = text.size() + simdjson::SIMDJSON_PADDING;
    if (to.size() < wanted) {
      to.resize(2 * wanted);
    }
    std::memcpy(to.data(), text.data(), text.size());
    std::memset(to.data() + text.size(), ' ', simdjson::SIMDJSON_PADDING);
    return simdjson::padded_string_view(to.data(), text.size(), to.size());
  }
};

JsonLines::JsonLines(LineReader lines)
    : lines_(std::move(lines)), parser_(std::make_unique<Parser>()) {}
JsonLines::~JsonLines() = default;
JsonLines::JsonLines(JsonLines&&) noexcept = default;
JsonLines& JsonLines::operator=(JsonLines&&) noexcept = default;

bool JsonLines::next() {
  do {
    if (!lines_.next()) {
      return false;
    }
  } while (without_blanks_behind(lines_.line()).empty());
  members_.clear();
  problem_ = {};
  problem_begin_ = 0;
  const auto text = Parser::padded(parser_->line_text, lines_.line());
  ondemand::document document;
  ondemand::object object;
  simdjson::error_code error = parser_->line_parser.iterate(text).get(document);
  const bool is_open = !error;
  error = error ? error : document.get_object().get(object);
  error = error ? error : take_all(object, text.data(), members_);
  const char* at = text.data();
  if (!error && !document.current_location().get(at)) {
    error = simdjson::TRAILING_CONTENT;
  }
  if (error) {
    problem_ = error == simdjson::TRAILING_CONTENT ? "text after the JSON object" : name_of(error);
    if (is_open && !document.current_location().get(at)) {
      problem_begin_ = std::min(static_cast<std::size_t>(at - text.data()), text.size());
    }
  }
  return true;
}

bool JsonLines::split(const JsonMember& array, std::vector<std::vector<JsonMember>>& objects) {
  objects.clear();
  ondemand::document document;
  ondemand::array elements;
  const auto text = Parser::padded(parser_->part_text, array.text);
  simdjson::error_code error = parser_->part_parser.iterate(text).get(document);
  error = error ? error : document.get_array().get(elements);
  if (!error) {
    for (auto element : elements) {
      ondemand::object object;
      error = element.get_object().get(object);
      objects.emplace_back();
      error = error ? error : take_all(object, text.data(), objects.back());
      if (error) {
        break;
      }
      for (JsonMember& member : objects.back()) {
        member.begin += array.begin;
        member.end += array.begin;
      }
    }
  }
  if (error) {
    problem_ = "not an array of JSON objects";
    problem_begin_ = array.begin;
  }
  return !error;
}

bool JsonLines::open(const JsonMember& object, std::vector<JsonMember>& members) {
  members.clear();
  ondemand::document document;
  ondemand::object inside;
  const auto text = Parser::padded(parser_->part_text, object.text);
  simdjson::error_code error = parser_->part_parser.iterate(text).get(document);
  error = error ? error : document.get_object().get(inside);
  error = error ? error : take_all(inside, text.data(), members);
  return !error;
}

TextSpan JsonLines::problem_span() const {
  return {lines_.line(), lines_.number(), problem_begin_, lines_.line().size()};
}

TextSpan JsonLines::row_span() const {
  return {lines_.line(), lines_.number(), 0, lines_.line().size()};
}

TextSpan JsonLines::span(const JsonMember& member) const {
  return {lines_.line(), lines_.number(), member.begin, member.end};
}

}  // namespace penstock
