#include "workloads/arrival_counts.h"

#include <algorithm>
#include <boost/accumulators/accumulators.hpp>
#include <boost/accumulators/statistics/mean.hpp>
#include <boost/accumulators/statistics/stats.hpp>
#include <boost/accumulators/statistics/variance.hpp>
#include <cmath>

#include "sim/metrics/quantiles.h"

namespace penstock {
namespace {

namespace acc = boost::accumulators;
using MeanAndVariance = acc::accumulator_set<double, acc::stats<acc::tag::variance>>;

constexpr std::int64_t gap_window_ps = 300 * ps_per_s;
constexpr std::size_t fewest_gaps = 3;

}  // namespace

void WindowCounts::add(SimTime time) {
  const std::int64_t window = time.ps / length_.ps;
  if (window != window_) {
    sum_ += in_window_;
    sum_of_squares_ += Int128{in_window_} * in_window_;
    most_ = std::max(most_, in_window_);
    window_ = window;
    in_window_ = 0;
  }
  ++in_window_;
}

std::optional<double> WindowCounts::peak_per_s() const {
  if (window_ == 0) {
    return std::nullopt;
  }
  return static_cast<double>(most_) / length_.seconds();
}

std::optional<double> WindowCounts::fano() const {
  if (window_ == 0 || sum_ == 0) {
    return std::nullopt;
  }
  // (n sum x^2 - (sum x)^2) / (n sum x), exact up to the division.
  const Int128 over = window_ * sum_of_squares_ - sum_ * sum_;
  return static_cast<double>(over) / static_cast<double>(window_ * sum_);
}

struct GapCounts::Moments {
  MeanAndVariance set;

  void add(double value) { set(value); }
  std::size_t count() const { return acc::count(set); }
  std::optional<double> cv() const {
    const double mean = acc::mean(set);
    return mean > 0 ? std::optional(std::sqrt(acc::variance(set)) / mean) : std::nullopt;
  }
};

GapCounts::GapCounts() : all_(std::make_unique<Moments>()), window_(std::make_unique<Moments>()) {}
GapCounts::~GapCounts() = default;

void GapCounts::add(SimTime time) {
  const std::int64_t window = time.ps / gap_window_ps;
  if (window != window_number_) {
    finish();
    window_number_ = window;
    window_ = std::make_unique<Moments>();
  } else if (!is_first_) {
    window_->add((time - latest_).seconds());
  }
  if (!is_first_) {
    all_->add((time - latest_).seconds());
  }
  latest_ = time;
  is_first_ = false;
}

void GapCounts::finish() {
  if (window_->count() >= fewest_gaps) {
    if (const auto cv = window_->cv()) {
      windows_.push_back(*cv);
    }
  }
}

std::optional<double> GapCounts::cv() const {
  return all_->count() < 2 ? std::nullopt : all_->cv();
}

std::optional<double> GapCounts::cv_in_windows() const {
  if (windows_.empty()) {
    return std::nullopt;
  }
  std::vector<double> sorted = windows_;
  std::sort(sorted.begin(), sorted.end());
  const QuantilePosition at = quantile_position(sorted.size(), 0.5);
  const double low = sorted[at.lower];
  const double high = sorted[std::min<std::size_t>(at.lower + 1, sorted.size() - 1)];
  return low + (high - low) * at.fraction;
}

}  // namespace penstock
