#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/report.h"

namespace penstock::config {

struct Member;

/// A piece of a YAML text and where it stands. Scalars are kept as written: turning them into
/// numbers is the schema's business, never YAML's (`no`, `1_000`, `.nan`, `012` are just text).
struct Node {
  enum class Kind { null, scalar, sequence, map };

  Kind kind = Kind::null;
  bool quoted = false;          ///< scalar in quotes or a block: never a number
  std::string text;             ///< scalar
  std::vector<Node> items;      ///< sequence
  std::vector<Member> members;  ///< map, in the order of the file, keys unique
  Span span;

  bool is_null() const { return kind == Kind::null; }
  bool is_scalar() const { return kind == Kind::scalar; }
  bool is_sequence() const { return kind == Kind::sequence; }
  bool is_map() const { return kind == Kind::map; }
  /// The value of `key`, or null.
  const Node* find(std::string_view key) const;
  Node* find(std::string_view key);
};

struct Member {
  std::string key;
  Span key_span;
  Node value;
};

/// Longest file that is read.
inline constexpr std::size_t max_source_bytes = std::size_t{16} << 20U;
/// Deepest nesting that is accepted.
inline constexpr std::size_t max_depth = 24;

/// Reads a whole file. Reports at `span` (where the path was given; may be without a source) when
/// it is missing, a folder, unreadable or too long. `shown` is the path as the user spelled it.
SourcePtr read_source(const std::string& path, const std::string& shown, const Span& span,
                      Reporter& reporter);

/// Most values that a text may hold.
inline constexpr std::size_t max_nodes = 500'000;

/// Parses one YAML document. Nothing is returned where the text is not YAML at all; duplicate keys,
/// merge keys, anchors, aliases, tags and a second document are reported too, and parsing goes on.
/// Ensures: no exception leaves, nesting is at most max_depth.
std::optional<Node> parse_yaml(const SourcePtr& source, Reporter& reporter);

/// As above, of a text that is part of what the user wrote: positions in `text` are positions in
/// `shown` (`--set path=value`: the value, with blanks in the place of the rest).
std::optional<Node> parse_yaml(const std::string& text, const SourcePtr& shown, Reporter& reporter);

/// As people call it: "a list", "a map", "text", "nothing".
std::string_view kind_name(Node::Kind kind);

}  // namespace penstock::config
