#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/report/page.h"

namespace penstock::report {

/// How a number of the summary is written: always by the functions of tools/output/text.h.
enum class Style { figure, count, percent, money, price, milliseconds, seconds };

/// The numbers of a summary.json as cells of a table, by JSON pointer.
class SummaryView {
 public:
  explicit SummaryView(const Json& summary) : summary_(summary) {}

  std::optional<double> number(const std::string& pointer) const;
  /// "-" where the number is null or not there.
  Cell cell(const std::string& pointer, Style style) const;
  std::string text(const std::string& pointer, Style style) const {
    return cell(pointer, style).text;
  }
  /// A text of the summary; empty if it is not there.
  std::string word(const std::string& pointer) const;
  std::vector<std::string> words(const std::string& pointer) const;
  /// Why the value at a pointer is null: from `reasons`.
  std::string reason(const std::string& path) const;
  /// "$"
  std::string sign() const;
  std::string currency() const { return word("/cost/currency"); }

  const Json& root() const { return summary_; }

 private:
  const Json& summary_;
};

/// A name as a part of a JSON pointer.
std::string pointer_part(const std::string& name);

/// The command line as a shell takes it.
std::string shell_text(const std::vector<std::string>& words);

}  // namespace penstock::report
