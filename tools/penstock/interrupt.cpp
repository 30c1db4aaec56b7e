#include "tools/penstock/interrupt.h"

#include <csignal>
#include <ctime>

namespace penstock::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;
volatile std::sig_atomic_t first_second = 0;

/// Runs as a signal handler: only what POSIX allows there.
extern "C" void on_interrupt(int signal) {
  ::timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto second = static_cast<std::sig_atomic_t>(now.tv_sec & 0xffffff);
  if (interrupted == 0) {
    interrupted = 1;
    first_second = second;
  } else if (second - first_second > 1 || second < first_second) {
    // timeout(1) and some shells send a signal twice: only a later one means "at once".
    ::signal(signal, SIG_DFL);
    ::raise(signal);
  }
}

void install(int signal) {
  struct ::sigaction action {};
  action.sa_handler = on_interrupt;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

InterruptGuard::InterruptGuard() {
  install(SIGINT);
  install(SIGTERM);
}

InterruptGuard::~InterruptGuard() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

bool InterruptGuard::requested() { return interrupted != 0; }

}  // namespace penstock::cli
