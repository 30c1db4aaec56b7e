#pragma once

#include <cstdint>

namespace penstock {

/// Appends the digits at the start of a text to a value; returns where they end. Requires at most
/// 19 of them, those in the value included.
inline const char* append_digits(const char* at, const char* end, std::uint64_t& value) {
  std::uint64_t sum = value;  // in a register
  for (; at != end; ++at) {
    const unsigned digit = static_cast<unsigned char>(*at) - unsigned{'0'};
    if (digit > 9) {
      break;
    }
    sum = sum * 10 + digit;
  }
  value = sum;
  return at;
}

}  // namespace penstock
