#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "config/load_parts.h"
#include "config/overrides.h"
#include "config/text.h"

namespace penstock::config {

namespace {

using GpuPrices = std::vector<std::pair<std::string, Quantity>>;

class PlanLoader {
 public:
  PlanLoader(const LoadContext& context, const std::vector<ClassSpec>& classes)
      : section_(context.root.section("plan")),
        context_(context),
        reporter_(context.reporter),
        classes_(classes) {}

  PlanSpec load(const GpuPrices& prices) {
    load_gpus(prices);
    load_wholes("tensor_parallel", plan_.tensor_parallel);
    if (!section_.has("tensor_parallel")) {
      plan_.tensor_parallel = {1, 2, 4, 8};
    }
    load_splits();
    load_dtypes("weights", plan_.weights);
    load_dtypes("kv_cache", plan_.kv_cache);
    load_wholes("max_num_seqs", plan_.max_num_seqs);
    load_wholes("max_num_batched_tokens", plan_.max_num_batched_tokens);
    plan_.max_replicas = static_cast<int>(section_.whole("max_replicas").value_or(64));
    plan_.max_gpus = section_.whole("max_gpus").value_or(0);
    plan_.headroom = section_.number("headroom").value_or(0);
    plan_.growth = section_.number("growth").value_or(0);
    plan_.peak = section_.number("peak").value_or(1);
    load_class_peaks();
    plan_.split = section_.boolean("split").value_or(true);
    return std::move(plan_);
  }

 private:
  /// The items of a list as the schema takes them; an empty list is reported.
  const std::vector<Node>& items(std::string_view key) {
    static const std::vector<Node> none;
    const Node* node = section_.find(key);
    if (node == nullptr || !node->is_sequence()) {
      return none;
    }
    if (node->items.empty()) {
      reporter_.error(node->span, fmt::format("`{}` is empty", key),
                      "leave it out for the default");
    }
    return node->items;
  }

  /// Adds to a list what is not in it.
  template <typename Value>
  void add(std::vector<Value>& values, Value value, const Node& item) {
    if (std::find(values.begin(), values.end(), value) != values.end()) {
      reporter_.error(item.span, fmt::format("{} is in the list already", value));
    } else {
      values.push_back(std::move(value));
    }
  }

  template <typename Value>
  void load_wholes(std::string_view key, std::vector<Value>& values) {
    const Key& row = *find_key(workload_schema(), "plan", std::string(key) + "[]");
    for (const Node& item : items(key)) {
      const Whole whole = item.is_scalar() ? parse_whole(item.text) : parse_whole("");
      const auto value = static_cast<double>(whole.value);
      if (whole.ok() && value >= row.min && value <= row.max) {
        add(values, static_cast<Value>(whole.value), item);
      }
    }
  }

  /// Stages and ranks: those to choose from, else the cluster's.
  void load_splits() {
    const Section cluster = context_.root.section("cluster");
    const auto given = [&cluster](std::string_view key) {
      return static_cast<int>(cluster.whole(key).value_or(1));
    };
    const auto load = [&](std::string_view key, std::vector<int>& values) {
      load_wholes(key, values);
      if (!section_.has(key)) {
        values = {given(key)};
      }
    };
    load("pipeline_parallel", plan_.pipeline_parallel);
    load("data_parallel", plan_.data_parallel);
    plan_.spreads_experts = given("expert_parallel") > 1;
  }

  void load_dtypes(std::string_view key, std::vector<std::string>& names) {
    for (const Node& item : items(key)) {
      if (item.is_scalar() && parse_dtype(item.text)) {
        add(names, item.text, item);
      }
    }
  }

  void load_gpus(const GpuPrices& prices) {
    for (const Node& item : items("gpus")) {
      const auto name =
          item.is_scalar() && !item.text.empty()
              ? context_.catalog.resolve(CatalogKind::gpus, item.text, item.span, reporter_)
              : std::nullopt;
      if (name) {
        add(plan_.gpus, *name, item);
        check_price(*name, item.span, prices);
      }
    }
    if (!section_.has("gpus")) {
      take_priced_gpus(prices);
    }
    const Section given = context_.root.section("prices");
    if (given.quantity("gpu") && plan_.gpus.size() > 1) {
      Diagnostic& d = reporter_.error(
          given.span("gpu"),
          fmt::format("one `prices.gpu` for {} GPUs to choose from", plan_.gpus.size()),
          "give a map, such as {h100-sxm: $2.50/h, l40s: $0.90/h}");
      d.notes.emplace_back(section_.has("gpus")
                               ? "without `prices.gpu` those of the catalogue are used"
                               : "`plan.gpus` limits the search, now to all GPUs with a price");
    }
  }

  void check_price(const std::string& gpu, const Span& span, const GpuPrices& prices) {
    const Section given = context_.root.section("prices");
    const bool is_map = given.section("gpu").is_given();
    const bool is_in_map = std::any_of(prices.begin(), prices.end(),
                                       [&gpu](const auto& price) { return price.first == gpu; });
    if (is_in_map || (given.has("gpu") && !is_map)) {
      return;
    }
    const auto price = context_.catalog.price(gpu, reporter_);
    if (!price) {
      reporter_.error(span, fmt::format("no price is known for {}: give `prices.gpu`", gpu),
                      fmt::format("such as prices: {{gpu: {{{}: $2.50/h}}}}", gpu));
    } else if (!prices.empty() && price->currency != prices.front().second.currency) {
      reporter_.error(span,
                      fmt::format("`prices.gpu` is in {}, the catalogue's price of {} in {}",
                                  prices.front().second.currency, gpu, price->currency),
                      "currencies are not converted");
    }
  }

  /// The GPUs that the user can price: those of a map `prices.gpu`; with a single price that of the
  /// cluster; else those that the catalogue has a price for.
  void take_priced_gpus(const GpuPrices& prices) {
    const Section cluster = context_.root.section("cluster");
    const auto own = cluster.text("gpu");
    if (own && context_.root.section("prices").quantity("gpu")) {
      const Span span = cluster.span("gpu");
      if (const auto name = context_.catalog.resolve(CatalogKind::gpus, *own, span, reporter_)) {
        plan_.gpus = {*name};
        reporter_.note(fmt::format("only {} is searched: `prices.gpu` is its price", *name));
      }
      return;
    }
    const bool is_map = context_.root.section("prices").section("gpu").is_given();
    for (const auto& [name, price] : prices) {
      plan_.gpus.push_back(name);
    }
    if (!is_map) {
      for (const Catalog::Entry& entry : context_.catalog.list(CatalogKind::gpus)) {
        if (context_.catalog.find(CatalogKind::prices, entry.name) != nullptr) {
          plan_.gpus.push_back(entry.name);
        }
      }
    }
    reporter_.note(fmt::format("plan.gpus are the {} of {}, as none are given", plan_.gpus.size(),
                               is_map ? "`prices.gpu`" : "the catalogue with a price"));
  }

  void load_class_peaks() {
    std::vector<std::string_view> names;
    for (const ClassSpec& spec : classes_) {
      names.push_back(spec.name);
    }
    const Section peaks = section_.section("peak");
    for (const Member& member : peaks.members()) {
      const auto peak = peaks.number(member.key);
      if (!names.empty() && std::find(names.begin(), names.end(), member.key) == names.end()) {
        Diagnostic& d = reporter_.error(member.key_span,
                                        fmt::format("there is no class `{}`", excerpt(member.key)),
                                        did_you_mean(member.key, names));
        if (names.size() <= 24) {
          d.notes.push_back("known are " + list_of_names(names));
        }
      } else if (peak) {
        plan_.class_peak[member.key] = *peak;
      }
    }
  }

  Section section_;
  const LoadContext& context_;
  Reporter& reporter_;
  const std::vector<ClassSpec>& classes_;
  PlanSpec plan_;
};

/// Bounds generated traffic that has no bound: a plan decides how much of it is simulated.
void put_duration(Node& root) {
  Node* workload = root.is_map() ? root.find("workload") : nullptr;
  if (workload == nullptr || workload->find("classes") == nullptr ||
      workload->find("duration") != nullptr || workload->find("requests") != nullptr) {
    return;
  }
  Node duration;
  duration.kind = Node::Kind::scalar;
  duration.text = "5min";
  duration.span = workload->span;
  workload->members.push_back({"duration", workload->span, std::move(duration)});
}

/// Reads a plan, and finds what is wrong with its file whatever the GPU.
PlanSpec load_tree(Node root, const SourcePtr& file, const LoadOptions& options,
                   Reporter& reporter) {
  put_gpu(root, "of the plan", {});
  put_duration(root);
  check_schema(root, workload_schema(), reporter);
  const Catalog catalog(options.catalog_dir, reporter);
  const LoadContext context{{&root, "", workload_schema()}, file, catalog, reporter};
  Scenario scenario;
  load_model(context, scenario);
  load_engine(context, false, scenario);
  load_workload(context, scenario);
  load_prices(context, false, scenario);
  static_cast<void>(reporter.take_notes());  // they come again with each scenario
  return read_plan(context, scenario.workload.classes);
}

}  // namespace

PlanSpec read_plan(const LoadContext& context, const std::vector<ClassSpec>& classes) {
  Reporter ignored;  // load_prices() reports what is wrong with prices
  return PlanLoader(context, classes)
      .load(read_gpu_prices({context.root, context.file, context.catalog, ignored}));
}

void put_gpu(Node& root, const std::string& gpu, const Span& span,
             std::initializer_list<std::pair<std::string_view, int>> split) {
  const auto put = [&span](Node& map, std::string_view key, const std::string& text) {
    Node* value = map.find(key);
    if (value == nullptr) {
      map.members.push_back({std::string(key), span, {}});
      value = &map.members.back().value;
    }
    *value = Node{};
    value->kind = Node::Kind::scalar;
    value->text = text;
    value->span = span;
  };
  if (!root.is_map()) {
    return;
  }
  Node* cluster = root.find("cluster");
  if (cluster == nullptr) {
    root.members.push_back({"cluster", span, {}});
    cluster = &root.members.back().value;
    cluster->kind = Node::Kind::map;
    cluster->span = span;
  }
  if (!cluster->is_map() || cluster->find("gpu") != nullptr) {
    return;
  }
  put(*cluster, "gpu", gpu);
  for (const auto& [key, ways] : split) {
    if (ways > 0) {
      put(*cluster, key, std::to_string(ways));
    }
  }
}

LoadedPlan load_plan_from_text(const std::string& text, const std::string& name,
                               const LoadOptions& options) {
  Reporter reporter;
  LoadedPlan loaded;
  const auto source = std::make_shared<const Source>(name, text);
  if (std::optional<Node> root = parse_yaml(source, reporter)) {
    if (root->is_null()) {
      root->span = {source, 1, 1, 0};
    }
    apply_overrides(*root, options.sets, reporter);
    if (root->is_map()) {
      loaded.plan = load_tree(std::move(*root), source, options, reporter);
    } else {
      check_schema(*root, workload_schema(), reporter);
    }
  }
  loaded.ok = !reporter.has_errors();
  loaded.diagnostics = reporter.take();
  std::erase_if(loaded.diagnostics,
                [](const Diagnostic& d) { return d.severity == Diagnostic::Severity::warning; });
  loaded.notes = reporter.take_notes();
  loaded.files = reporter.take_files();
  return loaded;
}

}  // namespace penstock::config
