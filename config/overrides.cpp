#include "config/overrides.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>

#include "config/quantity.h"
#include "config/text.h"

namespace penstock::config {

namespace {

/// A step of a path: a key, or an index into a list.
struct Step {
  std::string key;
  std::optional<std::size_t> index;
  Span span;
  bool must_exist = false;  ///< written with a `?` behind: else the override does nothing
};

class Override {
 public:
  Override(SourcePtr source, Reporter& reporter)
      : source_(std::move(source)), argument_(source_->text()), reporter_(reporter) {}

  void apply(Node& root) {
    const std::size_t equals = argument_.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      reporter_.error(span(0, argument_.size()), "`--set` takes PATH=VALUE",
                      "such as engine.max_num_seqs=128");
      return;
    }
    std::vector<Step> steps;
    if (!parse_path(argument_.substr(0, equals), steps)) {
      return;
    }
    // Blanks in the place of the path: positions in the value are positions in the argument.
    const std::string text =
        std::string(equals + 1, ' ') + std::string(argument_.substr(equals + 1));
    std::optional<Node> value = parse_yaml(text, source_, reporter_);
    if (value) {
      if (value->is_null()) {
        value->span = span(equals, equals + 1);
      }
      put(root, steps, std::move(*value));
    }
  }

 private:
  Span span(std::size_t begin, std::size_t end) const {
    return {source_, 1, count_characters(argument_.substr(0, begin)) + 1,
            count_characters(argument_.substr(begin, end - begin))};
  }

  bool parse_path(std::string_view path, std::vector<Step>& steps) {
    std::size_t at = 0;
    while (at < path.size()) {
      const std::size_t begin = at;
      if (path[at] == '[') {
        const std::size_t close = path.find(']', at);
        const Whole index = close == std::string_view::npos
                                ? parse_whole("")
                                : parse_whole(path.substr(at + 1, close - at - 1));
        if (!index.ok() || index.value < 0 || steps.empty()) {
          reporter_.error(span(begin, path.size()), "`[` must hold the number of a list item",
                          "such as workload.classes[0].rate");
          return false;
        }
        at = close + 1;
        steps.push_back({"", static_cast<std::size_t>(index.value), span(begin, at)});
      } else {
        at = std::min(path.find_first_of(".[", at), path.size());
        if (at == begin || steps.size() >= max_depth) {
          reporter_.error(span(begin, at + 1), "this is not a path of keys",
                          "such as engine.max_num_seqs");
          return false;
        }
        const bool must_exist = path[at - 1] == '?' && at - begin > 1;
        const std::size_t end = at - (must_exist ? 1 : 0);
        steps.push_back(
            {std::string(path.substr(begin, end - begin)), {}, span(begin, end), must_exist});
      }
      if (at < path.size() && path[at] == '.') {
        ++at;
        if (at == path.size()) {
          reporter_.error(span(at - 1, at), "a key is missing after this dot");
          return false;
        }
      }
    }
    return true;
  }

  /// The child of `node` at this step, made where it may be missing; null: nothing is to be done.
  Node* child(Node& node, const Step& step) {
    if (step.index) {
      if (!node.is_sequence() || *step.index > node.items.size()) {
        reporter_.error(
            step.span, node.is_sequence()
                           ? fmt::format("the list has {} items, counted from 0", node.items.size())
                           : std::string("this is not a list"));
        return nullptr;
      }
      if (*step.index == node.items.size()) {
        node.items.emplace_back();
        node.items.back().span = step.span;
      }
      return &node.items[*step.index];
    }
    if (node.is_sequence() && !node.items.empty() && node.items.front().is_map()) {
      reporter_.error(step.span, "this is a list: its items have numbers, from 0",
                      "such as workload.classes[0].rate");
      return nullptr;
    }
    if (!node.is_map()) {
      Node map;
      map.kind = Node::Kind::map;
      map.span = node.span.source ? node.span : step.span;
      node = std::move(map);
    }
    if (Node* found = node.find(step.key)) {
      return found;
    }
    if (step.must_exist) {
      return nullptr;
    }
    node.members.push_back({step.key, step.span, {}});
    node.members.back().value.span = step.span;
    return &node.members.back().value;
  }

  void put(Node& root, const std::vector<Step>& steps, Node value) {
    Node* node = &root;
    Node* parent = nullptr;
    for (const Step& step : steps) {
      parent = node;
      node = child(*node, step);
      if (node == nullptr) {
        return;
      }
    }
    *node = std::move(value);
    // What is said of the key itself is about the override now.
    for (Member& member : parent->members) {
      if (&member.value == node) {
        member.key_span = steps.back().span;
      }
    }
  }

  SourcePtr source_;
  std::string_view argument_;
  Reporter& reporter_;
};

}  // namespace

void apply_overrides(Node& root, const std::vector<std::string>& sets, Reporter& reporter) {
  for (std::size_t i = 0; i < sets.size(); ++i) {
    Override(std::make_shared<const Source>(fmt::format("--set[{}]", i + 1), sets[i]), reporter)
        .apply(root);
  }
}

}  // namespace penstock::config
