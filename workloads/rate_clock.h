#pragma once

#include <memory>

#include "sim/core/rng.h"
#include "sim/core/units.h"
#include "sim/scenario.h"

namespace penstock {

/// A rate over time, as pieces in which it is constant.
class RateCurve {
 public:
  struct Piece {
    SimTime end;        ///< after the piece before; never() for the last one
    double factor = 1;  ///< of the mean rate, >= 0
  };
  virtual ~RateCurve() = default;
  /// The next piece; not called after the last one.
  virtual Piece next() = 0;
};

/// Change of time: a process runs in a time of its own, at one rate, and the clock says when that
/// is on a curve. What the process is like (its cv) does not change, only how fast it runs.
class RateClock {
 public:
  explicit RateClock(std::unique_ptr<RateCurve> curve);

  /// Goes on by `gap_ps` >= 0 of the process's time, and says what time that is, rounded to a
  /// picosecond; never() if it is past SimTime::max() or the rate stays 0.
  SimTime advance(double gap_ps);
  SimTime now() const { return now_; }

 private:
  std::unique_ptr<RateCurve> curve_;
  RateCurve::Piece piece_;
  SimTime now_;
};

/// The curve of `modulation`, which is not empty.
std::unique_ptr<RateCurve> modulation_curve(const RateModulation& modulation);

/// On and off by turns, for exponential times, on at first with the probability that it is on in
/// the long run. With the mean rate 1, the rate is (on + off) / (on + r off) while on, r times that
/// while off, r = off_rate. Requires on, off > 0 and 0 <= r < 1.
std::unique_ptr<RateCurve> on_off_curve(const ArrivalSpec& spec, Rng rng);

}  // namespace penstock
