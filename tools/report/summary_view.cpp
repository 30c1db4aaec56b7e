#include "tools/report/summary_view.h"

#include <cmath>

#include "tools/output/text.h"

namespace penstock::report {
namespace {

const Json* find(const Json& root, const std::string& pointer) {
  const Json::json_pointer at(pointer);
  return root.contains(at) ? &root.at(at) : nullptr;
}

}  // namespace

std::optional<double> SummaryView::number(const std::string& pointer) const {
  const Json* found = find(summary_, pointer);
  return found != nullptr && found->is_number() ? std::optional(found->get<double>())
                                                : std::nullopt;
}

Cell SummaryView::cell(const std::string& pointer, Style style) const {
  const std::optional<double> value = number(pointer);
  if (!value) {
    return {"-", {}, pointer};
  }
  std::string text;
  switch (style) {
    case Style::figure:
    case Style::milliseconds:
      text = output::figure(*value);
      break;
    case Style::count:
      text = output::group_digits(std::llround(*value));
      break;
    case Style::percent:
      text = output::percent(*value);
      break;
    case Style::money:
      text = output::money(*value, currency());
      break;
    case Style::price:
      text = sign() + output::price_figure(*value);
      break;
    case Style::seconds:
      text = output::span_text(*value);
      break;
  }
  return {std::move(text), value, pointer};
}

std::string SummaryView::word(const std::string& pointer) const {
  const Json* found = find(summary_, pointer);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

std::vector<std::string> SummaryView::words(const std::string& pointer) const {
  std::vector<std::string> out;
  const Json* found = find(summary_, pointer);
  if (found != nullptr && found->is_array()) {
    for (const Json& item : *found) {
      if (item.is_string()) {
        out.push_back(item.get<std::string>());
      }
    }
  }
  return out;
}

std::string SummaryView::reason(const std::string& path) const {
  return word("/reasons/" + pointer_part(path));
}

std::string SummaryView::sign() const { return output::currency_sign(currency()); }

std::string pointer_part(const std::string& name) {
  std::string out;
  for (const char c : name) {
    out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  }
  return out;
}

std::string shell_text(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    const bool plain =
        !word.empty() &&
        word.find_first_not_of(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,@%+") ==
            std::string::npos;
    text += text.empty() ? "" : " ";
    if (plain) {
      text += word;
      continue;
    }
    text += '\'';
    for (const char c : word) {
      text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    text += '\'';
  }
  return text;
}

}  // namespace penstock::report
