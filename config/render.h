#pragma once

#include <string>

#include "sim/core/diagnostic.h"

namespace penstock::config {

/// All diagnostics as people read them: message, position, source line, caret, notes; then, if one
/// of them is an error, a line that counts them. Ends with a line feed unless there is none.
///
///     error: unknown key `max_num_batched_token`
///       --> chat.yaml:14:5
///     14 |     max_num_batched_token: 8192
///        |     ^^^^^^^^^^^^^^^^^^^^^ did you mean `max_num_batched_tokens`?
///     1 error; nothing was run
///
/// Control characters of the input never reach the terminal.
std::string render(const Diagnostics& diagnostics, bool color);

/// One of them, without the closing line.
std::string render_one(const Diagnostic& diagnostic, bool color);

}  // namespace penstock::config
