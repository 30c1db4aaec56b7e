#include "tools/output/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace penstock::output {
namespace {

using Json = nlohmann::ordered_json;

std::string quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// nlohmann's own writer is not always shortest; a double stays recognisable as one.
std::string number(double value) {
  if (!std::isfinite(value)) {
    return "null";
  }
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) {
    text += ".0";
  }
  return text;
}

void write(const Json& value, std::size_t depth, std::string& out);

/// Lists of numbers stay on one line.
bool is_flat(const Json& list) {
  return std::all_of(list.begin(), list.end(), [](const Json& item) { return item.is_number(); });
}

void write_flat(const Json& list, std::string& out) {
  const char* separator = "[";
  for (const Json& item : list) {
    out += separator;
    write(item, 0, out);
    separator = ", ";
  }
  out += ']';
}

void write_container(const Json& value, std::size_t depth, std::string& out) {
  const bool is_object = value.is_object();
  if (value.empty()) {
    out += is_object ? "{}" : "[]";
    return;
  }
  if (!is_object && is_flat(value)) {
    write_flat(value, out);
    return;
  }
  out += is_object ? "{" : "[";
  const char* separator = "\n";
  for (auto item = value.begin(); item != value.end(); ++item) {
    out += separator;
    out.append(2 * (depth + 1), ' ');
    if (is_object) {
      out += quoted(item.key());
      out += ": ";
    }
    write(*item, depth + 1, out);
    separator = ",\n";
  }
  out += '\n';
  out.append(2 * depth, ' ');
  out += is_object ? "}" : "]";
}

void write(const Json& value, std::size_t depth, std::string& out) {
  if (value.is_structured()) {
    write_container(value, depth, out);
  } else if (value.is_number_float()) {
    out += number(value.get<double>());
  } else if (value.is_string()) {
    out += quoted(value.get_ref<const std::string&>());
  } else {
    out += value.dump();
  }
}

}  // namespace

std::string to_text(const Json& value) {
  std::string out;
  write(value, 0, out);
  out += '\n';
  return out;
}

}  // namespace penstock::output
