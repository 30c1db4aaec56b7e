#include "sim/cost/phase_split.h"

namespace penstock {

namespace {

constexpr std::size_t attention_index = 2;  // in shared_parts
constexpr std::size_t overhead_index = 4;
static_assert(shared_parts[attention_index] == Part::attention &&
              shared_parts[overhead_index] == Part::overhead);

}  // namespace

PhaseSplit split_phases(StepModel& model, const StepCost& both, const StepLoad& load) {
  const SharedParts prefill =
      model.chunks_alone({.chunks = load.chunks, .sampled = load.sampled - load.decodes});
  const DecodeCost& decode = model.decode(load.decodes);
  PhaseSplit split;
  split.decode_sequences = decode.fixed.part(Part::attention);
  split.decode_attention =
      split.decode_sequences + decode.context_cost(load.kv_sum, load.window_sum);
  split.decode_window = decode.per_window * load.window_sum;
  SharedParts alone{};
  for (std::size_t c = 0; c < shared_parts.size(); ++c) {
    alone[c] = decode.fixed.part(shared_parts[c]);
  }
  alone[attention_index] = split.decode_attention;
  alone[overhead_index] += decode.cpu_excess(load.kv_sum, load.window_sum);
  for (std::size_t c = 0; c < shared_parts.size(); ++c) {
    const std::int64_t part = both.part(shared_parts[c]);
    const std::int64_t half = (alone[c] + part - prefill[c]) >> 1;
    split.decode[c] = half < 0 ? 0 : half > part ? part : half;
  }
  return split;
}

}  // namespace penstock
