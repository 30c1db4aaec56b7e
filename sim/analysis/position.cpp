#include "sim/analysis/position.h"

#include <algorithm>
#include <array>

namespace penstock {

PositionPrices price_positions(const EngineSpec& engine, StepModel& model, std::int64_t batch) {
  PositionPrices prices;
  prices.batch = std::max<std::int64_t>(1, batch);
  prices.prefill_tokens = std::max<std::int64_t>(1, engine.max_num_batched_tokens);
  const std::array chunk{Chunk{.q = prices.prefill_tokens, .context = 0}};
  const StepCost prefill = model.cost({.chunks = chunk});
  const auto attention = static_cast<double>(prefill.part(Part::attention));
  prices.input_fixed_ps =
      (static_cast<double>(prefill.total) - attention) / static_cast<double>(prices.prefill_tokens);
  prices.input_slope_ps =
      attention / static_cast<double>(attention_pairs(0, prices.prefill_tokens));
  const DecodeCost& decode = model.decode(prices.batch);
  prices.output_fixed_ps =
      static_cast<double>(decode.fixed.total) / static_cast<double>(prices.batch);
  prices.output_slope_ps = static_cast<double>(decode.per_kv);
  return prices;
}

}  // namespace penstock
