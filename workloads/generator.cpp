#include "workloads/generator.h"

#include "sim/core/assert.h"

namespace penstock {

GeneratedStream::GeneratedStream(const ClassSpec& spec, const Options& options)
    : arrivals_(make_arrivals(spec, options.seed, options.offline_requests)),
      input_(spec.input, options.seed, "input/" + spec.name),
      output_(spec.output, options.seed, "output/" + spec.name),
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
  request.input_tokens = input_.next();
  request.output_tokens = output_.next();
  request.priority = priority_;
  request.class_index = class_index_;
  arrivals_->advance();
  return request;
}

}  // namespace penstock
