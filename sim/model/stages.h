#pragma once

#include <cstdint>
#include <vector>

namespace penstock {

/// Which stages of a pipeline get one more layer where they do not divide evenly.
enum class SpareLayers {
  before_last,  ///< vLLM: those before the last, which has the head too
  first,        ///< TensorRT-LLM
  last,         ///< SGLang
};

/// Layers of each of `stages` stages, 1 <= stages <= layers.
inline std::vector<std::int64_t> stage_layers(std::int64_t layers, int stages, SpareLayers spare) {
  const auto count = static_cast<std::size_t>(stages);
  std::vector<std::int64_t> out(count, layers / stages);
  const auto more = static_cast<std::size_t>(layers % stages);
  const std::size_t from = spare == SpareLayers::first  ? 0
                           : spare == SpareLayers::last ? count - more
                                                        : count - 1 - more;
  for (std::size_t s = from; s < from + more; ++s) {
    ++out[s];
  }
  return out;
}

/// Layers of the fullest stage.
constexpr std::int64_t most_stage_layers(std::int64_t layers, int stages) {
  return (layers + stages - 1) / stages;
}

}  // namespace penstock
