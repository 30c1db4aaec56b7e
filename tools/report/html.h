#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace penstock::report {

/// Text as the content of an element or of a quoted attribute: markup is harmless, what no browser
/// shows is U+FFFD.
std::string escape(std::string_view text);

/// JSON as the content of a script element: `<`, `>`, `&`, U+2028 and U+2029 as \u escapes, so that
/// no text in it can end the element.
std::string script_json(const nlohmann::ordered_json& value);

/// The source of a script for a Content-Security-Policy: 'sha256-...'.
std::string script_hash(std::string_view script);

}  // namespace penstock::report
