#include <fmt/format.h>

#include <algorithm>

#include "tools/output/run_output.h"
#include "tools/output/text.h"

namespace penstock::output {
namespace {

std::string requests_text(std::int64_t count) {
  return fmt::format("{} request{}", group_digits(count), count == 1 ? "" : "s");
}

/// "50 requests refused", "all 50 requests refused".
std::string refused_text(std::int64_t count, const Result& result) {
  const bool all = count > 1 && static_cast<std::size_t>(count) == result.requests.size();
  return fmt::format("{}{} refused", all ? "all " : "", requests_text(count));
}

/// What decided max_model_len, where it was not the user or the model.
std::string length_limit_text(const EngineSpec& engine) {
  const bool is_whole_pool = engine.max_model_len == engine.num_gpu_blocks * engine.block_size;
  return fmt::format("max_model_len = {} tokens{}", group_digits(engine.max_model_len),
                     is_whole_pool ? ", all that the KV pool holds" : "");
}

void add_rejections(const Scenario& scenario, const Result& result,
                    std::vector<std::string>& warnings) {
  const auto rejected = [&](RejectReason reason) {
    return result.rejected[static_cast<std::size_t>(reason)];
  };
  const std::int64_t too_long = rejected(RejectReason::prompt_too_long);
  const std::int64_t does_not_fit = rejected(RejectReason::does_not_fit);
  const std::int64_t queue_full = rejected(RejectReason::queue_full);
  const std::int64_t beyond_budget = rejected(RejectReason::beyond_budget);
  if (too_long > 0) {
    warnings.push_back(fmt::format("{}: the prompt leaves no room for output below {}",
                                   refused_text(too_long, result),
                                   length_limit_text(scenario.engine)));
  }
  if (does_not_fit > 0) {
    warnings.push_back(
        fmt::format("{}: prompt and output do not fit the KV pool of {} blocks of {} tokens alone",
                    refused_text(does_not_fit, result),
                    group_digits(scenario.engine.num_gpu_blocks), scenario.engine.block_size));
  }
  if (beyond_budget > 0) {
    warnings.push_back(fmt::format(
        "{}: the prompt is beyond max_num_batched_tokens = {}, and "
        "enable_chunked_context is off",
        refused_text(beyond_budget, result), group_digits(scenario.engine.max_num_batched_tokens)));
  }
  if (queue_full > 0) {
    warnings.push_back(fmt::format("{}: max_queued_requests = {} were waiting at the replica",
                                   refused_text(queue_full, result),
                                   group_digits(scenario.engine.max_queued_requests)));
  }
}

}  // namespace

std::string stop_text(const Scenario& scenario, const Result& result, std::uint64_t expected) {
  // A step that runs at --until still ends: the duration is a little longer.
  const bool is_until = result.stop == StopReason::until && scenario.until != SimTime::never();
  const std::string when = span_text((is_until ? scenario.until : result.duration).seconds());
  std::string text;
  switch (result.stop) {
    case StopReason::finished:
      return "";
    case StopReason::until:
      text = fmt::format("stopped at {} by --until", when);
      break;
    case StopReason::interrupted:
      text = fmt::format("interrupted at {} of simulated time", when);
      break;
    case StopReason::clock:
      text = "stopped at the longest simulated time, 100 days";
      break;
  }
  const auto count = [&result](RequestStatus status) {
    return std::count_if(result.requests.begin(), result.requests.end(),
                         [status](const RequestRecord& r) { return r.status == status; });
  };
  const auto arrived = static_cast<std::int64_t>(result.requests.size());
  const auto all = static_cast<std::int64_t>(std::min<std::uint64_t>(expected, INT64_MAX));
  text += all >= arrived && all > 0
              ? fmt::format(": {} of {} arrived", group_digits(arrived), requests_text(all))
              : fmt::format(": {} arrived", requests_text(arrived));
  text += fmt::format(", {} still running", group_digits(count(RequestStatus::running)));
  if (const std::int64_t queued = count(RequestStatus::queued); queued > 0) {
    text += fmt::format(", {} queued", group_digits(queued));
  }
  return text;
}

std::vector<std::string> run_warnings(const Scenario& scenario, const Result& result,
                                      std::uint64_t expected_requests) {
  std::vector<std::string> warnings;
  if (result.stop != StopReason::finished) {
    warnings.push_back(stop_text(scenario, result, expected_requests));
  }
  add_rejections(scenario, result, warnings);
  if (result.truncated > 0) {
    warnings.push_back(
        fmt::format("{} asked for more output than max_model_len = {} tokens leaves: cut there",
                    requests_text(result.truncated), group_digits(scenario.engine.max_model_len)));
  }
  if (scenario.timeseries_interval > SimTime{} &&
      result.series_interval > scenario.timeseries_interval) {
    warnings.push_back(
        fmt::format("the time series has intervals of {}: shorter ones would be "
                    "too many",
                    span_text(result.series_interval.seconds())));
  }
  if (result.requests.empty()) {
    warnings.emplace_back("no request arrived");
  } else if (std::all_of(
                 result.requests.begin(), result.requests.end(),
                 [](const RequestRecord& r) { return r.status == RequestStatus::aborted; })) {
    warnings.push_back(fmt::format("the clients of all {} gave up: see `workload.timeout`",
                                   requests_text(std::ssize(result.requests))));
  }
  return warnings;
}

}  // namespace penstock::output
