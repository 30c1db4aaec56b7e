#include "config/report.h"

#include <algorithm>
#include <map>
#include <utility>

namespace penstock::config {

Source::Source(std::string name, std::string text)
    : name_(std::move(name)), text_(std::move(text)) {
  starts_.push_back(0);
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n') {
      starts_.push_back(i + 1);
    }
  }
}

std::string_view Source::line(long number) const {
  if (number < 1 || static_cast<std::size_t>(number) > starts_.size()) {
    return {};
  }
  const std::size_t start = starts_[static_cast<std::size_t>(number) - 1];
  const auto next = static_cast<std::size_t>(number);
  const std::size_t end = next < starts_.size() ? starts_[next] - 1 : text_.size();
  std::string_view rest = std::string_view(text_).substr(start, end - start);
  if (!rest.empty() && rest.back() == '\r') {
    rest.remove_suffix(1);
  }
  return rest;
}

Diagnostic& Reporter::error(const Span& span, std::string message, std::string label) {
  Diagnostic d;
  d.message = std::move(message);
  d.label = std::move(label);
  return add(span, std::move(d));
}

Diagnostic& Reporter::infeasible(const Span& span, std::string message, std::string label) {
  Diagnostic& d = error(span, std::move(message), std::move(label));
  d.kind = Diagnostic::Kind::infeasible;
  return d;
}

Diagnostic& Reporter::warning(const Span& span, std::string message, std::string label) {
  Diagnostic& d = error(span, std::move(message), std::move(label));
  d.severity = Diagnostic::Severity::warning;
  return d;
}

Diagnostic& Reporter::add(const Span& span, Diagnostic diagnostic) {
  // A line longer than this is not quoted: there are no such lines in files that people write.
  constexpr std::size_t longest_quoted = 4000;
  if (span.source) {
    diagnostic.file = span.source->name();
    diagnostic.line = span.line;
    diagnostic.column = span.column;
    diagnostic.length = span.length;
    const std::string_view line = span.source->line(span.line);
    if (line.size() <= longest_quoted) {
      diagnostic.source_line = line;
    }
  }
  if (diagnostics_.size() >= limit) {
    dropped_ = std::move(diagnostic);
    return *dropped_;
  }
  diagnostics_.push_back(std::move(diagnostic));
  return diagnostics_.back();
}

std::size_t Reporter::error_count() const {
  return static_cast<std::size_t>(
      std::count_if(diagnostics_.begin(), diagnostics_.end(),
                    [](const Diagnostic& d) { return d.severity == Diagnostic::Severity::error; }));
}

void Reporter::append(Diagnostics diagnostics) {
  for (Diagnostic& d : diagnostics) {
    if (!is_full()) {
      diagnostics_.push_back(std::move(d));
    }
  }
}

Diagnostics Reporter::take() {
  std::map<std::string, std::size_t> order;  // files in the order in which they were met
  for (const Diagnostic& d : diagnostics_) {
    order.emplace(d.file, order.size());
  }
  std::stable_sort(diagnostics_.begin(), diagnostics_.end(),
                   [&order](const Diagnostic& a, const Diagnostic& b) {
                     return std::tuple(order.at(a.file), a.line, a.column) <
                            std::tuple(order.at(b.file), b.line, b.column);
                   });
  if (dropped_.has_value()) {
    diagnostics_.back().notes.push_back("these are the first " + std::to_string(limit) +
                                        " mistakes: there are more");
  }
  return std::move(diagnostics_);
}

}  // namespace penstock::config
