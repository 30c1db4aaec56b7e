#include "tools/explore/average.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "sim/core/assert.h"
#include "tools/explore/statistics.h"

namespace penstock::explore {
namespace {

using Json = nlohmann::ordered_json;
using Column = std::vector<const Json*>;

bool all_of(const Column& column, bool (Json::*is)() const noexcept) {
  return std::all_of(column.begin(), column.end(),
                     [is](const Json* value) { return (value->*is)(); });
}

/// Walks through several documents of the same shape at once.
class Merger {
 public:
  Json merge(const Column& column, const std::string& path, Json& ci95) {
    ci95 = nullptr;
    const Json& first = *column.front();
    if (all_of(column, &Json::is_number)) {
      return number(column, ci95);
    }
    if (all_of(column, &Json::is_object)) {
      return object(column, path, ci95);
    }
    const bool same_length = all_of(column, &Json::is_array) &&
                             std::all_of(column.begin(), column.end(), [&first](const Json* list) {
                               return list->size() == first.size();
                             });
    if (same_length) {
      return list(column, path, ci95);
    }
    if (all_of(column, &Json::is_boolean)) {
      return std::all_of(column.begin(), column.end(),
                         [](const Json* value) { return value->get<bool>(); });
    }
    if (std::all_of(column.begin(), column.end(),
                    [&first](const Json* value) { return *value == first; })) {
      return first;
    }
    reasons[path] = "not the same in all runs";
    return nullptr;
  }

  Json reasons = Json::object();

 private:
  static Json number(const Column& column, Json& ci95) {
    std::vector<double> values;
    for (const Json* value : column) {
      values.push_back(value->get<double>());
    }
    const Estimate result = estimate(values);
    ci95 = result.half_width;
    return result.mean;
  }

  Json object(const Column& column, const std::string& path, Json& ci95) {
    Json merged = Json::object();
    ci95 = Json::object();
    for (const auto& item : column.front()->items()) {
      static const Json nothing;
      Column below;
      for (const Json* value : column) {
        const auto found = value->find(item.key());
        below.push_back(found != value->end() ? &*found : &nothing);
      }
      Json width;
      merged[item.key()] = merge(below, path.empty() ? item.key() : path + "." + item.key(), width);
      if (!width.is_null() && !width.empty()) {
        ci95[item.key()] = std::move(width);
      }
    }
    return merged;
  }

  /// Widths of lists of objects would need the objects' names: left out.
  Json list(const Column& column, const std::string& path, Json& ci95) {
    Json merged = Json::array();
    for (std::size_t i = 0; i < column.front()->size(); ++i) {
      Column below;
      for (const Json* value : column) {
        below.push_back(&value->at(i));
      }
      Json width;
      merged.push_back(merge(below, path + "." + std::to_string(i), width));
    }
    ci95 = nullptr;
    return merged;
  }
};

}  // namespace

Average average_of(std::span<const std::string> summaries) {
  PENSTOCK_ASSERT(!summaries.empty());
  std::vector<Json> documents;
  Json reasons = Json::object();
  Json warnings = Json::array();
  for (const std::string& text : summaries) {
    Json document = Json::parse(text);
    const Json own = document.value("reasons", Json::object());
    for (const auto& item : own.items()) {
      reasons[item.key()] = item.value();
    }
    for (const Json& warning : document.value("warnings", Json::array())) {
      if (std::find(warnings.begin(), warnings.end(), warning) == warnings.end()) {
        warnings.push_back(warning);
      }
    }
    document.erase("reasons");
    document.erase("warnings");
    documents.push_back(std::move(document));
  }
  Column column;
  for (const Json& document : documents) {
    column.push_back(&document);
  }
  Merger merger;
  Json ci95;
  Json merged = merger.merge(column, "", ci95);
  for (const auto& item : merger.reasons.items()) {
    reasons[item.key()] = item.value();
  }
  merged["reasons"] = std::move(reasons);
  merged["warnings"] = std::move(warnings);
  return {merged.dump(), ci95.dump()};
}

}  // namespace penstock::explore
