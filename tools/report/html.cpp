#include "tools/report/html.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "config/text.h"
#include "tools/output/sha256.h"

namespace penstock::report {
namespace {

using Json = nlohmann::ordered_json;

void write_json(const Json& value, std::string& out) {
  if (value.is_number_float()) {
    const double number = value.get<double>();
    out += std::isfinite(number) ? fmt::format("{}", number) : "null";
  } else if (value.is_structured()) {
    const bool is_object = value.is_object();
    out += is_object ? '{' : '[';
    bool first = true;
    for (auto item = value.begin(); item != value.end(); ++item) {
      if (!first) {
        out += ',';
      }
      first = false;
      if (is_object) {
        out += Json(item.key()).dump(-1, ' ', true, Json::error_handler_t::replace);
        out += ':';
      }
      write_json(*item, out);
    }
    out += is_object ? '}' : ']';
  } else {
    out += value.dump(-1, ' ', true, Json::error_handler_t::replace);
  }
}

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const config::Utf8Char next = config::decode_utf8(text);
    const bool is_control = (next.code < 0x20 && next.code != '\n' && next.code != '\t') ||
                            (next.code >= 0x7f && next.code < 0xa0);
    if (next.code == 0xfffd || is_control) {
      out += "\xef\xbf\xbd";
    } else if (next.code == '<') {
      out += "&lt;";
    } else if (next.code == '>') {
      out += "&gt;";
    } else if (next.code == '&') {
      out += "&amp;";
    } else if (next.code == '"') {
      out += "&quot;";
    } else if (next.code == '\'') {
      out += "&#39;";
    } else {
      out += text.substr(0, next.bytes);
    }
    text.remove_prefix(next.bytes);
  }
  return out;
}

std::string script_json(const Json& value) {
  std::string plain;
  write_json(value, plain);
  std::string out;
  out.reserve(plain.size() + plain.size() / 16);
  // All else is ASCII already, U+2028 and U+2029 among it; these three stand in strings only.
  for (const char c : plain) {
    if (c == '<' || c == '>' || c == '&') {
      out += c == '<' ? "\\u003c" : c == '>' ? "\\u003e" : "\\u0026";
    } else {
      out += c;
    }
  }
  return out;
}

std::string script_hash(std::string_view script) {
  output::Sha256 hash;
  hash.add(script);
  const std::string hex = hash.hex_digest();
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  // 256 bits are 64 hex digits; base64 takes three of them to two letters, "=" fills the last four.
  std::string out = "'sha256-";
  for (std::size_t i = 0; i < hex.size(); i += 3) {
    unsigned bits = 0;
    for (std::size_t j = i; j < i + 3; ++j) {
      const char c = j < hex.size() ? hex[j] : '0';
      bits = bits * 16 + static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    out += digits[bits >> 6];
    if (i + 1 < hex.size()) {
      out += digits[bits & 63];
    }
  }
  return out + "='";
}

}  // namespace penstock::report
