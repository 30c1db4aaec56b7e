#include <cstdio>
#include <exception>
#include <string>

#include "tools/validation/report.h"

/// Prints docs/validation.md:
///
///     build/release/penstock_validate DATA_DIR > docs/validation.md
int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: penstock_validate DATA_DIR > docs/validation.md\n", stderr);
    return 2;
  }
  try {
    const std::string page = penstock::validation_report(argv[1]);
    const bool written = std::fwrite(page.data(), 1, page.size(), stdout) == page.size();
    return written && std::fflush(stdout) == 0 ? 0 : 74;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "penstock_validate: %s\n", error.what());
    return 1;
  }
}
