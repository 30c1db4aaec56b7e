#include <fmt/format.h>

#include <cmath>
#include <set>

#include "sim/analysis/position.h"
#include "tools/output/csv.h"

namespace penstock::output {
namespace {

/// The positions that `explain` names, and six a decade up to the longest context.
std::set<std::int64_t> contexts(std::int64_t longest) {
  std::set<std::int64_t> all{1, 11, 101, 1001, 10'001};
  for (const std::int64_t decade : {1, 10, 100, 1000, 10'000, 100'000, 1'000'000}) {
    for (const std::int64_t tenths : {10, 15, 20, 30, 50, 70}) {
      all.insert(decade * tenths / 10);
    }
  }
  all.insert(longest);
  all.erase(all.upper_bound(longest), all.end());
  return all;
}

}  // namespace

void write_position_csv(const RunOutput& run, const Sink& sink) {
  sink("context,input_per_million,output_per_million\n");
  const std::optional<Saturation>& full = run.summary.load.saturation;
  if (!full || run.scenario.step_model.kind == StepModelSpec::Kind::constant) {
    return;
  }
  const auto model = make_step_model(run.scenario);
  const auto batch = std::max<std::int64_t>(1, std::llround(full->decodes));
  const PositionPrices prices = price_positions(run.scenario.engine, *model, batch);
  for (const std::int64_t context : contexts(run.scenario.engine.max_model_len)) {
    const auto at = static_cast<double>(context);
    sink(fmt::format("{},{},{}\n", context, per_million(run.scenario, prices.input_ps(at)),
                     per_million(run.scenario, prices.output_ps(at))));
  }
}

}  // namespace penstock::output
