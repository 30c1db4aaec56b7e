#include "tools/penstock/console.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "config/render.h"
#include "tools/output/files.h"
#include "tools/penstock/command.h"

namespace penstock::cli {
namespace {

ColorMode color_mode = ColorMode::automatic;

bool color_on(int descriptor) {
  if (color_mode != ColorMode::automatic) {
    return color_mode == ColorMode::always;
  }
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal != nullptr && std::string_view(terminal) == "dumb";
  return (no_color == nullptr || *no_color == '\0') && !dumb && ::isatty(descriptor) == 1;
}

/// Messages go through spdlog: "error: ...", without a time, so that a run can be compared.
spdlog::logger& logger() {
  static spdlog::logger instance = [] {
    auto sink = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_st>(
        color_on_errors() ? spdlog::color_mode::always : spdlog::color_mode::never);
    spdlog::logger made("penstock", std::move(sink));
    made.set_pattern("%^%l%$: %v");
    made.flush_on(spdlog::level::trace);
    return made;
  }();
  return instance;
}

}  // namespace

void print(std::string_view text) { output::write_all(STDOUT_FILENO, text, "standard output"); }

void tell(std::string_view text) {
  try {
    output::write_all(STDERR_FILENO, text, "standard error");
  } catch (const output::IoError&) {
    // Nobody is listening; the exit code still tells.
  }
}

void tell(const Diagnostics& diagnostics) {
  if (!diagnostics.empty()) {
    tell(config::render(diagnostics, color_on_errors()));
  }
}

void tell_error(std::string_view message) { logger().error("{}", message); }
void tell_warning(std::string_view message) { logger().warn("{}", message); }

int exit_code_of(const Diagnostics& diagnostics) {
  // What cannot be read comes first, then what is wrong, then what is right but impossible.
  int code = exit_ok;
  const auto rank = [](int c) { return c == exit_io ? 3 : c == exit_invalid_input ? 2 : c != 0; };
  for (const Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity != Diagnostic::Severity::error) {
      continue;
    }
    const int own = diagnostic.kind == Diagnostic::Kind::io      ? exit_io
                    : diagnostic.kind == Diagnostic::Kind::input ? exit_invalid_input
                                                                 : exit_infeasible;
    code = rank(own) > rank(code) ? own : code;
  }
  return code;
}

void set_color_mode(ColorMode mode) { color_mode = mode; }
bool color_on_output() { return color_on(STDOUT_FILENO); }
bool color_on_errors() { return color_on(STDERR_FILENO); }
bool errors_go_to_terminal() { return ::isatty(STDERR_FILENO) == 1; }

}  // namespace penstock::cli
