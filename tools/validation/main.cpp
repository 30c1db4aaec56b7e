#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "tools/validation/report.h"

namespace {

void write_images(const penstock::ValidationReport& report, const std::filesystem::path& folder) {
  for (const penstock::ReportImage& image : report.images) {
    std::ofstream out(folder / image.name, std::ios::binary);
    out << image.svg;
    if (!out.flush()) {
      throw std::runtime_error("cannot write " + (folder / image.name).string());
    }
  }
}

}  // namespace

/// Prints docs/validation.md, and writes the pictures that it shows:
///
///     build/release/penstock_validate DATA_DIR docs/images docs/measured > docs/validation.md
int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) {
    std::fputs(
        "usage: penstock_validate DATA_DIR [IMAGES_DIR [UNFITTED_DIR]] > docs/validation.md\n",
        stderr);
    return 2;
  }
  try {
    const penstock::ValidationReport report =
        penstock::validation_report(argv[1], argc > 3 ? argv[3] : "");
    if (argc >= 3) {
      write_images(report, argv[2]);
    }
    const std::string& page = report.page;
    const bool written = std::fwrite(page.data(), 1, page.size(), stdout) == page.size();
    return written && std::fflush(stdout) == 0 ? 0 : 74;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "penstock_validate: %s\n", error.what());
    return 1;
  }
}
