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
  const auto pairs = static_cast<double>(attention_pairs(0, prices.prefill_tokens));
  prices.input_slope_ps = attention / pairs;
  if (const std::int64_t window = model.window(); window > 0) {
    prices.window = static_cast<double>(window);
    const std::int64_t far = std::max(window, prices.prefill_tokens);
    const auto attention_at = [&](std::int64_t context) {
      const std::array late{Chunk{.q = prices.prefill_tokens, .context = context}};
      return static_cast<double>(model.cost({.chunks = late}).part(Part::attention));
    };
    const double more_pairs = static_cast<double>(prices.prefill_tokens) * static_cast<double>(far);
    prices.input_slope_ps = (attention_at(2 * far) - attention_at(far)) / more_pairs;
    prices.input_window_ps = std::max(0.0, attention - prices.input_slope_ps * pairs) /
                             static_cast<double>(attention_pairs(0, prices.prefill_tokens, window));
  }
  const DecodeCost& decode = model.decode(prices.batch);
  const double tokens = engine.speculative.mean_tokens();
  prices.output_fixed_ps =
      static_cast<double>(decode.fixed.total) / static_cast<double>(prices.batch) / tokens;
  prices.output_slope_ps = static_cast<double>(decode.per_kv) / tokens;
  prices.output_window_ps = static_cast<double>(decode.per_window) / tokens;
  return prices;
}

}  // namespace penstock
