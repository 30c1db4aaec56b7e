#include "tools/report/report.h"

#include <fmt/format.h>

#include "tools/output/files.h"
#include "tools/output/text.h"
#include "tools/report/assets.h"
#include "tools/report/kinds.h"
#include "tools/report/result_files.h"

namespace penstock::report {

namespace fs = std::filesystem;

std::string make_report(const fs::path& folder) {
  std::error_code error;
  const std::string name = output::printable(folder.string());
  if (!fs::exists(folder, error)) {
    throw output::IoError(fmt::format("cannot read `{}`: there is no such folder", name));
  }
  const auto holds = [&](const char* file) { return fs::exists(folder / file, error); };
  if (holds("summary.json")) {
    return run_report(folder);
  }
  if (holds("sweep.json")) {
    return sweep_report(folder);
  }
  if (holds("plan.json")) {
    return plan_report(folder);
  }
  throw NotAResult(
      fmt::format("`{}` holds no result; `penstock run|sweep|plan FILE -o DIR` writes one", name));
}

bool has_charts() { return !chart_library().empty(); }

void write_page(const fs::path& file, const std::string& page) {
  output::WholeFile out(file);
  out.write(page);
  out.commit();
}

}  // namespace penstock::report
