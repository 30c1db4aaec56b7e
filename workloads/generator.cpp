#include "workloads/generator.h"

#include <algorithm>

#include "sim/core/assert.h"

namespace penstock {

GeneratedStream::GeneratedStream(const ClassSpec& spec, const Options& options)
    : arrivals_(make_arrivals(spec, options.seed, options.requests)),
      input_(spec.input, options.seed, "input/" + spec.name),
      output_(spec.output, options.seed, "output/" + spec.name),
      prefix_(spec.prefix),
      groups_(options.seed, "prefix/" + spec.name),
      first_group_(groups_.next()),
      copula_(spec.rank_correlation),
      until_(options.until),
      priority_(spec.priority),
      class_index_(options.class_index) {}

SimTime GeneratedStream::next_arrival() const {
  const SimTime next = arrivals_->next();
  return next < until_ ? next : SimTime::never();
}

Request GeneratedStream::pop() {
  Request request;
  request.arrival = next_arrival();
  PENSTOCK_ASSERT(request.arrival < SimTime::never());
  const double at = input_.draw();
  const double independent = output_.draw();
  request.input_tokens = input_.at(at);
  request.output_tokens = output_.at(copula_.second(at, independent));
  request.priority = priority_;
  request.class_index = class_index_;
  if (prefix_.shared > 0) {
    const std::uint64_t group = groups_.below(static_cast<std::uint64_t>(prefix_.groups));
    request.content = {{first_group_ + group, 0, std::min(prefix_.shared, request.input_tokens)}};
  }
  arrivals_->advance();
  return request;
}

}  // namespace penstock
