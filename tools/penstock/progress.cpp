#include "tools/penstock/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "tools/output/text.h"
#include "tools/penstock/console.h"

namespace penstock::cli {

ProgressLine::ProgressLine(const RequestSource& source, const Scenario& scenario, bool enabled)
    : enabled_(enabled),
      expected_(source.expected_requests()),
      horizon_(std::min(source.horizon(), scenario.until)) {}

ProgressLine::~ProgressLine() {
  if (shown_) {
    tell("\r\x1b[K");
  }
}

double ProgressLine::share_done(const Progress& progress) const {
  double share = 0;
  if (expected_ > 0) {
    share = static_cast<double>(progress.finished) / static_cast<double>(expected_);
  }
  if (horizon_ > SimTime{} && horizon_ != SimTime::never()) {
    share = std::max(share, progress.now.seconds() / horizon_.seconds());
  }
  return std::min(share, 1.0);
}

void ProgressLine::update(const Progress& progress) {
  const Clock::time_point now = Clock::now();
  if (!enabled_ || now < next_) {
    return;
  }
  next_ = now + std::chrono::milliseconds(200);
  shown_ = true;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const double share = share_done(progress);
  std::string line = "\r\x1b[K";
  if (share > 0) {
    const auto filled = static_cast<std::size_t>(share * 20);
    line += fmt::format("[{:<20}] {:3.0f} %  ", std::string(filled, '=') + (filled < 20 ? ">" : ""),
                        share * 100);
  }
  const std::uint64_t total = std::max(expected_, progress.arrived);
  line += fmt::format("sim {}  {} of {} requests done  {} requests/s",
                      output::span_text(progress.now.seconds()),
                      output::group_digits(static_cast<std::int64_t>(progress.finished)),
                      output::group_digits(static_cast<std::int64_t>(total)),
                      output::figure(static_cast<double>(progress.finished) / elapsed));
  if (share > 0) {
    line += fmt::format("  {} left", output::span_text(elapsed / share * (1 - share)));
  }
  tell(line);
}

}  // namespace penstock::cli
