#include "tools/penstock/plot_style.h"

#include <unistd.h>

#include <cstdlib>

#include "config/text.h"

namespace penstock::cli {

bool plots_are_ascii(const ParsedOptions& options) {
  if (options.has("ascii")) {
    return true;
  }
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') {
      const std::string locale = config::to_lower(value);
      const bool is_utf8 =
          locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
      return !is_utf8 && ::isatty(STDOUT_FILENO) == 1;
    }
  }
  return false;
}

}  // namespace penstock::cli
