#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/schema.h"
#include "sim/core/units.h"

namespace penstock::config {

/// Read access to a map of a checked tree. What is missing, or was refused by check_schema, is
/// simply not there: every getter returns nothing for it and reports nothing.
class Section {
 public:
  /// The map at `prefix` of the schema; `node` may be null or not a map: a section without keys.
  Section(const Node* node, std::string prefix, Schema schema)
      : node_(node != nullptr && node->is_map() ? node : nullptr),
        prefix_(std::move(prefix)),
        schema_(schema) {}

  bool is_given() const { return node_ != nullptr; }
  const Node* node() const { return node_; }
  /// True if the key is there, whatever it holds.
  bool has(std::string_view key) const { return find(key) != nullptr; }
  const Node* find(std::string_view key) const;

  std::optional<std::string> text(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::int64_t> whole(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;
  std::optional<Quantity> quantity(std::string_view key) const;
  std::optional<SimTime> time(std::string_view key) const;
  std::optional<std::string_view> choice(std::string_view key) const;
  std::optional<std::uint64_t> seed(std::string_view key) const;
  Section section(std::string_view key) const;
  /// The items of a list, as far as they are valid.
  std::vector<std::int64_t> wholes(std::string_view key) const;
  std::vector<double> numbers(std::string_view key) const;
  std::vector<Section> sections(std::string_view key) const;
  /// The keys of the map as given.
  const std::vector<Member>& members() const;

  /// Where to point for the value of `key`: it, else this map.
  Span span(std::string_view key) const;
  /// Where to point for the key itself.
  Span key_span(std::string_view key) const;
  Span span() const { return node_ != nullptr ? node_->span : Span{}; }

 private:
  /// The scalar of `key`, if it is one and the schema wants one of this kind.
  const Node* scalar(std::string_view key, Scalar kind, const Key** row) const;

  const Node* node_;
  std::string prefix_;
  Schema schema_;
};

}  // namespace penstock::config
