#include "tools/penstock/schema_json.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "config/quantity.h"
#include "config/text.h"
#include "tools/output/json_text.h"

namespace penstock::cli {
namespace {

using Json = nlohmann::ordered_json;
using config::Key;
using config::Scalar;
using config::Unit;

/// The rows of a schema by where they stand: `a.b`, `a[]`, `a.*`.
struct Place {
  const Key* key = nullptr;
  std::vector<std::pair<std::string, std::unique_ptr<Place>>> children;  ///< in the table's order
  std::unique_ptr<Place> item;                                           ///< of a list
  std::unique_ptr<Place> other;                                          ///< any name

  Place& child(const std::string& name) {
    for (auto& [known, place] : children) {
      if (known == name) {
        return *place;
      }
    }
    children.emplace_back(name, std::make_unique<Place>());
    return *children.back().second;
  }
};

Place& made(std::unique_ptr<Place>& place) {
  if (!place) {
    place = std::make_unique<Place>();
  }
  return *place;
}

Place places_of(config::Schema schema) {
  Place root;
  for (const Key& key : schema) {
    Place* at = &root;
    for (const std::string_view part : config::split(key.path, '.')) {
      std::string_view name = part;
      std::size_t lists = 0;
      for (; name.ends_with("[]"); name.remove_suffix(2)) {
        ++lists;
      }
      at = name == "*" ? &made(at->other) : &at->child(std::string(name));
      for (; lists > 0; --lists) {
        at = &made(at->item);
      }
    }
    at->key = &key;
  }
  return root;
}

Json number_schema(const Key& key) {
  Json plain{{"type", key.scalar == Scalar::whole ? "integer" : "number"}};
  if (key.max > key.min) {
    plain[key.above_min ? "exclusiveMinimum" : "minimum"] = key.min;
    plain["maximum"] = key.max;
  }
  if (key.scalar == Scalar::whole) {
    return plain;
  }
  if (key.unit == Unit::count) {
    return plain;
  }
  Json text{{"type", "string"},
            {"pattern", "[0-9]"},
            {"examples", Json::array({std::string(config::unit_example(key.unit))})}};
  // Without a unit only where the unit is a mere factor.
  const bool may_be_plain = key.unit == Unit::fraction || key.unit == Unit::amount;
  return may_be_plain ? Json{{"anyOf", Json::array({std::move(plain), std::move(text)})}}
                      : std::move(text);
}

std::vector<Json> scalar_schemas(const Key& key) {
  switch (key.scalar) {
    case Scalar::none:
      return {};
    case Scalar::text:
      return {{{"type", "string"}}};
    case Scalar::boolean:
      return {{{"type", "boolean"}}};
    case Scalar::seed:
      return {{{"type", "integer"}, {"minimum", 0}}};
    case Scalar::choice: {
      Json choices = Json::array();
      for (const std::string_view choice : config::split(key.choices, '|')) {
        choices.push_back(std::string(choice));
      }
      return {{{"enum", std::move(choices)}}};
    }
    case Scalar::whole:
    case Scalar::number:
      return {number_schema(key)};
  }
  return {};
}

Json schema_of(const Place& place) {
  std::vector<Json> kinds = place.key != nullptr ? scalar_schemas(*place.key) : std::vector<Json>{};
  const bool is_map = place.key == nullptr || place.key->map;
  if (is_map && !(place.key != nullptr && place.key->any)) {
    Json map{{"type", "object"}, {"properties", Json::object()}};
    Json required = Json::array();
    for (const auto& [name, child] : place.children) {
      map["properties"][name] = schema_of(*child);
      if (child->key != nullptr && child->key->required && child->key->or_else.empty()) {
        required.push_back(name);
      }
    }
    map["additionalProperties"] = place.other ? schema_of(*place.other) : Json(false);
    if (!required.empty()) {
      map["required"] = std::move(required);
    }
    kinds.push_back(std::move(map));
  }
  if (place.key != nullptr && place.key->list) {
    Json list{{"type", "array"}};
    if (place.item) {
      list["items"] = schema_of(*place.item);
    }
    kinds.push_back(std::move(list));
  }
  Json out = Json::object();
  if (place.key != nullptr) {
    std::string doc(place.key->doc);
    if (!place.key->later.empty()) {
      doc += fmt::format("{}not built yet: {}", doc.empty() ? "" : "; ", place.key->later);
    }
    if (!place.key->by_default.empty()) {
      doc += fmt::format("{}default: {}", doc.empty() ? "" : "; ", place.key->by_default);
    }
    if (!doc.empty()) {
      out["description"] = std::move(doc);
    }
  }
  if (kinds.size() == 1) {
    out.update(kinds.front());
  } else if (!kinds.empty()) {
    out["anyOf"] = kinds;
  }
  return out;
}

}  // namespace

std::string json_schema(config::Schema schema, const std::string& title) {
  Json root{{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", title}};
  root.update(schema_of(places_of(schema)));
  return output::to_text(root);
}

}  // namespace penstock::cli
