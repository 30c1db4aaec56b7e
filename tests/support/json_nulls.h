#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace penstock::test {

/// The paths of all nulls in `root` for which `root["reasons"]` has no entry at the path itself or
/// that of an object around it: "plan.pools[0].at_mean".
inline std::vector<std::string> unexplained_nulls(const nlohmann::json& root) {
  std::vector<std::string> found;
  const auto visit = [&](const auto& self, const nlohmann::json& value, const std::string& path,
                         bool is_explained) -> void {
    is_explained = is_explained || root.at("reasons").contains(path);
    if (value.is_null() && !is_explained) {
      found.push_back(path);
    }
    for (const auto& item : value.items()) {
      if (value.is_structured()) {
        const std::string step = value.is_array() ? path + "[" + item.key() + "]"
                                 : path.empty()   ? item.key()
                                                  : path + "." + item.key();
        self(self, item.value(), step, is_explained);
      }
    }
  };
  visit(visit, root, "", false);
  return found;
}

}  // namespace penstock::test
