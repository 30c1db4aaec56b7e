#include "config/catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "config/embedded.h"
#include "config/text.h"

namespace penstock::config {

namespace {

constexpr CatalogKind all_kinds[] = {CatalogKind::gpus,     CatalogKind::models,
                                     CatalogKind::engines,  CatalogKind::prices,
                                     CatalogKind::profiles, CatalogKind::list_prices,
                                     CatalogKind::systems,  CatalogKind::closed_models};

Schema schema_of(CatalogKind kind) {
  switch (kind) {
    case CatalogKind::gpus:
      return gpu_schema();
    case CatalogKind::models:
      return model_schema();
    case CatalogKind::engines:
      return engine_schema();
    case CatalogKind::prices:
      return price_schema();
    case CatalogKind::list_prices:
      return list_price_schema();
    case CatalogKind::systems:
      return system_schema();
    case CatalogKind::closed_models:
      return closed_model_schema();
    case CatalogKind::profiles:
      break;
  }
  return profile_schema();
}

/// The spelling by which names are compared.
std::string normalized(std::string_view name) {
  std::string key = to_lower(name);
  std::replace(key.begin(), key.end(), '_', '-');
  std::replace(key.begin(), key.end(), ' ', '-');
  return key;
}

bool is_called(const Catalog::Entry& entry, const std::string& key) {
  return normalized(entry.name) == key ||
         std::any_of(entry.aliases.begin(), entry.aliases.end(),
                     [&key](const std::string& alias) { return normalized(alias) == key; });
}

/// Reads and checks a file of the user's.
std::optional<Node> read_checked(CatalogKind kind, const std::string& path, const Span& span,
                                 Reporter& reporter) {
  const SourcePtr source = read_source(path, path, span, reporter);
  std::optional<Node> root = source ? parse_yaml(source, reporter) : std::nullopt;
  if (!root) {
    return std::nullopt;
  }
  const std::size_t before = reporter.error_count();
  check_file(*root, kind, reporter);
  return reporter.error_count() == before ? std::move(root) : std::nullopt;
}

}  // namespace

bool is_catalog_file(std::string_view name) {
  return name.ends_with(".yaml") || name.ends_with(".yml");
}

std::optional<CatalogKind> kind_of_file(const Node& root) {
  if (!root.is_map() || root.find("workload") != nullptr) {
    return std::nullopt;
  }
  const auto has = [&root](std::string_view key) { return root.find(key) != nullptr; };
  return has("num_hidden_layers") || has("hidden_size") ? std::optional(CatalogKind::models)
         : has("memory_bandwidth") || has("peak")       ? std::optional(CatalogKind::gpus)
         : has("gpus") && has("gpu")                    ? std::optional(CatalogKind::systems)
         : has("memory_rule") || has("limits")          ? std::optional(CatalogKind::engines)
         : has("usd_per_hour")                          ? std::optional(CatalogKind::prices)
         : has("per_million")                           ? std::optional(CatalogKind::list_prices)
                                                        : std::nullopt;
}

void check_file(const Node& root, CatalogKind kind, Reporter& reporter) {
  check_schema(root, schema_of(kind), reporter);
  if (kind == CatalogKind::gpus) {
    check_gpu({&root, "", gpu_schema()}, reporter);
  } else if (kind == CatalogKind::models) {
    check_model({&root, "", model_schema()}, reporter);
  }
}

std::string_view to_string(CatalogKind kind) {
  constexpr std::string_view names[] = {"gpus",     "models",      "engines", "prices",
                                        "profiles", "list-prices", "systems", "closed-models"};
  return names[static_cast<std::size_t>(kind)];
}

std::string_view noun(CatalogKind kind) {
  constexpr std::string_view nouns[] = {
      "GPU", "model", "engine", "price", "length profile", "list price", "system", "closed model"};
  return nouns[static_cast<std::size_t>(kind)];
}

Catalog::Catalog(std::string folder, Reporter& reporter) {
  if (!folder.empty()) {
    add_folder(folder, reporter);
  }
  add_embedded();
}

void Catalog::add_embedded() {
  for (const EmbeddedFile& file : embedded_files()) {
    for (const CatalogKind kind : all_kinds) {
      if (file.kind == to_string(kind)) {
        Stored stored;
        stored.entry = {kind, std::string(file.name), std::string(file.title),
                        {},   std::string(file.path), false};
        for (const std::string_view alias : split(file.aliases, ',')) {
          stored.entry.aliases.emplace_back(alias);
        }
        stored.text = file.text;
        items_.push_back(std::move(stored));
      }
    }
  }
}

void Catalog::add_folder(const std::string& folder, Reporter& reporter) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    Diagnostic& d = reporter.error({}, "`--catalog`: there is no such folder");
    d.file = folder;
    return;
  }
  bool has_any = false;
  for (const CatalogKind kind : all_kinds) {
    const fs::path sub = fs::path(folder) / to_string(kind);
    std::set<std::string> paths;  // sorted: the order of a folder differs between machines
    for (fs::directory_iterator it(sub, error), end; !error && it != end; it.increment(error)) {
      if (it->path().extension() == ".yaml" || it->path().extension() == ".yml") {
        paths.insert(it->path().string());
      }
    }
    for (const std::string& path : paths) {
      add_file(kind, path, reporter);
      has_any = true;
    }
  }
  if (!has_any) {
    Diagnostic& d = reporter.warning({}, "`--catalog`: nothing found in this folder");
    d.file = folder;
    d.notes.emplace_back(
        "files are looked for in gpus/, models/, engines/, prices/, profiles/, list-prices/, "
        "systems/");
  }
}

void Catalog::add_file(CatalogKind kind, const std::string& path, Reporter& reporter) {
  Stored stored;
  stored.source = read_source(path, path, {}, reporter);
  if (!stored.source) {
    return;
  }
  const std::optional<Node> root = parse_yaml(stored.source, reporter);
  if (!root) {
    return;
  }
  check_file(*root, kind, reporter);
  const Section file(&*root, "", schema_of(kind));
  stored.entry.kind = kind;
  stored.entry.path = path;
  stored.entry.is_users = true;
  stored.entry.name = file.text("name").value_or(std::filesystem::path(path).stem().string());
  for (const Stored& other : items_) {
    if (other.entry.kind == kind && other.entry.name == stored.entry.name) {
      Diagnostic& d = reporter.error(file.span("name"), fmt::format("there is a {} `{}` already",
                                                                    noun(kind), other.entry.name));
      d.notes.push_back("in " + other.entry.path);
      return;
    }
  }
  stored.entry.title = file.text("title").value_or(stored.entry.name);
  if (const Node* aliases = file.find("aliases"); aliases != nullptr && aliases->is_sequence()) {
    for (const Node& alias : aliases->items) {
      stored.entry.aliases.push_back(alias.text);
    }
  }
  items_.push_back(std::move(stored));
}

std::vector<Catalog::Entry> Catalog::list(CatalogKind kind) const {
  std::vector<Entry> entries;
  for (const Stored& item : items_) {
    const auto is_same = [&item](const Entry& e) { return e.name == item.entry.name; };
    if (item.entry.kind == kind && std::none_of(entries.begin(), entries.end(), is_same)) {
      entries.push_back(item.entry);
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

const Catalog::Stored* Catalog::find_stored(CatalogKind kind, std::string_view name) const {
  const std::string key = normalized(name);
  const Stored* found = nullptr;
  for (const Stored& item : items_) {
    if (item.entry.kind != kind) {
      continue;
    }
    if (normalized(item.entry.name) == key) {
      return &item;  // a name goes before any alias
    }
    if (found == nullptr && is_called(item.entry, key)) {
      found = &item;
    }
  }
  return found;
}

const Catalog::Entry* Catalog::find(CatalogKind kind, std::string_view name) const {
  const Stored* stored = find_stored(kind, name);
  return stored != nullptr ? &stored->entry : nullptr;
}

std::optional<std::string> Catalog::resolve(CatalogKind kind, std::string_view name,
                                            const Span& span, Reporter& reporter) const {
  const Stored* stored = find_or_report(kind, name, span, reporter);
  return stored != nullptr ? std::optional(stored->entry.name) : std::nullopt;
}

std::string_view Catalog::text(const Entry& entry) const {
  for (const Stored& item : items_) {
    if (item.entry.kind == entry.kind && item.entry.path == entry.path) {
      return item.source ? item.source->text() : item.text;
    }
  }
  return {};
}

const Catalog::Stored* Catalog::find_or_report(CatalogKind kind, std::string_view name,
                                               const Span& span, Reporter& reporter) const {
  if (const Stored* stored = find_stored(kind, name)) {
    return stored;
  }
  std::vector<std::string_view> names;
  std::vector<std::string_view> spellings;
  for (const Stored& item : items_) {
    if (item.entry.kind == kind) {
      names.push_back(item.entry.name);
      spellings.insert(spellings.end(), item.entry.aliases.begin(), item.entry.aliases.end());
    }
  }
  if (kind == CatalogKind::models) {
    if (const Stored* closed = find_stored(CatalogKind::closed_models, name)) {
      Diagnostic& d = reporter.infeasible(
          span, fmt::format("the architecture of {} is not public", closed->entry.title));
      d.notes.emplace_back(
          "without layers, widths and experts there is no memory and no step time to compute");
      d.notes.emplace_back(
          "`penstock catalog list-prices` has what it is sold at; choose an open model to compare");
      return nullptr;
    }
  }
  std::string hint = did_you_mean(name, names, 3);
  if (hint.empty()) {
    // A near alias is worth its catalogue name.
    const std::vector<std::string_view> near = nearest_names(name, spellings, 1);
    if (!near.empty()) {
      hint = fmt::format("did you mean `{}`?", find_stored(kind, near.front())->entry.name);
    }
  }
  Diagnostic& d = reporter.error(
      span, fmt::format("there is no {} `{}` in the catalogue", noun(kind), excerpt(name)), hint);
  if (kind == CatalogKind::profiles) {
    d.notes.push_back("known are " + list_of_names(names));
  } else {
    d.notes.push_back(fmt::format("`penstock catalog {}` lists what there is", to_string(kind)));
  }
  if (kind == CatalogKind::models) {
    d.notes.emplace_back("`model:` also takes the path of a Hugging Face config.json");
  }
  return nullptr;
}

std::optional<Node> Catalog::parse(const Stored& stored, Reporter& reporter) const {
  const SourcePtr source =
      stored.source ? stored.source
                    : std::make_shared<const Source>(stored.entry.path, std::string(stored.text));
  Reporter own;
  std::optional<Node> root = parse_yaml(source, own);
  if (root) {
    check_file(*root, stored.entry.kind, own);
  }
  if (!own.has_errors()) {
    return root;
  }
  if (!stored.entry.is_users) {  // the user's files were reported when they were read
    reporter.append(own.take());
  }
  return std::nullopt;
}

std::optional<Accelerator> Catalog::gpu(std::string_view name, const Span& span,
                                        Reporter& reporter) const {
  const Stored* stored = find_or_report(CatalogKind::gpus, name, span, reporter);
  const auto root = stored != nullptr ? parse(*stored, reporter) : std::nullopt;
  return root ? std::optional(read_gpu({&*root, "", gpu_schema()})) : std::nullopt;
}

std::optional<Architecture> Catalog::model(std::string_view name, const Span& span,
                                           Reporter& reporter) const {
  const Stored* stored = find_or_report(CatalogKind::models, name, span, reporter);
  const auto root = stored != nullptr ? parse(*stored, reporter) : std::nullopt;
  if (!root) {
    return std::nullopt;
  }
  return read_model({&*root, "", model_schema()});
}

std::optional<Accelerator> Catalog::gpu_file(const std::string& path, const Span& span,
                                             Reporter& reporter) {
  const auto root = read_checked(CatalogKind::gpus, path, span, reporter);
  return root ? std::optional(read_gpu({&*root, "", gpu_schema()})) : std::nullopt;
}

std::optional<Architecture> Catalog::model_file(const std::string& path, const Span& span,
                                                Reporter& reporter) {
  const auto root = read_checked(CatalogKind::models, path, span, reporter);
  return root ? std::optional(read_model({&*root, "", model_schema()})) : std::nullopt;
}

std::optional<EnginePreset> Catalog::engine(std::string_view name, const Span& span,
                                            Reporter& reporter) const {
  const Stored* stored = find_or_report(CatalogKind::engines, name, span, reporter);
  const auto root = stored != nullptr ? parse(*stored, reporter) : std::nullopt;
  return root ? std::optional(read_engine({&*root, "", engine_schema()})) : std::nullopt;
}

std::optional<LengthProfile> Catalog::profile(std::string_view name, const Span& span,
                                              Reporter& reporter) const {
  const Stored* stored = find_or_report(CatalogKind::profiles, name, span, reporter);
  const auto root = stored != nullptr ? parse(*stored, reporter) : std::nullopt;
  return root ? read_profile({&*root, "", profile_schema()}, reporter) : std::nullopt;
}

std::optional<ServerFacts> Catalog::server_of(std::string_view gpu_name, Reporter& reporter) const {
  std::optional<ServerFacts> found;
  for (const Stored& stored : items_) {
    if (stored.entry.kind != CatalogKind::systems || (found && found->network_gb_s > 0)) {
      continue;
    }
    const auto root = parse(stored, reporter);
    const Section file(root ? &*root : nullptr, "", system_schema());
    if (file.text("gpu") != gpu_name) {
      continue;
    }
    const auto gpus = file.whole("gpus").value_or(1);
    const double share =
        file.number("network_bandwidth").value_or(0) / 1e9 / static_cast<double>(gpus);
    if (!found || share > 0) {
      found = {static_cast<int>(gpus), share};
    }
  }
  return found;
}

std::optional<GpuPrice> Catalog::price(std::string_view gpu_name, Reporter& reporter) const {
  const Stored* stored = find_stored(CatalogKind::prices, gpu_name);
  const auto root = stored != nullptr ? parse(*stored, reporter) : std::nullopt;
  return root ? std::optional(read_price({&*root, "", price_schema()})) : std::nullopt;
}

std::optional<ListPrice> Catalog::list_price(std::string_view name, const Span& span,
                                             Reporter& reporter) const {
  const Stored* stored = find_or_report(CatalogKind::list_prices, name, span, reporter);
  const auto root = stored != nullptr ? parse(*stored, reporter) : std::nullopt;
  return root ? std::optional(read_list_price({&*root, "", list_price_schema()})) : std::nullopt;
}

}  // namespace penstock::config
