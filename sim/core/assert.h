#pragma once

#include <stdexcept>
#include <string>

namespace penstock {

/// A broken invariant: a bug of ours, never a user's mistake. The command exits 70 on it.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

[[noreturn]] inline void assertion_failed(const char* condition, const char* file, int line) {
  throw InternalError(std::string("invariant broken: ") + condition + " (" + file + ":" +
                      std::to_string(line) + ")");
}

}  // namespace penstock

/// Checked in release builds too: only where it costs O(1) per step.
#define PENSTOCK_ASSERT(condition)                                  \
  do {                                                              \
    if (!(condition)) [[unlikely]] {                                \
      ::penstock::assertion_failed(#condition, __FILE__, __LINE__); \
    }                                                               \
  } while (false)
