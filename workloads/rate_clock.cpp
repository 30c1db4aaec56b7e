#include "workloads/rate_clock.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "sim/core/assert.h"
#include "sim/core/math.h"

namespace penstock {
namespace {

class Modulation final : public RateCurve {
 public:
  explicit Modulation(RateModulation spec) : spec_(std::move(spec)) {
    PENSTOCK_ASSERT(!spec_.from.empty() && spec_.from.size() == spec_.factors.size());
    PENSTOCK_ASSERT(spec_.from.front() == SimTime{} && spec_.from.back() < spec_.period);
  }

  Piece next() override {
    const double factor = spec_.factors[at_];
    ++at_;
    if (at_ < spec_.from.size()) {
      return {start_ + spec_.from[at_], factor};
    }
    if (spec_.period == SimTime::never()) {
      return {SimTime::never(), factor};
    }
    at_ = 0;
    start_ += spec_.period;
    return {start_, factor};
  }

 private:
  RateModulation spec_;
  std::size_t at_ = 0;
  SimTime start_;  // of the period
};

class OnOff final : public RateCurve {
 public:
  OnOff(const ArrivalSpec& spec, Rng rng)
      : rng_(rng),
        on_ps_(static_cast<double>(spec.on.ps)),
        off_ps_(static_cast<double>(spec.off.ps)),
        factor_on_((on_ps_ + off_ps_) / (on_ps_ + spec.off_rate * off_ps_)),
        factor_off_(spec.off_rate * factor_on_) {
    PENSTOCK_ASSERT(on_ps_ > 0 && off_ps_ > 0 && spec.off_rate >= 0 && spec.off_rate < 1);
    is_on_ = rng_.uniform() < on_ps_ / (on_ps_ + off_ps_);
  }

  Piece next() override {
    const double lasts_ps = rng_.exponential(is_on_ ? on_ps_ : off_ps_);
    const double factor = is_on_ ? factor_on_ : factor_off_;
    is_on_ = !is_on_;
    if (lasts_ps > static_cast<double>((SimTime::max() - end_).ps)) {
      return {SimTime::never(), factor};
    }
    end_ += SimTime{math::round(lasts_ps)};
    return {end_, factor};
  }

 private:
  Rng rng_;
  double on_ps_;
  double off_ps_;
  double factor_on_;
  double factor_off_;
  bool is_on_ = false;
  SimTime end_;
};

}  // namespace

RateClock::RateClock(std::unique_ptr<RateCurve> curve)
    : curve_(std::move(curve)), piece_(curve_->next()) {}

SimTime RateClock::advance(double gap_ps) {
  while (now_ <= SimTime::max()) {
    const double room_ps = static_cast<double>((piece_.end - now_).ps) * piece_.factor;
    if (gap_ps <= room_ps) {
      const double real_ps = gap_ps > 0 ? gap_ps / piece_.factor : 0;
      if (real_ps > static_cast<double>((SimTime::max() - now_).ps)) {
        break;
      }
      now_ = std::min(now_ + SimTime{math::round(real_ps)}, piece_.end);
      return now_;
    }
    if (piece_.end == SimTime::never()) {
      break;
    }
    gap_ps -= room_ps;
    now_ = piece_.end;
    piece_ = curve_->next();
  }
  now_ = SimTime::never();
  return now_;
}

std::unique_ptr<RateCurve> modulation_curve(const RateModulation& modulation) {
  return std::make_unique<Modulation>(modulation);
}

std::unique_ptr<RateCurve> on_off_curve(const ArrivalSpec& spec, Rng rng) {
  return std::make_unique<OnOff>(spec, rng);
}

}  // namespace penstock
