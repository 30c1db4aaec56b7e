#include "workloads/generator.h"

#include <algorithm>
#include <numeric>
#include <utility>

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
      class_index_(options.class_index) {
  if (prefix_.shared > 0 && prefix_.prompts > 0) {
    first_prompt_ = groups_.next();
    order_.resize(static_cast<std::size_t>(prefix_.groups * prefix_.prompts));
    std::iota(order_.begin(), order_.end(), std::uint32_t{0});
    for (std::size_t i = order_.size() - 1; i > 0; --i) {
      std::swap(order_[i], order_[groups_.below(i + 1)]);
    }
  }
}

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
    share(request);
  }
  arrivals_->advance();
  return request;
}

/// Says which of its tokens other requests have too.
void GeneratedStream::share(Request& request) {
  const std::int64_t shared = std::min(prefix_.shared, request.input_tokens);
  if (order_.empty()) {
    const std::uint64_t group = groups_.below(static_cast<std::uint64_t>(prefix_.groups));
    request.content = {{first_group_ + group, 0, shared}};
    return;
  }
  const std::uint64_t prompt = order_[sent_];
  sent_ = sent_ + 1 == order_.size() ? 0 : sent_ + 1;
  const std::uint64_t group = prompt / static_cast<std::uint64_t>(prefix_.prompts);
  request.content = {{first_group_ + group, 0, shared}};
  if (request.input_tokens > shared) {
    request.content.push_back({first_prompt_ + prompt, 0, request.input_tokens - shared});
  }
}

}  // namespace penstock
