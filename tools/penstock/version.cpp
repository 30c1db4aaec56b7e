#include <fmt/format.h>

#include "penstock_version.h"
#include "tools/penstock/console.h"
#include "tools/penstock/options.h"

namespace penstock::cli {

int version_verb(const Arguments& arguments) {
  static constexpr Usage usage{"version", "", "Version, commit and compiler.", {}, {}, 0, 0};
  const ParsedOptions options = parse_options(usage, arguments);
  print(options.has("help") ? usage_text(usage)
                            : fmt::format("penstock {} (commit {}, {}, {})\n", version, commit,
                                          build_type, compiler));
  return exit_ok;
}

}  // namespace penstock::cli
