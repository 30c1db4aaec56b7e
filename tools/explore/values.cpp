#include "tools/explore/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "config/text.h"
#include "config/yaml.h"
#include "tools/explore/decimal.h"

namespace penstock::explore {
namespace {

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  return first == std::string_view::npos
             ? std::string_view{}
             : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// Where `text`, which starts at `from`, has its next separator outside of brackets and quotes;
/// npos: something is left open.
std::size_t end_of_item(std::string_view text, std::size_t from, std::string_view separators) {
  std::string open;   // closing brackets that are due
  char before = ',';  // the last character that is no blank
  for (std::size_t at = from; at < text.size(); ++at) {
    const char c = text[at];
    const bool starts = std::string_view(",[{:").find(before) != std::string_view::npos;
    if ((c == '\'' || c == '"') && starts) {
      for (++at; at < text.size() && text[at] != c; ++at) {
        at += c == '"' && text[at] == '\\' ? 1 : 0;
      }
      if (at >= text.size()) {
        return std::string_view::npos;
      }
    } else if (c == '[' || c == '{') {
      open += c == '[' ? ']' : '}';
    } else if (!open.empty() && c == open.back()) {
      open.pop_back();
    } else if (open.empty() && separators.find(c) != std::string_view::npos &&
               (c != '#' || at == from || text[at - 1] == ' ' || text[at - 1] == '\t')) {
      return at;
    }
    before = c == ' ' ? before : c;
  }
  return open.empty() ? text.size() : std::string_view::npos;
}

/// Reads one argument.
class Parser {
 public:
  Parser(config::SourcePtr source, config::Reporter& reporter)
      : source_(std::move(source)), text_(source_->text()), reporter_(reporter) {}

  std::optional<Variation> parse() {
    const std::size_t equals = text_.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      fail(0, text_.size(), "`--vary` takes PATH=VALUES",
           "such as engine.max_num_seqs=1..512:log2");
      return std::nullopt;
    }
    Variation variation;
    variation.path = text_.substr(0, equals);
    variation.given = text_.substr(equals + 1);
    variation.span = span(equals + 1, text_.size());
    std::size_t at = equals + 1;
    while (!failed_) {
      const std::size_t end = end_of_item(text_, at, ",");
      if (end == std::string_view::npos) {
        fail(at, text_.size(), "a bracket or a quote is left open");
        break;
      }
      take_item(at, end, variation.items);
      if (end == text_.size()) {
        break;
      }
      at = end + 1;
    }
    return failed_ ? std::nullopt : std::optional(std::move(variation));
  }

 private:
  config::Span span(std::size_t begin, std::size_t end) const {
    return {source_, 1, config::count_characters(text_.substr(0, begin)) + 1,
            config::count_characters(text_.substr(begin, end - begin))};
  }

  void fail(std::size_t begin, std::size_t end, std::string message, std::string label = "") {
    reporter_.error(span(begin, std::max(end, begin + 1)), std::move(message), std::move(label));
    failed_ = true;
  }

  void take_item(std::size_t begin, std::size_t end, std::vector<Item>& items) {
    const std::string_view item = trim(text_.substr(begin, end - begin));
    if (item.empty()) {
      fail(begin, end, "a value is missing here", "such as 1,2,4 or 1..64:log2 or @values.txt");
      return;
    }
    begin = static_cast<std::size_t>(item.data() - text_.data());
    if (item.front() == '@') {
      take_file(begin, item, items);
      return;
    }
    const std::size_t dots = item.find("..");
    const bool is_text = std::string_view("'\"[{").find(item.front()) != std::string_view::npos;
    // `..` before a slash is a folder, not a range.
    if (is_text || dots == std::string_view::npos || item.substr(dots + 2).starts_with('/')) {
      items.push_back({std::nullopt, std::string(item)});
      return;
    }
    take_range(begin, item, dots, items);
  }

  void take_file(std::size_t begin, std::string_view item, std::vector<Item>& items) {
    const std::string path(item.substr(1));
    const config::Span where = span(begin, begin + item.size());
    config::Reporter reader;
    const config::SourcePtr file = config::read_source(path, path, where, reader);
    if (!file) {
      Diagnostics unread = reader.take();
      unread.front().kind = Diagnostic::Kind::io;
      reporter_.append(std::move(unread));
      failed_ = true;
      return;
    }
    const std::size_t before = items.size();
    std::string_view rest = file->text();
    for (long line = 1; !rest.empty() && !failed_; ++line) {
      const std::string_view text = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(text.size() + 1, rest.size()));
      const std::size_t end = end_of_item(text, 0, "#");
      const std::string_view value = trim(text.substr(0, end));
      if (end == std::string_view::npos) {
        reporter_.error({file, line, 1, config::count_characters(text)},
                        "a bracket or a quote is left open");
        failed_ = true;
      } else if (!value.empty()) {
        items.push_back({std::nullopt, std::string(value)});
      }
    }
    if (!failed_ && items.size() == before) {
      fail(begin, begin + item.size(), fmt::format("`{}` holds no value", config::excerpt(path)),
           "one value a line; # starts a comment");
    }
  }

  /// The number at [begin, end), which is to have the unit of the range's lower end.
  std::optional<Measure> bound(std::size_t begin, std::size_t end, std::string_view what) {
    const std::string_view text = text_.substr(begin, end - begin);
    const std::optional<Measure> measure = parse_measure(text);
    if (!measure) {
      fail(begin, end,
           text.empty() ? fmt::format("the range has no {}", what)
                        : fmt::format("`{}` is no number: the {} of a range is one",
                                      config::excerpt(text), what),
           "such as 1..64 or 10ms..50ms:step10ms; text with `..` goes in quotes");
    }
    return measure;
  }

  void take_range(std::size_t begin, std::string_view item, std::size_t dots,
                  std::vector<Item>& items) {
    const std::size_t end = begin + item.size();
    const std::size_t high_at = begin + dots + 2;
    const std::size_t colon = std::min(text_.find(':', high_at), end);
    const auto low = bound(begin, begin + dots, "lower end");
    const auto high = low ? bound(high_at, colon, "upper end") : std::nullopt;
    if (!high) {
      return;
    }
    Range range;
    range.prefix = low->prefix;
    range.suffix = low->suffix;
    range.span = span(begin, end);
    if (high->prefix != low->prefix || high->suffix != low->suffix) {
      const auto write = [](const Measure& unit, const Measure& number) {
        return unit.prefix + decimal_text(number.number) + unit.suffix;
      };
      const bool low_is_bare = low->prefix.empty() && low->suffix.empty();
      const Measure& unit = low_is_bare ? *high : *low;
      const bool one_is_bare = low_is_bare || (high->prefix.empty() && high->suffix.empty());
      fail(begin, colon, "both ends of a range carry the same unit",
           one_is_bare ? fmt::format("such as {}..{}", write(unit, *low), write(unit, *high))
                       : fmt::format("write both in {}{}", unit.prefix, unit.suffix));
      return;
    }
    if (!set_bounds(range, low->number, high->number, Decimal{}) ||
        range.low.mantissa >= range.high.mantissa) {
      fail(begin, colon, "a range goes from a lower to a higher number",
           low->number.mantissa == high->number.mantissa ? "one value needs no range"
                                                         : "write the lower end first");
      return;
    }
    if (colon == end || take_rule(colon + 1, end, range)) {
      items.push_back({std::move(range), std::string(item)});
    }
  }

  /// Brings all to the same digits behind the point. False if a number gets too long.
  static bool set_bounds(Range& range, Decimal low, Decimal high, Decimal step) {
    const int digits = std::max({low.digits, high.digits, step.digits});
    const auto a = with_digits(low, digits);
    const auto b = with_digits(high, digits);
    const auto c = with_digits(step, digits);
    if (!a || !b || !c) {
      return false;
    }
    range.low = *a;
    range.high = *b;
    range.step = *c;
    return true;
  }

  bool take_rule(std::size_t begin, std::size_t end, Range& range) {
    const std::string_view rule = text_.substr(begin, end - begin);
    const std::string_view name =
        rule.substr(0, 3) == "ste" ? rule.substr(0, 4) : rule.substr(0, 3);
    const std::optional<Measure> given = parse_measure(rule.substr(name.size()));
    const bool plain = given && given->prefix.empty() && given->suffix.empty();
    if (name == "step") {
      const bool same_unit =
          given && given->prefix == range.prefix && given->suffix == range.suffix;
      if ((!plain && !same_unit) || given->number.mantissa <= 0 ||
          !set_bounds(range, range.low, range.high, given->number)) {
        fail(begin, end, "a step is a number above 0 in the unit of the range",
             fmt::format("such as :step{}10{}", range.prefix, range.suffix));
        return false;
      }
      range.kind = Range::Kind::step;
      return true;
    }
    if (name == "log") {
      if (!plain || given->number.value() <= 1 || range.low.mantissa <= 0) {
        fail(begin, end,
             range.low.mantissa <= 0 ? "a logarithmic range starts above 0"
                                     : "`log` takes the factor between two values, above 1",
             "such as 1..512:log2");
        return false;
      }
      range.kind = Range::Kind::factor;
      range.step = given->number;
      return true;
    }
    if (name == "lin") {
      if (!plain || given->number.digits > 0 || given->number.mantissa < 2) {
        fail(begin, end, "`lin` takes how many values there are to be, 2 or more",
             "such as 10..100:lin4");
        return false;
      }
      range.kind = Range::Kind::count;
      range.count = given->number.mantissa;
      return true;
    }
    fail(begin, end, fmt::format("`{}` is no rule for a range", config::excerpt(rule)),
         "there are :step10, :log2 (a factor) and :lin5 (so many values)");
    return false;
  }

  config::SourcePtr source_;
  std::string_view text_;
  config::Reporter& reporter_;
  bool failed_ = false;
};

}  // namespace

std::optional<Variation> parse_variation(const std::string& argument, std::size_t number,
                                         config::Reporter& reporter) {
  return Parser(std::make_shared<const config::Source>(fmt::format("--vary[{}]", number), argument),
                reporter)
      .parse();
}

}  // namespace penstock::explore
