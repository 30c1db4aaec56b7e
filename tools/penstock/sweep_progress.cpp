#include "tools/penstock/sweep_progress.h"

#include <fmt/format.h>

#include <utility>

#include "config/text.h"
#include "tools/explore/collect.h"
#include "tools/output/text.h"
#include "tools/penstock/console.h"

namespace penstock::cli {

SweepProgress::SweepProgress(std::vector<std::string> paths, std::size_t total, std::size_t done,
                             bool enabled)
    : enabled_(enabled), total_(total), done_(done), done_before_(done) {
  shape_.paths = std::move(paths);
}

SweepProgress::~SweepProgress() {
  if (shown_) {
    tell("\r\x1b[K");
  }
}

void SweepProgress::finished(const output::SweepPoint& point) {
  const std::lock_guard lock(mutex_);
  ++done_;
  if (point.status != "ok") {
    ++failed_;
  } else if (!best_ || explore::is_cheaper(point, *best_)) {
    best_ = point;
    best_->metrics.clear();
  }
}

std::string SweepProgress::line(Clock::time_point now) const {
  const auto count = [](std::size_t n) {
    return output::group_digits(static_cast<std::int64_t>(n));
  };
  const double share = static_cast<double>(done_) / static_cast<double>(total_);
  const auto filled = static_cast<std::size_t>(share * 20);
  std::string text = fmt::format("[{:<20}] {:3.0f} %  {} of {} done",
                                 std::string(filled, '=') + (filled < 20 ? ">" : ""), share * 100,
                                 count(done_), count(total_));
  if (failed_ > 0) {
    text += fmt::format("  {} failed", count(failed_));
  }
  if (best_) {
    const auto cost = output::at(best_->figures, output::SweepFigure::blended_cost);
    text += fmt::format("  best {}/M: {}", output::figure(cost.value_or(0)),
                        config::excerpt(output::values_text(shape_, *best_), 32));
  }
  if (done_ > done_before_) {
    const double elapsed = std::chrono::duration<double>(now - start_).count();
    const auto done = static_cast<double>(done_ - done_before_);
    text += fmt::format("  {} left",
                        output::span_text(elapsed / done * static_cast<double>(total_ - done_)));
  }
  return text;
}

void SweepProgress::tick() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  const Clock::time_point now = enabled_ ? Clock::now() : Clock::time_point{};
  if (!enabled_ || !lock.owns_lock() || now < next_) {
    return;
  }
  next_ = now + std::chrono::milliseconds(200);
  shown_ = true;
  tell("\r\x1b[K" + line(now));
}

}  // namespace penstock::cli
