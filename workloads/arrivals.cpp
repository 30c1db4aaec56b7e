#include "workloads/arrivals.h"

#include <cmath>
#include <functional>
#include <queue>
#include <vector>

#include "sim/core/assert.h"
#include "sim/core/int128.h"
#include "sim/core/rng.h"
#include "workloads/exact.h"
#include "workloads/limits.h"

namespace penstock {
namespace {

class Poisson final : public ArrivalProcess {
 public:
  Poisson(const ClassSpec& spec, std::uint64_t seed)
      : rng_(seed, "arrivals/" + spec.name), mean_gap_ps_(ps_per_s / spec.rate) {
    advance();
  }

  SimTime next() const override { return next_; }

  void advance() override {
    const double gap_ps = rng_.exponential(mean_gap_ps_);
    if (gap_ps > static_cast<double>((SimTime::max() - last_).ps)) {
      next_ = SimTime::never();
      return;
    }
    last_ += SimTime{std::llround(gap_ps)};
    next_ = last_;
  }

 private:
  Rng rng_;
  double mean_gap_ps_;
  SimTime last_;
  SimTime next_;
};

class Constant final : public ArrivalProcess {
 public:
  explicit Constant(const ClassSpec& spec) : rate_(spec.rate) { advance(); }

  SimTime next() const override { return next_; }

  void advance() override {
    ++number_;
    const double ps = static_cast<double>(number_) * ps_per_s / rate_;
    next_ = ps > static_cast<double>(SimTime::max().ps)
                ? SimTime::never()
                : SimTime{divide_rounded(Int128{number_} * 1'000'000'000'000, rate_)};
  }

 private:
  double rate_;
  std::int64_t number_ = 0;
  SimTime next_;
};

class Offline final : public ArrivalProcess {
 public:
  explicit Offline(std::uint64_t requests) : left_(requests) {}

  SimTime next() const override { return left_ > 0 ? SimTime{} : SimTime::never(); }
  void advance() override { --left_; }

 private:
  std::uint64_t left_;
};

class ClosedLoop final : public ArrivalProcess {
 public:
  explicit ClosedLoop(const ArrivalSpec& spec)
      : clients_(spec.concurrency), think_(spec.think), sent_(spec.concurrency) {
    for (std::int64_t i = 0; i < clients_; ++i) {
      due_.push(SimTime{});
    }
  }

  SimTime next() const override { return due_.empty() ? SimTime::never() : due_.top(); }
  void advance() override { due_.pop(); }

  void on_departure(SimTime now) override {
    const SimTime at = now + think_;
    if (at != instant_) {
      instant_ = at;
      sent_ = 0;
    }
    // More sends at one instant than there are clients: one of them was refused as it arrived, and
    // would be refused again for ever.
    if (sent_ == clients_) {
      due_.push(at + refused_wait);
      return;
    }
    ++sent_;
    due_.push(at);
  }

 private:
  static constexpr SimTime refused_wait{1'000'000'000'000};

  std::int64_t clients_;
  SimTime think_;
  SimTime instant_;    // the latest time at which a client was told to send,
  std::int64_t sent_;  // and how many were
  std::priority_queue<SimTime, std::vector<SimTime>, std::greater<>> due_;
};

}  // namespace

std::unique_ptr<ArrivalProcess> make_arrivals(const ClassSpec& spec, std::uint64_t seed,
                                              std::uint64_t offline_requests) {
  const bool has_rate = spec.rate > 0 && spec.rate <= max_rate_per_s;
  switch (spec.arrivals.process) {
    case ArrivalSpec::Process::poisson:
      PENSTOCK_ASSERT(has_rate);
      return std::make_unique<Poisson>(spec, seed);
    case ArrivalSpec::Process::constant:
      PENSTOCK_ASSERT(has_rate);
      return std::make_unique<Constant>(spec);
    case ArrivalSpec::Process::offline:
      return std::make_unique<Offline>(offline_requests);
    case ArrivalSpec::Process::closed_loop:
      PENSTOCK_ASSERT(spec.arrivals.concurrency >= 1 && spec.arrivals.think >= SimTime{});
      return std::make_unique<ClosedLoop>(spec.arrivals);
  }
  PENSTOCK_ASSERT(false);
}

}  // namespace penstock
