#include "config/section.h"

#include <algorithm>
#include <cmath>

#include "config/text.h"

namespace penstock::config {

namespace {

bool in_range(const Key& key, double value) {
  return value <= key.max && (key.above_min ? value > key.min : value >= key.min);
}

std::optional<Quantity> read_number(const Node& node, const Key& key) {
  Quantity q = parse_quantity(node.text, key.unit);
  if (!q.ok() || !in_range(key, q.value) || (node.quoted && key.unit == Unit::count)) {
    return std::nullopt;
  }
  return q;
}

std::optional<std::int64_t> read_whole(const Node& node, const Key& key) {
  const Whole whole = parse_whole(node.text);
  if (!whole.ok() || node.quoted || !in_range(key, static_cast<double>(whole.value))) {
    return std::nullopt;
  }
  return whole.value;
}

}  // namespace

const Node* Section::find(std::string_view key) const {
  return node_ != nullptr ? node_->find(key) : nullptr;
}

const Node* Section::scalar(std::string_view key, Scalar kind, const Key** row) const {
  const Node* node = find(key);
  *row = find_key(schema_, prefix_, key);
  if (node == nullptr || !node->is_scalar() || *row == nullptr || (*row)->scalar != kind ||
      !(*row)->later.empty()) {
    return nullptr;
  }
  return node;
}

std::optional<std::string> Section::text(std::string_view key) const {
  const Key* row = nullptr;
  const Node* node = scalar(key, Scalar::text, &row);
  if (node == nullptr || node->text.empty() || node->text.size() > 4096) {
    return std::nullopt;
  }
  return node->text;
}

std::optional<bool> Section::boolean(std::string_view key) const {
  const Key* row = nullptr;
  const Node* node = scalar(key, Scalar::boolean, &row);
  if (node == nullptr || node->quoted || (node->text != "true" && node->text != "false")) {
    return std::nullopt;
  }
  return node->text == "true";
}

std::optional<std::int64_t> Section::whole(std::string_view key) const {
  const Key* row = nullptr;
  const Node* node = scalar(key, Scalar::whole, &row);
  return node != nullptr ? read_whole(*node, *row) : std::nullopt;
}

std::optional<Quantity> Section::quantity(std::string_view key) const {
  const Key* row = nullptr;
  const Node* node = scalar(key, Scalar::number, &row);
  return node != nullptr ? read_number(*node, *row) : std::nullopt;
}

std::optional<double> Section::number(std::string_view key) const {
  const std::optional<Quantity> q = quantity(key);
  return q ? std::optional(q->value) : std::nullopt;
}

std::optional<SimTime> Section::time(std::string_view key) const {
  const std::optional<double> ps = number(key);
  return ps ? std::optional(SimTime{std::llround(*ps)}) : std::nullopt;
}

std::optional<std::string_view> Section::choice(std::string_view key) const {
  const Key* row = nullptr;
  const Node* node = scalar(key, Scalar::choice, &row);
  if (node == nullptr) {
    return std::nullopt;
  }
  const std::vector<std::string_view> known = split(row->choices, '|');
  const auto found = std::find(known.begin(), known.end(), node->text);
  return found != known.end() ? std::optional(*found) : std::nullopt;
}

std::optional<std::uint64_t> Section::seed(std::string_view key) const {
  const Key* row = nullptr;
  const Node* node = scalar(key, Scalar::seed, &row);
  return node != nullptr && !node->quoted ? parse_seed(node->text) : std::nullopt;
}

Section Section::section(std::string_view key) const {
  return {find(key), join_path(prefix_, key), schema_};
}

std::vector<std::int64_t> Section::wholes(std::string_view key) const {
  std::vector<std::int64_t> values;
  const Node* node = find(key);
  const Key* row = find_key(schema_, prefix_, std::string(key) + "[]");
  if (node != nullptr && node->is_sequence() && row != nullptr) {
    for (const Node& item : node->items) {
      if (const auto value = item.is_scalar() ? read_whole(item, *row) : std::nullopt) {
        values.push_back(*value);
      }
    }
  }
  return values;
}

std::vector<double> Section::numbers(std::string_view key) const {
  std::vector<double> values;
  const Node* node = find(key);
  const Key* row = find_key(schema_, prefix_, std::string(key) + "[]");
  if (node != nullptr && node->is_sequence() && row != nullptr) {
    for (const Node& item : node->items) {
      if (const auto q = item.is_scalar() ? read_number(item, *row) : std::nullopt) {
        values.push_back(q->value);
      }
    }
  }
  return values;
}

std::vector<Section> Section::sections(std::string_view key) const {
  std::vector<Section> result;
  const Node* node = find(key);
  if (node != nullptr && node->is_sequence()) {
    for (const Node& item : node->items) {
      result.emplace_back(&item, join_path(prefix_, key) + "[]", schema_);
    }
  }
  return result;
}

const std::vector<Member>& Section::members() const {
  static const std::vector<Member> none;
  return node_ != nullptr ? node_->members : none;
}

Span Section::span(std::string_view key) const {
  const Node* node = find(key);
  return node == nullptr ? span() : node->is_null() ? key_span(key) : node->span;
}

Span Section::key_span(std::string_view key) const {
  for (const Member& member : members()) {
    if (member.key == key) {
      return member.key_span;
    }
  }
  return span();
}

}  // namespace penstock::config
