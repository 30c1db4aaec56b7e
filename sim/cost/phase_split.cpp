#include "sim/cost/phase_split.h"

#include <algorithm>

namespace penstock {

PhaseSplit split_phases(StepModel& model, const StepCost& both, const StepLoad& load) {
  const SharedParts prefill =
      model.chunks_alone({.chunks = load.chunks, .sampled = load.sampled - load.decodes});
  const DecodeCost& decode = model.decode(load.decodes);
  PhaseSplit split;
  split.decode_attention =
      decode.fixed.part(Part::attention) + decode.context_cost(load.kv_sum, load.window_sum);
  split.decode_window = decode.per_window * load.window_sum;
  const std::int64_t cpu_waits = decode.cpu_excess(load.kv_sum, load.window_sum);
  for (std::size_t c = 0; c < shared_parts.size(); ++c) {
    const Part part = shared_parts[c];
    const std::int64_t alone = part == Part::attention  ? split.decode_attention
                               : part == Part::overhead ? decode.fixed.part(part) + cpu_waits
                                                        : decode.fixed.part(part);
    split.decode[c] =
        std::clamp((alone + both.part(part) - prefill[c]) / 2, std::int64_t{0}, both.part(part));
  }
  return split;
}

}  // namespace penstock
