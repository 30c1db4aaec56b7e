#include <fmt/format.h>

#include <algorithm>

#include "config/schema.h"
#include "config/text.h"

namespace penstock::config {

namespace {

/// Walks a tree beside its schema.
class Checker {
 public:
  Checker(Schema schema, Reporter& reporter) : schema_(schema), reporter_(reporter) {}

  /// The map `node`, which stands at `prefix` ("" = the whole file).
  void check_map(const Node& node, const std::string& prefix) {
    std::vector<std::string_view> misspelt;  // what unknown keys were meant to be: not missing
    for (const Member& member : node.members) {
      if (reporter_.is_full()) {
        return;
      }
      const Key* key = find_key(schema_, prefix, member.key);
      if (key == nullptr) {
        misspelt.push_back(report_unknown(member, prefix));
      } else if (!key->later.empty()) {
        Diagnostic& d =
            reporter_.infeasible(member.key_span, fmt::format("`{}` is not built yet", member.key));
        d.notes.emplace_back(key->later);
      } else {
        check_value(member.value, *key, prefix, member);
      }
    }
    for (const std::string_view name : keys_of(schema_, prefix)) {
      const bool is_there = node.find(name) != nullptr ||
                            std::find(misspelt.begin(), misspelt.end(), name) != misspelt.end();
      if (find_key(schema_, prefix, name)->required && !is_there) {
        Diagnostic& d = reporter_.error(node.span, fmt::format("`{}` is missing", name));
        const Key& key = *find_key(schema_, prefix, name);
        if (!key.doc.empty()) {
          d.notes.push_back(describe(key));
        }
        if (!key.or_else.empty()) {
          d.notes.emplace_back(key.or_else);
        }
      }
    }
  }

 private:
  static std::string describe(const Key& key) { return fmt::format("`{}`: {}", key.path, key.doc); }

  /// Returns the key that was probably meant, if there is one.
  std::string_view report_unknown(const Member& member, const std::string& prefix) {
    const std::string shown = excerpt(member.key);
    const std::vector<std::string_view> known = keys_of(schema_, prefix);
    Diagnostic& d = reporter_.error(member.key_span, fmt::format("unknown key `{}`", shown),
                                    did_you_mean(member.key, known));
    if (!d.label.empty()) {
      const std::vector<std::string_view> near = nearest_names(member.key, known, 1);
      return near.empty() ? std::string_view() : near.front();
    }
    for (const Key& key : schema_) {
      if (key.path.ends_with("." + member.key) ||
          (key.path == member.key && !prefix.empty() && key.later.empty())) {
        d.notes.push_back(fmt::format("known is `{}`", key.path));
      }
    }
    if (d.notes.empty() && known.size() <= 24) {
      d.notes.push_back("known here are " + list_of_names(known));
    }
    return {};
  }

  void check_value(const Node& node, const Key& key, const std::string& prefix,
                   const Member& member) {
    if (key.any) {
      return;
    }
    if (node.is_null()) {
      reporter_.error(member.key_span, fmt::format("`{}` has no value", member.key));
      return;
    }
    const std::string path = join_path(prefix, member.key);
    if (node.is_map() && key.map) {
      check_map(node, path);
    } else if (node.is_sequence() && key.list) {
      check_items(node, path + "[]", member);
    } else if (node.is_scalar() && key.scalar != Scalar::none) {
      check_scalar(node, key, member.key);
    } else {
      report_kind(node, key, member.key);
    }
  }

  void check_items(const Node& list, const std::string& path, const Member& member) {
    const std::size_t dot = path.rfind('.');
    const std::string prefix = dot == std::string::npos ? "" : path.substr(0, dot);
    const Key* key = find_key(schema_, prefix, path.substr(dot == std::string::npos ? 0 : dot + 1));
    for (const Node& item : list.items) {
      if (reporter_.is_full()) {
        return;
      }
      if (item.is_map() && key->map) {
        check_map(item, path);
      } else if (item.is_scalar() && key->scalar != Scalar::none) {
        check_scalar(item, *key, member.key);
      } else {
        report_kind(item, *key, "an item of " + member.key);
      }
    }
  }

  void report_kind(const Node& node, const Key& key, const std::string& name) {
    std::string wanted;
    const auto add = [&wanted](bool is_allowed, std::string_view what) {
      if (is_allowed) {
        wanted += wanted.empty() ? "" : " or ";
        wanted += what;
      }
    };
    add(key.scalar != Scalar::none, "a single value");
    add(key.list, "a list");
    add(key.map, "a map (`key: value`)");
    const std::string shown = name.starts_with("an item of ")
                                  ? name.substr(0, 11) + "`" + name.substr(11) + "`"
                                  : "`" + name + "`";
    Diagnostic& d = reporter_.error(
        node.span, fmt::format("{} must be {}, not {}", shown, wanted, kind_name(node.kind)));
    if (node.is_scalar() && key.map && !key.required) {
      const std::vector<std::string_view> names = keys_of(schema_, key.path);
      d.notes.push_back(names.empty() ? std::string(key.doc)
                                      : "it has the keys " + list_of_names(names));
    }
  }

  void check_scalar(const Node& node, const Key& key, const std::string& name) {
    switch (key.scalar) {
      case Scalar::text:
        if (node.text.empty() || node.text.size() > 4096) {
          reporter_.error(
              node.span, fmt::format("`{}` is {}", name, node.text.empty() ? "empty" : "too long"));
        }
        break;
      case Scalar::boolean:
        if (node.quoted || (node.text != "true" && node.text != "false")) {
          reporter_.error(node.span, fmt::format("`{}` must be true or false", name));
        }
        break;
      case Scalar::whole:
        check_whole(node, key, name);
        break;
      case Scalar::number:
        check_number(node, key, name);
        break;
      case Scalar::choice:
        check_choice(node, key, name);
        break;
      case Scalar::seed:
        if (node.quoted || !parse_seed(node.text)) {
          reporter_.error(node.span,
                          fmt::format("`{}` must be a whole number from 0 to 2^64 - 1", name));
        }
        break;
      case Scalar::none:
        break;
    }
  }

  void report_value(const Node& node, const std::string& name, const std::string& error,
                    const std::string& hint) {
    reporter_.error(node.span, fmt::format("`{}`: `{}` {}", name, excerpt(node.text), error), hint);
  }

  void check_whole(const Node& node, const Key& key, const std::string& name) {
    const Whole whole = parse_whole(node.text);
    if (!whole.ok()) {
      report_value(node, name, whole.error, whole.hint);
    } else if (node.quoted) {
      report_value(node, name, "is text", "write the number without quotes");
    } else {
      check_range(node, key, name, static_cast<double>(whole.value));
    }
  }

  void check_number(const Node& node, const Key& key, const std::string& name) {
    const Quantity q = parse_quantity(node.text, key.unit);
    if (!q.ok()) {
      report_value(node, name, q.error, q.hint);
    } else if (node.quoted && key.unit == Unit::count) {
      report_value(node, name, "is text", "write the number without quotes");
    } else {
      check_range(node, key, name, q.value);
    }
  }

  void check_range(const Node& node, const Key& key, const std::string& name, double value) {
    const bool is_low = value < key.min || (key.above_min && value == key.min);
    if (!is_low && value <= key.max) {
      return;
    }
    const auto shown = [&key](double limit) {
      return key.unit == Unit::count && limit == static_cast<double>(static_cast<long>(limit))
                 ? group_digits(static_cast<long>(limit))
                 : quantity_text(limit, key.unit);
    };
    const std::string must =
        is_low ? fmt::format("must be {} {}", key.above_min ? "more than" : "at least",
                             key.min == 0 ? "0" : shown(key.min))
               : fmt::format("must be at most {}", shown(key.max));
    std::string hint;
    if (key.unit == Unit::fraction) {
      // 90 is 90 % without its sign; 1.5 may be anything.
      hint = value >= 2 && value <= 100 && !node.text.ends_with('%')
                 ? fmt::format("did you mean {}%?", node.text)
                 : fmt::format("a share from {}% to {}%", number_text(100 * key.min),
                               number_text(100 * key.max));
    }
    reporter_.error(node.span, fmt::format("`{}` {}", name, must), hint);
  }

  void check_choice(const Node& node, const Key& key, const std::string& name) {
    const std::vector<std::string_view> known = split(key.choices, '|');
    const std::vector<std::string_view> later = split(key.later_choices, '|');
    if (std::find(known.begin(), known.end(), node.text) != known.end()) {
      return;
    }
    if (std::find(later.begin(), later.end(), node.text) != later.end()) {
      Diagnostic& d = reporter_.infeasible(
          node.span, fmt::format("`{}: {}` is not built yet", name, node.text));
      d.notes.push_back("this version has " + list_of_names(known));
      return;
    }
    Diagnostic& d =
        reporter_.error(node.span, fmt::format("`{}` cannot be `{}`", name, excerpt(node.text)),
                        did_you_mean(node.text, known));
    d.notes.push_back("it may be " + list_of_values(key, known));
  }

  /// The choices, and what else than a choice the key takes.
  std::string list_of_values(const Key& key, std::vector<std::string_view> choices) const {
    std::vector<std::string> maps;
    for (const std::string_view name : keys_of(schema_, key.path)) {
      if (key.map && find_key(schema_, key.path, name)->later.empty()) {
        maps.push_back(fmt::format("{{{}: ...}}", name));
      }
    }
    choices.insert(choices.end(), maps.begin(), maps.end());
    return list_of_names(choices) + (key.list ? ", or a list" : "");
  }

  Schema schema_;
  Reporter& reporter_;
};

}  // namespace

bool are_valid(const Node& root, Schema schema, std::span<const std::string_view> keys) {
  Node part;
  part.kind = Node::Kind::map;
  for (const Member& member : root.members) {
    if (std::find(keys.begin(), keys.end(), member.key) != keys.end()) {
      part.members.push_back(member);
    }
  }
  std::vector<Key> rows;
  for (const Key& row : schema) {
    const std::string_view top = row.path.substr(0, row.path.find_first_of(".["));
    if (std::find(keys.begin(), keys.end(), top) != keys.end()) {
      rows.push_back(row);
    }
  }
  Reporter reporter;
  check_schema(part, rows, reporter);
  return !reporter.has_errors();
}

void check_schema(const Node& root, Schema schema, Reporter& reporter) {
  if (!root.is_map()) {
    Span span = root.span;
    span.line = std::max(span.line, 1L);
    span.column = std::max(span.column, 1L);
    reporter.error(span, root.is_null()
                             ? std::string("the file is empty")
                             : fmt::format("the file must be a map (`key: value`), not {}",
                                           kind_name(root.kind)));
    return;
  }
  Checker(schema, reporter).check_map(root, "");
}

}  // namespace penstock::config
