#include <fmt/format.h>

#include "tools/output/run_output.h"
#include "tools/output/text.h"

namespace penstock::output {
namespace {

std::string requests_text(std::int64_t count) {
  return fmt::format("{} request{}", group_digits(count), count == 1 ? "" : "s");
}

void add_rejections(const Scenario& scenario, const Result& result,
                    std::vector<std::string>& warnings) {
  std::int64_t too_long = 0;
  std::int64_t does_not_fit = 0;
  for (const RequestRecord& request : result.requests) {
    too_long += request.reject_reason == RejectReason::prompt_too_long ? 1 : 0;
    does_not_fit += request.reject_reason == RejectReason::does_not_fit ? 1 : 0;
  }
  if (too_long > 0) {
    warnings.push_back(fmt::format(
        "{} refused: the prompt leaves no room for output within max_model_len = {} tokens",
        requests_text(too_long), group_digits(scenario.engine.max_model_len)));
  }
  if (does_not_fit > 0) {
    warnings.push_back(
        fmt::format("{} refused: the prompt does not fit the KV cache of {} blocks of {} tokens",
                    requests_text(does_not_fit), group_digits(scenario.engine.num_gpu_blocks),
                    scenario.engine.block_size));
  }
}

}  // namespace

std::vector<std::string> run_warnings(const Scenario& scenario, const Result& result) {
  std::vector<std::string> warnings;
  if (result.stop == StopReason::interrupted) {
    warnings.push_back(fmt::format(
        "interrupted after {} of simulated time: results cover what was done until then",
        span_text(result.duration.seconds())));
  }
  if (result.stop == StopReason::clock) {
    warnings.emplace_back(
        "stopped at the longest simulated time, 100 days: results cover what was done until then");
  }
  add_rejections(scenario, result, warnings);
  if (result.truncated > 0) {
    warnings.push_back(fmt::format("{} cut short at max_model_len = {} tokens",
                                   requests_text(result.truncated),
                                   group_digits(scenario.engine.max_model_len)));
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
  }
  return warnings;
}

}  // namespace penstock::output
