#pragma once

#include <string>
#include <vector>

namespace penstock {

/// One thing wrong with what the user gave, and where. Plain data: config/render.h prints it.
struct Diagnostic {
  enum class Severity { error, warning };
  enum class Kind { input, infeasible, io };  ///< exit code 3, 4 or 74

  Severity severity = Severity::error;
  Kind kind = Kind::input;
  std::string message;      ///< one sentence, no full stop, no position
  std::string file;         ///< as the user spelled it; `--set[2]` for an override; may be empty
  long line = 0;            ///< from 1; 0 = no position
  long column = 0;          ///< from 1, in characters (not bytes); 0 = none
  long length = 0;          ///< characters to underline; 0 = one caret
  std::string source_line;  ///< the offending line, without its end
  std::string label;        ///< beside the caret: "did you mean `x`?"; may be empty
  std::vector<std::string> notes;  ///< "= note: ..." lines: the arithmetic, a hint
};

using Diagnostics = std::vector<Diagnostic>;

/// True if one of them is an error.
inline bool has_errors(const Diagnostics& diagnostics) {
  for (const Diagnostic& d : diagnostics) {
    if (d.severity == Diagnostic::Severity::error) {
      return true;
    }
  }
  return false;
}

}  // namespace penstock
