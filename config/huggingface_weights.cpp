#include "config/huggingface_weights.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "config/text.h"
#include "config/yaml.h"

namespace penstock::config {

namespace {

using Json = ConfigJson::Json;

/// Null if there is no such key, or no object to have it.
Json member(const Json& object, const char* key) {
  return object.is_object() ? object.value(key, Json()) : Json();
}

bool begins(const Json& value, std::string_view start) {
  return value.is_string() && value.get<std::string>().starts_with(start);
}

/// AMD Quark's names; its 4-bit floats share a scale of 8 bits among 32, as MXFP4's do.
std::optional<Dtype> quark_dtype(const Json& weight) {
  const Json dtype = member(weight, "dtype");
  return begins(dtype, "fp8")                              ? std::optional(Dtype::fp8)
         : dtype == "fp4"                                  ? std::optional(Dtype::mxfp4)
         : dtype == "int8"                                 ? std::optional(Dtype::int8)
         : begins(dtype, "int4") || begins(dtype, "uint4") ? std::optional(Dtype::int4)
                                                           : std::nullopt;
}

/// Integers of so many bits that are widened to 16 on the way to the arithmetic, `group` weights to
/// a scale.
std::optional<Dtype> widened_integers(const Json& bits, const Json& group) {
  const bool is_fine = group.is_number() && group > 0 && group <= 32;
  return bits == 8   ? std::optional(Dtype::w8a16)
         : bits == 4 ? std::optional(is_fine ? Dtype::int4_g32 : Dtype::int4)
                     : std::nullopt;
}

/// One group of compressed-tensors: without `input_activations` the weights are only stored so.
std::optional<Dtype> group_dtype(const Json& group) {
  const Json weights = member(group, "weights");
  const Json bits = member(weights, "num_bits");
  const bool is_float = member(weights, "type") == "float";
  const bool is_widened = !member(group, "input_activations").is_object();
  if (is_float) {
    return bits == 8   ? std::optional(is_widened ? Dtype::w8a16 : Dtype::fp8)
           : bits == 4 ? std::optional(is_widened ? Dtype::nvfp4a16 : Dtype::nvfp4)
                       : std::nullopt;
  }
  if (member(weights, "type") != "int") {
    return std::nullopt;
  }
  return bits == 8 && !is_widened ? std::optional(Dtype::int8)
                                  : widened_integers(bits, member(weights, "group_size"));
}

/// ModelOpt's names, which its own file (hf_quant_config.json) has without a `quant_method`.
std::optional<Dtype> algorithm_dtype(const Json& algorithm) {
  return begins(algorithm, "FP8")                                  ? Dtype::fp8
         : algorithm == "NVFP4"                                    ? Dtype::nvfp4
         : algorithm == "W4A16_NVFP4" || algorithm == "NVFP4A16"   ? Dtype::nvfp4a16
         : begins(algorithm, "W4A16") || begins(algorithm, "W4A8") ? Dtype::int4
         : algorithm == "W8A16"                                    ? Dtype::w8a16
         : algorithm == "INT8_SQ" || begins(algorithm, "W8A8_SQ")  ? Dtype::int8
                                                                   : std::optional<Dtype>();
}

/// By what it is called, or by its bits.
std::optional<Dtype> stored_dtype(const Json& quantization) {
  const Json method = member(quantization, "quant_method");
  if (method == "fp8" || method == "fbgemm_fp8") {
    return Dtype::fp8;
  }
  if (const auto dtype = algorithm_dtype(member(quantization, "quant_algo"))) {
    return dtype;
  }
  if (method == "quark") {
    return quark_dtype(member(member(quantization, "global_quant_config"), "weight"));
  }
  if (method == "mxfp8" && member(quantization, "moe_quant_algo").is_null()) {
    return Dtype::fp8;
  }
  if (method == "mxfp4" || begins(member(quantization, "format"), "mxfp4")) {
    return Dtype::mxfp4;
  }
  if (member(quantization, "load_in_8bit") == true) {
    return Dtype::w8a16;
  }
  const bool is_awq = begins(method, "awq");
  if (is_awq || begins(method, "gptq") || method == "auto-round" || method == "intel/auto-round") {
    const Json bits = member(quantization, "bits");
    return widened_integers(is_awq && bits.is_null() ? Json(4) : bits,
                            member(quantization, "group_size"));
  }
  const Json groups = member(quantization, "config_groups");
  return method == "compressed-tensors" && groups.is_object() && groups.size() == 1
             ? group_dtype(groups.front())
             : std::nullopt;
}

/// True if the checkpoint has scales for a KV cache in fp8: compressed-tensors' and ModelOpt's key,
/// and ModelOpt's older one. Engines then store it so unless they are told otherwise.
bool has_fp8_kv_cache(const Json& quantization) {
  const Json scheme = member(quantization, "kv_cache_scheme");
  return (member(scheme, "num_bits") == 8 && member(scheme, "type") == "float") ||
         begins(member(quantization, "kv_cache_quant_algo"), "FP8");
}

/// What a list of modules leaves as it was.
class LeftOut {
 public:
  explicit LeftOut(const Json& quantization) {
    for (const char* key : {"ignore", "modules_to_not_convert", "exclude_modules", "exclude"}) {
      const Json modules = member(quantization, key);
      for (const Json& module : modules.is_array() ? modules : Json::array()) {
        add(module.is_string() ? module.get<std::string>() : "");
      }
    }
  }

  /// True if the attention of all layers is: by a pattern, or layer by layer.
  bool has_attention(std::int64_t layers) const {
    return is_attention_ || (layers > 0 && std::ssize(attention_) >= layers);
  }
  bool has_shared_experts() const { return has_shared_experts_; }

 private:
  /// What stands before `self_attn` names the layer, if all of it is meant. Each layer's last
  /// projection speaks for all, where they are listed one by one.
  void add(const std::string& name) {
    constexpr std::string_view attention = "self_attn";
    has_shared_experts_ = has_shared_experts_ || name.find("shared_expert") != std::string::npos;
    const std::size_t at = name.find(attention);
    if (at == std::string::npos || name.find("vis") < at) {  // of a vision tower
      return;
    }
    const std::string_view rest = std::string_view(name).substr(at + attention.size());
    const bool is_whole = rest.empty() || rest.starts_with("*") || rest.starts_with(".*");
    const std::string layer = name.substr(0, at);
    if (!is_whole && rest != ".o_proj") {
      return;
    }
    if (layer.find_first_of("0123456789") != std::string::npos) {
      attention_.insert(layer);
    } else {
      is_attention_ = is_attention_ || !layer.empty();
    }
  }

  std::set<std::string> attention_;
  bool is_attention_ = false;
  bool has_shared_experts_ = false;
};

}  // namespace

void read_quantization(const Json& quantization, HuggingFaceModel& model) {
  Architecture& m = model.architecture;
  model.weights = stored_dtype(quantization);
  const LeftOut left(quantization);
  if (left.has_attention(m.attention_layers())) {
    m.attention_weights = Dtype::bf16;
    const bool is_all = m.moe.num_experts > 0 &&
                        (left.has_shared_experts() || m.moe.shared_expert_intermediate_size == 0);
    if (is_all) {
      m.dense_weights = Dtype::bf16;
    }
  }
  if (has_fp8_kv_cache(quantization)) {
    m.kv_cache = Dtype::fp8;
  }
}

void read_quantization_file(const std::string& path, const Span& span, HuggingFaceModel& model,
                            Reporter& reporter) {
  const SourcePtr source = read_source(path, path, span, reporter);
  if (!source) {
    return;
  }
  const Json file = Json::parse(source->text(), nullptr, false);
  const Json quantization = member(file, "quantization");
  if (!quantization.is_object()) {
    reporter.error({source, 1, 1, 1}, "this has no `quantization`",
                   "ModelOpt writes it beside a config.json: remove it if it is not meant");
    return;
  }
  read_quantization(quantization, model);
  model.weights_span = {source, 1, 1, 1};
  model.quantization = excerpt(member(quantization, "quant_algo").dump(), 40);
  model.rounded_from.clear();
}

}  // namespace penstock::config
