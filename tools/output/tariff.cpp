#include "tools/output/tariff.h"

#include <algorithm>
#include <cmath>

#include "tools/output/least_squares.h"

namespace penstock::output {
namespace {

/// Costs as whole numbers, so that their sums are exact: the dearest request is 2^40.
constexpr double finest = 1099511627776.0;

constexpr auto input = static_cast<std::size_t>(TokenType::input);
constexpr auto cached_input = static_cast<std::size_t>(TokenType::cached_input);
constexpr auto output = static_cast<std::size_t>(TokenType::output);

/// Tokens by unknown: input, cached input, output; above a threshold input and output have unknowns
/// of their own.
using Columns = std::array<std::int64_t, NormalEquations::most>;
constexpr std::size_t input_above = 3;

bool is_above(const TariffRequest& request, std::optional<std::int64_t> threshold) {
  return threshold && request.input + request.cached_input > *threshold;
}

Columns columns_of(const TariffRequest& request, std::optional<std::int64_t> threshold) {
  if (is_above(request, threshold)) {
    return {0, request.cached_input, 0, request.input, request.output};
  }
  return {request.input, request.cached_input, request.output, 0, 0};
}

/// Costs in units of `unit`, with a tariff beside them.
class Fitter {
 public:
  Fitter(std::span<const TariffRequest> requests, std::optional<std::int64_t> threshold)
      : requests_(requests), threshold_(threshold) {
    double dearest = 0;
    for (const TariffRequest& request : requests) {
      dearest = std::max(dearest, request.cost);
    }
    unit_ = dearest / finest;
    for (const TariffRequest& request : requests) {
      total_ += whole(request.cost / unit_);
    }
  }

  TariffFit fit() {
    TariffFit result;
    const std::optional<std::vector<double>> found = solve_non_negative(equations());
    if (!found) {
      result.missing = why_not();
      return result;
    }
    scale(*found);
    constexpr double per_million = 1e6;
    for (std::size_t i = 0; i < NormalEquations::most; ++i) {
      if (tokens_[i] == 0) {
        continue;
      }
      const double price = rates_[i] * unit_ * per_million;
      if (i < token_type_count) {
        result.per_million[i] = price;
      } else {
        result.above[i == input_above ? input : output] = price;
      }
    }
    if (threshold_) {
      result.above[cached_input] = result.per_million[cached_input];
    }
    measure(result);
    return result;
  }

  /// Requires: a fit.
  TariffLongest longest() const {
    std::vector<std::int64_t> contexts;
    contexts.reserve(requests_.size());
    for (const TariffRequest& request : requests_) {
      contexts.push_back(context_of(request));
    }
    const auto place = static_cast<std::ptrdiff_t>(contexts.size() - contexts.size() / 100);
    const auto nth = contexts.begin() + std::min(place, std::ssize(contexts) - 1);
    std::nth_element(contexts.begin(), nth, contexts.end());
    TariffLongest group;
    group.from_tokens = *nth;
    Int128 cost = 0;
    Int128 charge = 0;
    for (const TariffRequest& request : requests_) {
      if (context_of(request) >= group.from_tokens) {
        ++group.requests;
        cost += whole(request.cost / unit_);
        charge += whole(charge_of(request));
      }
    }
    group.cost = to_double(cost) * unit_;
    group.subsidy = to_double(cost - charge) * unit_;
    return group;
  }

  double total() const { return to_double(total_) * unit_; }

 private:
  static Int128 whole(double value) { return std::llround(value); }

  static std::int64_t context_of(const TariffRequest& request) {
    return request.input + request.cached_input + request.output;
  }

  /// What the tariff asks for a request, in units.
  double charge_of(const TariffRequest& request) const {
    const Columns tokens = columns_of(request, threshold_);
    double charge = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      charge += rates_[i] * static_cast<double>(tokens[i]);
    }
    return charge;
  }

  NormalEquations equations() {
    NormalEquations sums;
    sums.size = NormalEquations::most;
    for (const TariffRequest& request : requests_) {
      const Columns tokens = columns_of(request, threshold_);
      const Int128 cost = whole(request.cost / unit_);
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        tokens_[i] += tokens[i];
        sums.right[i] += cost * tokens[i];
        for (std::size_t j = 0; j < tokens.size(); ++j) {
          sums.products[i][j] += static_cast<Int128>(tokens[i]) * tokens[j];
        }
      }
    }
    return sums;
  }

  void scale(const std::vector<double>& found) {
    double charged = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      charged += found[i] * to_double(tokens_[i]);
    }
    for (std::size_t i = 0; i < found.size(); ++i) {
      rates_[i] = charged > 0 ? found[i] * (to_double(total_) / charged) : 0.0;
    }
  }

  std::string why_not() const {
    const char* where = threshold_ ? " on each side of the threshold" : "";
    return std::string("the kinds of tokens stand in one fixed ratio in all requests") + where +
           ": their lengths do not vary enough to tell the price of one kind from another's";
  }

  void measure(TariffFit& result) const {
    Int128 errors = 0;
    Int128 squares = 0;
    std::array<Int128, 2> counts{};
    std::array<Int128, 2> costs{};
    for (const TariffRequest& request : requests_) {
      const Int128 cost = whole(request.cost / unit_);
      const Int128 charge = whole(charge_of(request));
      errors += (charge - cost) * (charge - cost);
      squares += cost * cost;
      const bool over = charge > 2 * cost;
      if (over || 2 * charge < cost) {
        ++counts[over ? 0 : 1];
        costs[over ? 0 : 1] += cost;
      }
    }
    const double count = static_cast<double>(requests_.size());
    const double total = to_double(total_);
    const double variance = to_double(squares) - total * (total / count);
    // Below that, equal costs and their rounding are all there is.
    if (variance > 1e-12 * to_double(squares)) {
      result.r2 = 1 - to_double(errors) / variance;
    }
    result.overcharged = {to_double(counts[0]) / count, to_double(costs[0]) / total};
    result.undercharged = {to_double(counts[1]) / count, to_double(costs[1]) / total};
  }

  std::span<const TariffRequest> requests_;
  std::optional<std::int64_t> threshold_;
  double unit_ = 0;
  Int128 total_ = 0;
  std::array<Int128, NormalEquations::most> tokens_{};
  std::array<double, NormalEquations::most> rates_{};  ///< units per token
};

std::string why_two_steps_not(std::span<const TariffRequest> requests, std::int64_t threshold) {
  const auto above = std::count_if(requests.begin(), requests.end(),
                                   [&](const TariffRequest& r) { return is_above(r, threshold); });
  if (above == 0) {
    return "no prompt is longer than the threshold";
  }
  return above == std::ssize(requests) ? "every prompt is longer than the threshold" : "";
}

}  // namespace

Tariff fit_tariff(std::span<const TariffRequest> requests, std::optional<std::int64_t> threshold) {
  Tariff tariff;
  tariff.threshold = threshold.value_or(0);
  const bool has_cost = std::any_of(requests.begin(), requests.end(),
                                    [](const TariffRequest& r) { return r.cost > 0; });
  if (!has_cost) {
    tariff.linear.missing = "no request was served at a cost";
  } else {
    Fitter fitter(requests, std::nullopt);
    tariff.bill = fitter.total();
    tariff.linear = fitter.fit();
    if (tariff.linear.is_fitted()) {
      tariff.longest = fitter.longest();
    }
  }
  if (!threshold) {
    return tariff;
  }
  TariffFit& steps = tariff.two_step.emplace();
  steps.missing = has_cost ? why_two_steps_not(requests, *threshold) : tariff.linear.missing;
  if (steps.is_fitted()) {
    Fitter fitter(requests, threshold);
    steps = fitter.fit();
    if (steps.is_fitted()) {
      tariff.two_step_longest = fitter.longest();
    }
  }
  return tariff;
}

std::vector<TariffRequest> tariff_requests(const Bill& bill, const Result& result) {
  std::vector<TariffRequest> requests;
  for (std::size_t id = 0; id < result.requests.size(); ++id) {
    const RequestRecord& record = result.requests[id];
    TariffRequest request;
    request.cost = request_cost(bill, result, id);
    if (!(request.cost > 0)) {
      continue;
    }
    request.cached_input = record.cached_tokens;
    request.input = record.status == RequestStatus::completed
                        ? std::int64_t{record.input_tokens} - request.cached_input
                        : std::int64_t{record.computed_input_tokens};
    request.output = record.output_tokens;
    requests.push_back(request);
  }
  return requests;
}

}  // namespace penstock::output
