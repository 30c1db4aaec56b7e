#pragma once

#include <string_view>

#include "sim/core/diagnostic.h"

/// The streams: results on standard output, everything else on standard error.
namespace penstock::cli {

/// Writes a result to standard output; throws output::IoError if it cannot be written.
void print(std::string_view text);

/// Writes to standard error; what cannot be written there is lost.
void tell(std::string_view text);

/// Tells diagnostics, errors and warnings, as people read them.
void tell(const Diagnostics& diagnostics);

/// One line on standard error: "error: ...", "warning: ...".
void tell_error(std::string_view message);
void tell_warning(std::string_view message);

/// The exit code that errors among diagnostics ask for; 0 if there are none.
int exit_code_of(const Diagnostics& diagnostics);

enum class ColorMode { automatic, always, never };
/// `auto`: colour on a terminal unless NO_COLOR is set. Applies to both streams.
void set_color_mode(ColorMode mode);
bool color_on_output();
bool color_on_errors();
/// True if standard error is a terminal: the place for progress.
bool errors_go_to_terminal();

}  // namespace penstock::cli
