#pragma once

#include "config/huggingface.h"
#include "config/huggingface_json.h"

namespace penstock::config {

/// Reads a `quantization_config`: how the weights are stored (nothing if it has no name here), that
/// only the routed experts are, and a KV cache in fp8. The model's shape must have been read.
void read_quantization(const ConfigJson::Json& quantization, HuggingFaceModel& model);

/// The same of ModelOpt's own file, hf_quant_config.json, which lies beside a config.json that says
/// nothing of it.
void read_quantization_file(const std::string& path, const Span& span, HuggingFaceModel& model,
                            Reporter& reporter);

}  // namespace penstock::config
