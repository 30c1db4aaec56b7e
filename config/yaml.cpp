#include "config/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "config/text.h"

// The only reader by yaml-cpp, and by its event interface alone: its node tree drops what we must
// report (a second key of the same name, aliases, the position of empty values).
namespace penstock::config {

namespace {

/// Thrown by our own handler to stop yaml-cpp; the error is reported by then.
struct Stop {};

/// Turns yaml-cpp's marks (0-based, in bytes) into positions in characters. Remembers where it was,
/// so that a file of one very long line takes no square time.
class Places {
 public:
  explicit Places(SourcePtr source) : source_(std::move(source)) {}

  Span at(const YAML::Mark& mark) {
    const long line = mark.line + 1L;
    const std::string_view text = source_->line(line);
    const std::size_t byte =
        std::min(static_cast<std::size_t>(std::max(0, mark.column)), text.size());
    if (line != line_ || byte < byte_) {
      line_ = line;
      byte_ = 0;
      characters_ = 0;
    }
    characters_ += count_characters(text.substr(byte_, byte - byte_));
    byte_ = byte;
    return {source_, line, characters_ + 1, 0};
  }

 private:
  SourcePtr source_;
  long line_ = 0;
  std::size_t byte_ = 0;
  long characters_ = 0;
};

/// Bytes of a quoted scalar as written at the start of `text`, quotes included; npos if no quote
/// closes it (yaml-cpp takes the rest of the file then).
std::size_t quoted_length(std::string_view text) {
  const char quote = text.front();
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '"' || i + 1 == text.size() || text[i + 1] != quote) {
        return i + 1;
      }
      ++i;  // '' stands for one quote
    }
  }
  return std::string_view::npos;
}

/// Builds the tree from yaml-cpp's events.
class Builder : public YAML::EventHandler {
 public:
  Builder(const SourcePtr& source, Reporter& reporter)
      : source_(source), places_(source), reporter_(reporter) {}

  Node take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    Node node;
    node.span = places_.at(mark);
    add(std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Node node;
    node.span = places_.at(mark);
    reporter_.error(node.span, "aliases (`*name`) are not supported", "write the value out");
    add(std::move(node));
  }

  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    Span span = places_.at(mark);
    reporter_.error(span, fmt::format("anchors (`&{}`) are not supported", excerpt(name)),
                    "take it out");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    Node node;
    node.kind = Node::Kind::scalar;
    node.quoted = tag == "!";
    node.text = value;
    node.span = places_.at(mark);
    measure(node, mark);
    check_tag(tag, node.span);
    add(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::sequence, mark, tag);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::map, mark, tag);
  }
  void OnMapEnd() override { close(); }

 private:
  /// A map or list that is being read.
  struct Frame {
    Node node;
    bool has_key = false;
    std::string key;
    Span key_span;
    bool keep = true;  ///< false: the value belongs to a key that was refused
    std::unordered_map<std::string, long> lines;  ///< map: line of each key
  };

  /// Sets the characters to underline: the scalar as written, as far as its first line goes.
  void measure(Node& node, const YAML::Mark& mark) {
    const std::string_view line = source_->line(node.span.line);
    const auto at = static_cast<std::size_t>(std::max(0, mark.column));
    if (at >= line.size()) {
      return;
    }
    const std::string_view rest = line.substr(at);
    if (node.quoted && (rest.front() == '"' || rest.front() == '\'')) {
      const auto offset = static_cast<std::size_t>(rest.data() - source_->text().data());
      const std::size_t length = quoted_length(source_->text().substr(offset));
      if (length == std::string_view::npos) {
        node.span.length = 1;
        reporter_.error(node.span, "a quote is not closed");
        throw Stop{};
      }
      node.span.length = count_characters(rest.substr(0, std::min(length, rest.size())));
    } else if (rest.starts_with(node.text)) {
      node.span.length = count_characters(node.text);
    }
  }

  void check_tag(const std::string& tag, const Span& span) {
    if (!tag.empty() && tag != "?" && tag != "!") {
      reporter_.error(span, fmt::format("tags (`{}`) are not supported", excerpt(tag)),
                      "take it out");
    }
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag) {
    Frame frame;
    frame.node.kind = kind;
    frame.node.span = places_.at(mark);
    frame.node.span.length = 1;
    if (frames_.size() >= max_depth) {
      reporter_.error(frame.node.span, fmt::format("nested more than {} levels deep", max_depth));
      throw Stop{};
    }
    check_tag(tag, frame.node.span);
    frames_.push_back(std::move(frame));
  }

  void close() {
    Node node = std::move(frames_.back().node);
    frames_.pop_back();
    add(std::move(node));
  }

  void add(Node node) {
    if (++nodes_ > max_nodes) {
      reporter_.error(node.span, fmt::format("more than {} values", group_digits(max_nodes)));
      throw Stop{};
    }
    if (frames_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = frames_.back();
    if (frame.node.is_sequence()) {
      frame.node.items.push_back(std::move(node));
    } else if (!frame.has_key) {
      take_key(frame, node);
    } else {
      frame.has_key = false;
      if (frame.keep) {
        frame.node.members.push_back({std::move(frame.key), frame.key_span, std::move(node)});
      }
    }
  }

  void take_key(Frame& frame, const Node& key) {
    frame.has_key = true;
    frame.keep = false;
    if (!key.is_scalar()) {
      reporter_.error(key.span, "a key must be a single word",
                      "this is " + std::string(kind_name(key.kind)));
      return;
    }
    if (key.text == "<<" && !key.quoted) {
      reporter_.error(key.span, "merge keys (`<<`) are not supported", "write the keys out");
      return;
    }
    const auto [at, is_new] = frame.lines.emplace(key.text, key.span.line);
    if (!is_new) {
      reporter_.error(key.span, fmt::format("`{}` is given twice", excerpt(key.text)),
                      fmt::format("first given in line {}", at->second));
      return;
    }
    frame.keep = true;
    frame.key = key.text;
    frame.key_span = key.span;
  }

  SourcePtr source_;
  Places places_;
  Reporter& reporter_;
  std::vector<Frame> frames_;
  std::size_t nodes_ = 0;
  Node root_;
};

/// Text that no editor writes into a YAML file: reported once, at the first such place.
bool check_text(const SourcePtr& source, Reporter& reporter) {
  long line = 1;
  long column = 1;
  std::string_view rest = source->text();
  while (!rest.empty()) {
    const Utf8Char c = decode_utf8(rest);
    const bool control = (c.code < 0x20 && c.code != '\t' && c.code != '\n' && c.code != '\r') ||
                         (c.code >= 0x7F && c.code < 0xA0 && c.code != 0x85);
    if (control || (c.code == 0xFFFD && c.bytes == 1)) {
      const auto byte = static_cast<unsigned char>(rest.front());
      Diagnostic& d = reporter.error({source, line, column, 1}, "not a text file");
      d.source_line.clear();
      d.notes.push_back(fmt::format("byte 0x{:02x} here; a workload file is UTF-8 text", byte));
      return false;
    }
    if (c.code == '\n') {
      ++line;
      column = 0;
    }
    ++column;
    rest.remove_prefix(c.bytes);
  }
  return true;
}

/// yaml-cpp's complaint in words that help; `message` is for the cases that are not known.
std::string syntax_message(const std::string& message) {
  static const std::unordered_map<std::string, std::string> known{
      {"illegal map value", "a `key: value` is not allowed here"},
      {"end of map not found", "this map is not closed or not indented evenly"},
      {"end of map flow not found", "a `{` is not closed"},
      {"end of sequence not found", "this list is not indented evenly"},
      {"end of sequence flow not found", "a `[` is not closed"},
      {"illegal EOF in scalar", "a quote is not closed"},
      {"illegal document indicator in scalar", "a quote is not closed"},
      {"illegal block entry", "a `- item` is not allowed here"},
      {"illegal map key", "a key is not allowed here"},
      {"illegal flow end", "a closing bracket without an opening one"},
      {"unknown token", "this character cannot start a value: put it in quotes"},
  };
  const auto found = known.find(message);
  return found != known.end() ? found->second : "not YAML: " + message;
}

void report_syntax(const SourcePtr& source, const YAML::Exception& e, Reporter& reporter) {
  if (e.mark.is_null()) {
    reporter.error({source, 0, 0, 0}, "not YAML: " + e.msg);
    return;
  }
  Span span = Places(source).at(e.mark);
  const std::string_view line = source->line(span.line);
  const std::size_t tab = line.substr(0, line.find_first_not_of(" \t")).find('\t');
  if (tab != std::string_view::npos) {
    span.column = static_cast<long>(tab) + 1;  // only spaces before it
    span.length = 1;
    reporter.error(span, "a tab cannot indent YAML: use spaces");
  } else {
    reporter.error(span, syntax_message(e.msg));
  }
}

/// Finds out whether a second document follows.
class SecondDocument : public YAML::EventHandler {
 public:
  std::optional<YAML::Mark> start;

  void OnDocumentStart(const YAML::Mark& mark) override {
    start = mark;
    throw Stop{};
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

void refuse_second_document(YAML::Parser& parser, const SourcePtr& source, Reporter& reporter) {
  SecondDocument second;
  try {
    parser.HandleNextDocument(second);
  } catch (const Stop&) {
    reporter.error(Places(source).at(*second.start), "a second YAML document starts here",
                   "one file is one workload");
  }
}

}  // namespace

const Node* Node::find(std::string_view key) const {
  for (const Member& member : members) {
    if (member.key == key) {
      return &member.value;
    }
  }
  return nullptr;
}

Node* Node::find(std::string_view key) { return const_cast<Node*>(std::as_const(*this).find(key)); }

std::string_view kind_name(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::scalar:
      return "a single value";
    case Node::Kind::sequence:
      return "a list";
    case Node::Kind::map:
      break;
  }
  return "a map";
}

std::optional<Node> parse_yaml(const SourcePtr& source, Reporter& reporter) {
  return parse_yaml(std::string(source->text()), source, reporter);
}

std::optional<Node> parse_yaml(const std::string& text, const SourcePtr& source,
                               Reporter& reporter) {
  if (!check_text(source, reporter)) {
    return std::nullopt;
  }
  Builder builder(source, reporter);
  try {
    std::istringstream in(text);
    YAML::Parser parser(in);
    parser.HandleNextDocument(builder);
    refuse_second_document(parser, source, reporter);
    return builder.take();
  } catch (const Stop&) {
  } catch (const YAML::Exception& e) {
    report_syntax(source, e, reporter);
  } catch (const std::exception& e) {
    reporter.error({source, 0, 0, 0}, fmt::format("cannot read this as YAML: {}", e.what()));
  }
  return std::nullopt;
}

}  // namespace penstock::config
