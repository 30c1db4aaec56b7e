#pragma once

#include <compare>
#include <cstdint>

namespace penstock {

/// Picoseconds in a second.
constexpr std::int64_t ps_per_s = 1'000'000'000'000;

/// A point in simulated time or a span of it, in integer picoseconds.
///
/// The range is +-106 days; readers of traces and files reject what does not fit (`max`).
/// Integers make the order of events and the sums of leaps exact and independent of the machine.
struct SimTime {
  std::int64_t ps = 0;

  friend constexpr auto operator<=>(SimTime, SimTime) = default;
  constexpr SimTime& operator+=(SimTime other) {
    ps += other.ps;
    return *this;
  }
  friend constexpr SimTime operator+(SimTime a, SimTime b) { return {a.ps + b.ps}; }
  friend constexpr SimTime operator-(SimTime a, SimTime b) { return {a.ps - b.ps}; }
  friend constexpr SimTime operator*(SimTime a, std::int64_t k) { return {a.ps * k}; }

  /// Seconds, for output and for formulas only.
  constexpr double seconds() const { return static_cast<double>(ps) / 1e12; }
  constexpr double milliseconds() const { return static_cast<double>(ps) / 1e9; }

  static constexpr SimTime from_seconds(double s) {
    return {static_cast<std::int64_t>(s * 1e12 + (s < 0 ? -0.5 : 0.5))};
  }
  static constexpr SimTime from_milliseconds(double ms) { return from_seconds(ms * 1e-3); }
  /// Later than every event: "never".
  static constexpr SimTime never() { return {INT64_MAX}; }
  /// The longest span that a user may ask for: 100 days (sums of spans stay in range).
  static constexpr SimTime max() { return {8'640'000 * ps_per_s}; }
};

}  // namespace penstock
