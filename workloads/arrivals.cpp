#include "workloads/arrivals.h"

#include <functional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "sim/core/assert.h"
#include "sim/core/int128.h"
#include "sim/core/math.h"
#include "sim/core/rng.h"
#include "workloads/clients.h"
#include "workloads/exact.h"
#include "workloads/gaps.h"
#include "workloads/limits.h"
#include "workloads/rate_clock.h"

namespace penstock {
namespace {

/// Independent gaps, on the curves that bend them, the inner one first.
class Renewal final : public ArrivalProcess {
 public:
  Renewal(Gaps gaps, std::vector<RateClock> clocks)
      : gaps_(std::move(gaps)), clocks_(std::move(clocks)) {
    advance();
  }

  SimTime next() const override { return next_; }

  void advance() override {
    double gap_ps = gaps_.next();
    if (clocks_.empty()) {
      const bool is_late = gap_ps > static_cast<double>((SimTime::max() - last_).ps);
      next_ = is_late ? SimTime::never() : last_ + SimTime{math::round(gap_ps)};
    }
    for (RateClock& clock : clocks_) {
      const SimTime before = clock.now();
      next_ = clock.advance(gap_ps);
      if (next_ == SimTime::never()) {
        break;
      }
      gap_ps = static_cast<double>((next_ - before).ps);
    }
    last_ = next_ == SimTime::never() ? last_ : next_;
  }

 private:
  Gaps gaps_;
  std::vector<RateClock> clocks_;
  SimTime last_;
  SimTime next_;
};

class Constant final : public ArrivalProcess {
 public:
  explicit Constant(double rate) : rate_(rate) { advance(); }

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

/// Several processes as one; of arrivals at one instant, that of the lower number comes first.
class Superposition final : public ArrivalProcess {
 public:
  explicit Superposition(std::vector<std::unique_ptr<ArrivalProcess>> parts)
      : parts_(std::move(parts)) {
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      due_.emplace(parts_[i]->next(), i);
    }
  }

  SimTime next() const override { return due_.top().first; }

  void advance() override {
    const std::size_t part = due_.top().second;
    due_.pop();
    parts_[part]->advance();
    due_.emplace(parts_[part]->next(), part);
  }

 private:
  using Due = std::pair<SimTime, std::size_t>;
  std::vector<std::unique_ptr<ArrivalProcess>> parts_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
};

/// A process whose times are multiplied so that the last of its `count` arrivals comes at `end`
/// exactly. `rehearsal` is a second copy of it, to learn when that would have been.
class Rescaled final : public ArrivalProcess {
 public:
  Rescaled(std::unique_ptr<ArrivalProcess> process, std::unique_ptr<ArrivalProcess> rehearsal,
           std::uint64_t count, SimTime end)
      : process_(std::move(process)), end_(end) {
    for (std::uint64_t i = 0; i < count && rehearsal->next() < SimTime::never(); ++i) {
      last_ = rehearsal->next();
      rehearsal->advance();
    }
  }

  SimTime next() const override {
    const SimTime at = process_->next();
    if (at > last_ || last_ == SimTime{}) {
      return at > last_ ? SimTime::never() : end_;
    }
    // Halves up, and `end_` itself for the last one.
    const Int128 twice = 2 * Int128{at.ps} * end_.ps + last_.ps;
    return SimTime{static_cast<std::int64_t>(twice / (2 * Int128{last_.ps}))};
  }

  void advance() override { process_->advance(); }

 private:
  std::unique_ptr<ArrivalProcess> process_;
  SimTime last_;
  SimTime end_;
};

std::unique_ptr<ArrivalProcess> make_client(const ArrivalSpec& spec, double rate,
                                            std::uint64_t seed, const std::string& name) {
  const bool is_bent = !spec.modulation.from.empty();
  if (spec.process == ArrivalSpec::Process::constant && !is_bent) {
    return std::make_unique<Constant>(rate);
  }
  std::vector<RateClock> clocks;
  if (spec.process == ArrivalSpec::Process::on_off) {
    clocks.emplace_back(on_off_curve(spec, Rng(seed, "phases/" + name)));
  }
  if (is_bent) {
    clocks.emplace_back(modulation_curve(spec.modulation));
  }
  return std::make_unique<Renewal>(
      Gaps(spec.process, spec.cv, ps_per_s / rate, Rng(seed, "arrivals/" + name)),
      std::move(clocks));
}

std::unique_ptr<ArrivalProcess> make_open(const ClassSpec& spec, std::uint64_t seed) {
  PENSTOCK_ASSERT(spec.rate > 0 && spec.rate <= max_rate_per_s);
  const ArrivalSpec& arrivals = spec.arrivals;
  if (arrivals.clients.count == 1) {
    return make_client(arrivals, spec.rate, seed, spec.name);
  }
  std::vector<std::unique_ptr<ArrivalProcess>> parts;
  const std::vector<Client> clients = draw_clients(arrivals, seed, spec.name);
  for (std::size_t i = 0; i < clients.size(); ++i) {
    ArrivalSpec one = arrivals;
    one.cv = clients[i].cv;
    parts.push_back(make_client(one, spec.rate * clients[i].share, seed,
                                spec.name + "/client-" + std::to_string(i)));
  }
  return std::make_unique<Superposition>(std::move(parts));
}

}  // namespace

std::unique_ptr<ArrivalProcess> make_arrivals(const ClassSpec& spec, std::uint64_t seed,
                                              std::uint64_t requests) {
  switch (spec.arrivals.process) {
    case ArrivalSpec::Process::offline:
      return std::make_unique<Offline>(requests);
    case ArrivalSpec::Process::closed_loop:
      PENSTOCK_ASSERT(spec.arrivals.concurrency >= 1 && spec.arrivals.think >= SimTime{});
      return std::make_unique<ClosedLoop>(spec.arrivals);
    default:
      break;
  }
  std::unique_ptr<ArrivalProcess> process = make_open(spec, seed);
  if (!spec.arrivals.rescale) {
    return process;
  }
  const SimTime end{divide_rounded(Int128(requests) * ps_per_s, spec.rate)};
  return std::make_unique<Rescaled>(std::move(process), make_open(spec, seed), requests, end);
}

}  // namespace penstock
