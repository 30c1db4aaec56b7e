#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace penstock::output {

/// JSON with two spaces of indent, keys in their order, numbers in shortest round-trip form, what
/// is not a number as null, broken UTF-8 as U+FFFD. Ends with a line feed.
std::string to_text(const nlohmann::ordered_json& value);

}  // namespace penstock::output
