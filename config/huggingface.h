#pragma once

#include <optional>
#include <string>

#include "config/report.h"
#include "sim/model/architecture.h"

namespace penstock::config {

/// What a Hugging Face config.json says.
struct HuggingFaceModel {
  Architecture architecture;
  /// How the checkpoint is stored; nothing if it is quantized in a way that has no name here.
  std::optional<Dtype> weights;
  Span weights_span;         ///< the key that says so
  std::string quantization;  ///< `quant_method`, as the file writes it
  /// The checkpoint's type where `weights` is not it: float32, which engines round to 16 bits.
  std::string rounded_from;
};

/// Reads a decoder of the families of family_names(). What is not understood is refused by the name
/// of its key (kind infeasible), at its line. `path` is opened and shown; `span` is where it was
/// given.
std::optional<HuggingFaceModel> read_huggingface(const std::string& path, const Span& span,
                                                 Reporter& reporter);

/// The same for a text; `name` is what the model is called if the text does not say.
std::optional<HuggingFaceModel> parse_huggingface(const SourcePtr& source, const std::string& name,
                                                  Reporter& reporter);

}  // namespace penstock::config
