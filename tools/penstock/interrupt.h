#pragma once

namespace penstock::cli {

/// While it lives, the first Ctrl-C (SIGINT, SIGTERM) only sets a flag; another one, two seconds
/// later or more, ends the process as usual.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  static bool requested();
};

}  // namespace penstock::cli
