#include "config/rewrite.h"

#include <fmt/format.h>
#include <yaml-cpp/emitter.h>
#include <yaml-cpp/emittermanip.h>

#include <algorithm>
#include <filesystem>

#include "config/load_parts.h"
#include "config/overrides.h"
#include "config/text.h"

namespace penstock::config {

namespace {

namespace fs = std::filesystem;

/// Longest line that a list or a map may stand on.
constexpr long longest_line = 98;

/// Characters of `node` on one line, about.
long line_length(const Node& node) {
  if (node.is_null()) {
    return 1;
  }
  if (node.is_scalar()) {
    return count_characters(node.text) + (node.quoted ? 2 : 0);
  }
  long length = 2;
  for (const Node& item : node.items) {
    length += line_length(item) + 2;
  }
  for (const Member& member : node.members) {
    length += count_characters(member.key) + line_length(member.value) + 4;
  }
  return length;
}

class Writer {
 public:
  std::string write(const Node& root) {
    put(root, 0, 0);
    return std::string(out_.c_str()) + "\n";
  }

 private:
  /// `key` is the length of what stands before the node on its line.
  void put(const Node& node, long depth, long key) {
    switch (node.kind) {
      case Node::Kind::null:
        out_ << YAML::Null;
        break;
      case Node::Kind::scalar:
        put_text(node.text, node.quoted);
        break;
      case Node::Kind::sequence:
        put_sequence(node, depth, key);
        break;
      case Node::Kind::map:
        put_map(node, depth, key);
        break;
    }
  }

  /// What was plain is valid as plain text; yaml-cpp quotes it where it is not (in `{}`).
  void put_text(const std::string& text, bool quoted) {
    if (quoted) {
      out_ << YAML::DoubleQuoted;
    }
    out_ << text;
  }

  void put_sequence(const Node& node, long depth, long key) {
    const bool has_maps = std::any_of(node.items.begin(), node.items.end(),
                                      [](const Node& item) { return item.is_map(); });
    out_ << (is_short(node, depth, key) && !has_maps ? YAML::Flow : YAML::Block) << YAML::BeginSeq;
    for (const Node& item : node.items) {
      put(item, depth + 1, 0);
    }
    out_ << YAML::EndSeq;
  }

  void put_map(const Node& node, long depth, long key) {
    out_ << (depth > 1 && is_short(node, depth, key) ? YAML::Flow : YAML::Block) << YAML::BeginMap;
    for (const Member& member : node.members) {
      out_ << YAML::Key;
      put_text(member.key, member.key == "<<");
      out_ << YAML::Value;
      put(member.value, depth + 1, count_characters(member.key) + 2);
    }
    out_ << YAML::EndMap;
  }

  static bool is_short(const Node& node, long depth, long key) {
    return 2 * depth + key + line_length(node) <= longest_line;
  }

  YAML::Emitter out_;
};

/// Turns a path as it stands at `node` into one that holds from `folder`.
void turn_path(const LoadContext& context, const std::string& folder, Node& node) {
  std::error_code error;
  const fs::path target = resolve_path(context, node.text, node.span);
  const fs::path start = folder.empty() ? fs::path(".") : fs::path(folder);
  const fs::path old_folder = fs::path(context.file->name()).parent_path();
  const bool stays = node.span.source == context.file &&
                     fs::weakly_canonical(start, error) ==
                         fs::weakly_canonical(old_folder.empty() ? "." : old_folder, error);
  if (fs::path(node.text).is_absolute() || (stays && !error)) {
    return;
  }
  const fs::path turned = fs::relative(fs::absolute(target), fs::absolute(start), error);
  node.text = error || turned.empty() ? fs::absolute(target, error).string() : turned.string();
}

void turn_paths(const LoadContext& context, const std::string& folder, Node& root) {
  Node* model = root.find("model");
  if (model != nullptr && model->is_scalar() &&
      model_file(context, model->text, model->span).has_value()) {
    turn_path(context, folder, *model);
    if (model->text.find('/') == std::string::npos && !model->text.ends_with(".json")) {
      model->text.insert(0, "./");  // else it would be a name
    }
  }
  Node* cluster = root.find("cluster");
  Node* gpu = cluster != nullptr ? cluster->find("gpu") : nullptr;
  if (gpu != nullptr && gpu->is_scalar() && is_catalog_file(gpu->text)) {
    turn_path(context, folder, *gpu);
  }
  Node* calibration = root.find("calibration");
  if (calibration != nullptr && calibration->is_scalar() && !calibration->text.empty()) {
    turn_path(context, folder, *calibration);
  }
  Node* workload = root.find("workload");
  Node* trace = workload != nullptr ? workload->find("trace") : nullptr;
  Node* file = trace != nullptr ? trace->find("file") : nullptr;
  if (file != nullptr && file->is_scalar() && !file->text.empty()) {
    turn_path(context, folder, *file);
  }
}

void remove(Node& map, std::initializer_list<std::string_view> keys) {
  std::erase_if(map.members, [keys](const Member& member) {
    return std::find(keys.begin(), keys.end(), member.key) != keys.end();
  });
}

void set_number(Node& map, const char* key, const std::string& text) {
  remove(map, {key});
  Node value;
  value.kind = Node::Kind::scalar;
  value.text = text;
  map.members.push_back({key, {}, std::move(value)});
}

/// Leaves the classes of `kept` alone in the workload, at their rates.
void keep_classes(const std::vector<std::pair<std::string, double>>& kept, Node& root) {
  Node* workload = root.find("workload");
  if (workload == nullptr || kept.empty()) {
    return;
  }
  const auto rate_of = [&kept](std::string_view name) {
    const auto found = std::find_if(kept.begin(), kept.end(),
                                    [name](const auto& one) { return one.first == name; });
    return found == kept.end() ? std::nullopt : std::optional(found->second);
  };
  remove(*workload, {"rate", "rate_scale"});
  if (Node* classes = workload->find("classes")) {
    std::erase_if(classes->items, [&](Node& one) {
      const Node* name = one.find("name");
      const auto rate = name != nullptr ? rate_of(name->text) : std::nullopt;
      if (rate && *rate > 0) {
        remove(one, {"share", "tokens_per_day", "rate_scale"});
        set_number(one, "rate", fmt::format("{}/s", *rate));
      }
      return !rate;
    });
    if (classes->items.empty()) {
      remove(*workload, {"classes"});
    }
  }
  if (Node* trace = workload->find("trace")) {
    if (const auto scale = rate_of("default")) {
      set_number(*trace, "rate_scale", fmt::format("{}", *scale));
    } else {
      remove(*workload, {"trace"});
    }
  }
}

}  // namespace

std::string rewrite(const std::string& text, const std::string& name,
                    const RewriteOptions& options) {
  Reporter reporter;
  const auto source = std::make_shared<const Source>(name, text);
  std::optional<Node> root = parse_yaml(source, reporter);
  if (!root) {
    return "";
  }
  apply_overrides(*root, options.sets, reporter);
  std::erase_if(root->members, [&](const Member& member) {
    return std::find(options.without.begin(), options.without.end(), member.key) !=
           options.without.end();
  });
  keep_classes(options.classes, *root);
  const Catalog catalog("", reporter);
  turn_paths({{&*root, "", workload_schema()}, source, catalog, reporter}, options.folder, *root);
  return Writer().write(*root);
}

}  // namespace penstock::config
