#include "tools/explore/plan_errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "config/overrides.h"
#include "config/yaml.h"
#include "tools/explore/set_names.h"

namespace penstock::explore {
namespace {

/// Where the plan section has the choice that became the override `set`: the item of its list, else
/// the list, else nothing.
config::Span choice_span(const config::Node& root, const std::string& set) {
  const std::size_t equals = std::min(set.find('='), set.size());
  std::string key = set.substr(0, equals);
  key = key == "cluster.gpu" ? "gpus" : key.substr(key.find_last_of('.') + 1);
  const config::Node* plan = root.find("plan");
  const config::Node* list = plan != nullptr ? plan->find(key) : nullptr;
  if (list == nullptr) {
    return {};
  }
  const std::string value = set.substr(std::min(equals + 1, set.size()));
  const auto item = std::find_if(list->items.begin(), list->items.end(),
                                 [&](const config::Node& node) { return node.text == value; });
  return item == list->items.end() ? list->span : item->span;
}

void move_to(const config::Span& span, Diagnostic& d) {
  d.file = span.source ? span.source->name() : "";
  d.line = span.line;
  d.column = span.column;
  d.length = span.length;
  d.source_line = span.source ? span.source->line(span.line) : "";
}

}  // namespace

Diagnostics at_choices(const PlanQuestion& question, const Shape& shape, Diagnostics diagnostics) {
  config::Reporter ignored;  // the file has been read before
  const auto source = std::make_shared<const config::Source>(question.name, question.text);
  std::optional<config::Node> root = config::parse_yaml(source, ignored);
  if (root) {
    config::apply_overrides(*root, question.load.sets, ignored);
  }
  std::erase_if(diagnostics,
                [](const Diagnostic& d) { return d.severity == Diagnostic::Severity::warning; });
  for (Diagnostic& d : diagnostics) {
    if (set_number(d) > question.load.sets.size()) {
      const std::string set = d.source_line;
      move_to(root ? choice_span(*root, set) : config::Span{}, d);
      if (set.find("rate_scale") != std::string::npos) {
        d.notes.push_back(fmt::format("peak, growth and headroom of the plan make it {}",
                                      set.substr(set.find('=') + 1)));
      }
    }
    d.notes.push_back(fmt::format("with {}, one of the choices of the plan", shape.title()));
  }
  return diagnostics;
}

std::string first_error(const Diagnostics& diagnostics) {
  for (const Diagnostic& d : diagnostics) {
    if (d.severity == Diagnostic::Severity::error) {
      return d.notes.empty() ? d.message : d.message + " (" + d.notes.front() + ")";
    }
  }
  return "unknown reason";
}

}  // namespace penstock::explore
