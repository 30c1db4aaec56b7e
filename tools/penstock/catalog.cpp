#include "config/catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "config/load.h"
#include "config/text.h"
#include "sim/cluster/router.h"
#include "sim/engine/scheduler.h"
#include "tools/output/json_text.h"
#include "tools/output/text.h"
#include "tools/penstock/console.h"
#include "tools/penstock/input.h"
#include "tools/penstock/options.h"

namespace penstock::cli {
namespace {

using Json = nlohmann::ordered_json;
using config::Catalog;
using config::CatalogKind;
using config::Node;

constexpr std::array<std::string_view, 2> formats{"table", "json"};
constexpr std::array options_table{
    Option{"format", 0, "FORMAT", "table (default) or json"},
    catalog_option,
    color_option,
};
constexpr std::array<std::string_view, 3> examples{
    "penstock catalog gpus",
    "penstock catalog models llama-3.1-70b",
    "penstock catalog prices h100-sxm --format json",
};
constexpr Usage usage{
    "catalog",
    "[KIND [NAME]] [OPTION]...",
    "Known facts, each with its source and date. Kinds: gpus, models, engines, "
    "prices,\nlist-prices, profiles, systems, closed-models, schedulers, routers.",
    examples,
    options_table,
    0,
    2};

/// What the table of a kind shows: a heading, and a dotted path into the item's file.
struct Column {
  std::string_view heading;
  std::string_view path;
};
struct Kind {
  std::string_view name;
  std::string_view about;
  CatalogKind kind;
  std::array<Column, 6> columns;
};
constexpr std::array kinds{
    Kind{"gpus",
         "accelerators: memory, peaks, timing parameters",
         CatalogKind::gpus,
         {{{"memory", "memory"},
           {"bandwidth", "memory_bandwidth"},
           {"bf16 dense", "peak.bf16"},
           {"fp8 dense", "peak.fp8"},
           {"TDP", "tdp"},
           {"timing", "timing.fit"}}}},
    Kind{"models",
         "architectures of models",
         CatalogKind::models,
         {{{"parameters", "parameters"},
           {"active", "active_parameters"},
           {"layers", "num_hidden_layers"},
           {"hidden", "hidden_size"},
           {"checkpoint", "weights"},
           {"context", "max_position_embeddings"}}}},
    Kind{"engines",
         "engine presets: scheduler, limits, overheads",
         CatalogKind::engines,
         {{{"scheduler", "scheduler"},
           {"max seqs", "limits.large.max_num_seqs"},
           {"batched tokens", "limits.large.max_num_batched_tokens"},
           {"async", "async_scheduling"},
           {"CPU/step", "cpu_overhead.per_step"},
           {"CPU/sequence", "cpu_overhead.per_sequence"}}}},
    Kind{"prices",
         "what a GPU-hour costs, by provider and date",
         CatalogKind::prices,
         {{{"price", "usd_per_hour"},
           {"lowest", "spread.0"},
           {"highest", "spread.1"},
           {"date", "date"},
           {"owned", "owned.per_hour"},
           {"capital", "owned.capital"}}}},
    Kind{"list-prices",
         "what providers ask per million tokens, by model and date",
         CatalogKind::list_prices,
         {{{"provider", "provider"},
           {"input/M", "per_million.input"},
           {"cached/M", "per_million.cached_input"},
           {"output/M", "per_million.output"},
           {"long prompts", "long_context.0.above_tokens"},
           {"date", "date"}}}},
    Kind{"profiles",
         "measured lengths of prompts and outputs",
         CatalogKind::profiles,
         {{{"title", "title"}, {"date", "date"}, {"", ""}, {"", ""}, {"", ""}, {"", ""}}}},
    Kind{"systems",
         "servers and racks: GPUs, links, power",
         CatalogKind::systems,
         {{{"GPU", "gpu"},
           {"GPUs", "gpus"},
           {"scale-up", "scaleup_bandwidth"},
           {"network", "network_bandwidth"},
           {"max power", "max_power"},
           {"host power", "host_power"}}}},
    Kind{"closed-models",
         "models whose architecture is not public: prices only",
         CatalogKind::closed_models,
         {{{"title", "title"},
           {"vendor", "vendor"},
           {"context", "max_position_embeddings"},
           {"", ""},
           {"", ""},
           {"", ""}}}},
};

/// The node at a dotted path; a number picks an item of a list.
const Node* find_path(const Node& root, std::string_view path) {
  const Node* node = &root;
  for (const std::string_view step : config::split(path, '.')) {
    if (node->is_sequence()) {
      const auto index = static_cast<std::size_t>(step.front() - '0');
      node = index < node->items.size() ? &node->items[index] : nullptr;
    } else {
      node = node->find(step);
    }
    if (node == nullptr) {
      return nullptr;
    }
  }
  return node;
}

Json to_json(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return nullptr;
    case Node::Kind::sequence: {
      Json list = Json::array();
      for (const Node& item : node.items) {
        list.push_back(to_json(item));
      }
      return list;
    }
    case Node::Kind::map: {
      Json map = Json::object();
      for (const config::Member& member : node.members) {
        map[member.key] = to_json(member.value);
      }
      return map;
    }
    case Node::Kind::scalar:
      break;
  }
  if (!node.quoted) {
    const Json value = Json::parse(node.text, nullptr, false);
    if (value.is_number() || value.is_boolean()) {
      return value;
    }
  }
  return node.text;
}

/// A fact in a list: large whole numbers in groups, parameters of models as `70.6 B`.
std::string shown(const Node& node) {
  const bool is_whole = !node.quoted && !node.text.empty() && node.text.size() <= 18 &&
                        node.text.find_first_not_of("0123456789") == std::string::npos;
  if (!is_whole || node.text.size() < 5) {
    return output::printable(node.text);
  }
  const std::int64_t value = std::stoll(node.text);
  return value < 100'000'000 ? output::group_digits(value)
                             : output::figure(static_cast<double>(value) / 1e9) + " B";
}

/// The catalogue and what is wrong with the user's part of it.
class Browser {
 public:
  explicit Browser(const ParsedOptions& options)
      : catalog_(options.value("catalog").value_or(""), reporter_),
        as_json_(choose(options, "format", formats) == "json") {}

  int list_kinds() {
    Json json;
    std::string text = "penstock catalog KIND [NAME]\n\n";
    const auto add = [&](std::string_view name, std::size_t count, std::string_view about) {
      json[std::string(name)] = count;
      text += fmt::format("  {:<13} {:>4}  {}\n", name, count, about);
    };
    for (const Kind& kind : kinds) {
      add(kind.name, catalog_.list(kind.kind).size(), kind.about);
    }
    add("schedulers", schedulers.size(), "how an engine fills its next step");
    add("routers", routers.size(), "how requests find a replica");
    return finish(json, text);
  }

  int list_items(const Kind& kind) {
    Json json = Json::array();
    std::vector<std::vector<std::string>> rows{{std::string(kind.name)}};
    for (const Column& column : kind.columns) {
      rows.front().emplace_back(column.heading);
    }
    for (const Catalog::Entry& entry : catalog_.list(kind.kind)) {
      const std::optional<Node> root = parse(entry);
      if (!root) {
        continue;
      }
      std::vector<std::string> row{output::printable(entry.name)};
      for (const Column& column : kind.columns) {
        const Node* node = column.path.empty() ? nullptr : find_path(*root, column.path);
        row.push_back(node != nullptr && node->is_scalar() ? shown(*node) : "");
      }
      rows.push_back(std::move(row));
      json.push_back(to_json(*root));
    }
    return finish(json, table(rows));
  }

  int show_item(const Kind& kind, const std::string& name) {
    const Catalog::Entry* entry = catalog_.find(kind.kind, name);
    if (entry == nullptr) {
      std::vector<std::string> names;
      for (const Catalog::Entry& known : catalog_.list(kind.kind)) {
        names.push_back(known.name);
      }
      fail_unknown(
          fmt::format("no {} `{}` in the catalogue", noun(kind.kind), config::excerpt(name)), name,
          {names.begin(), names.end()});
    }
    const std::optional<Node> root = parse(*entry);
    std::string text = fmt::format("# {}\n", entry->path);
    text += catalog_.text(*entry);
    return finish(root ? to_json(*root) : Json(nullptr), text);
  }

  /// Schedulers or routers: names and descriptions.
  template <typename Table>
  int show_policies(std::string_view heading, const Table& entries,
                    const std::optional<std::string>& name) {
    Json json = Json::array();
    std::vector<std::vector<std::string>> rows{{std::string(heading), ""}};
    std::vector<std::string_view> names;
    for (const auto& entry : entries) {
      names.push_back(entry.name);
      if (!name || *name == entry.name) {
        json.push_back({{"name", entry.name}, {"description", entry.description}});
        rows.push_back({std::string(entry.name), std::string(entry.description)});
      }
    }
    if (json.empty()) {
      fail_unknown(fmt::format("no `{}` among the {}", config::excerpt(*name), heading), *name,
                   names);
    }
    return finish(json, table(rows));
  }

 private:
  [[noreturn]] static void fail_unknown(const std::string& message, const std::string& name,
                                        const std::vector<std::string_view>& names) {
    const std::string hint = config::did_you_mean(name, names, 3);
    throw UsageError(message, hint.empty() ? "without a name, all are listed" : hint);
  }

  std::optional<Node> parse(const Catalog::Entry& entry) {
    const auto source =
        std::make_shared<const config::Source>(entry.path, std::string(catalog_.text(entry)));
    return config::parse_yaml(source, reporter_);
  }

  static std::string table(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths(rows.front().size(), 0);
    for (const auto& row : rows) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        widths[i] = std::max(widths[i], output::columns(row[i]));
      }
    }
    std::string text;
    for (const auto& row : rows) {
      std::string line;
      for (std::size_t i = 0; i < row.size(); ++i) {
        line += output::pad_right(row[i], widths[i] + 2);
      }
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + "\n";
    }
    return text;
  }

  int finish(const Json& json, const std::string& text) {
    const Diagnostics diagnostics = reporter_.take();
    tell(diagnostics);
    if (!has_errors(diagnostics)) {
      print(as_json_ ? output::to_text(json) : text);
    }
    return config::exit_code(diagnostics);
  }

  config::Reporter reporter_;
  Catalog catalog_;
  bool as_json_;
};

int browse(const ParsedOptions& options) {
  Browser browser(options);
  const std::vector<std::string>& words = options.words();
  if (words.empty()) {
    return browser.list_kinds();
  }
  const std::optional<std::string> name =
      words.size() > 1 ? std::optional<std::string>(words[1]) : std::nullopt;
  if (words.front() == "schedulers") {
    return browser.show_policies("schedulers", schedulers, name);
  }
  if (words.front() == "routers") {
    return browser.show_policies("routers", routers, name);
  }
  std::vector<std::string_view> names{"schedulers", "routers"};
  for (const Kind& kind : kinds) {
    if (kind.name == words.front()) {
      return name ? browser.show_item(kind, *name) : browser.list_items(kind);
    }
    names.push_back(kind.name);
  }
  const std::string hint = config::did_you_mean(words.front(), names);
  throw UsageError(fmt::format("the catalogue has no `{}`", config::excerpt(words.front())),
                   hint.empty() ? fmt::format("kinds: {}", config::list_of_names(names)) : hint);
}

}  // namespace

const Usage& catalog_usage() { return usage; }

int catalog_verb(const Arguments& arguments) {
  const ParsedOptions options = parse_options(usage, arguments);
  if (options.has("help")) {
    print(usage_text(usage));
    return exit_ok;
  }
  apply_color(options);
  return browse(options);
}

}  // namespace penstock::cli
