#include "config/huggingface_weights.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

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

/// By what it is called, or by its bits.
std::optional<Dtype> stored_dtype(const Json& quantization) {
  if (!quantization.is_object()) {
    return std::nullopt;
  }
  const Json method = member(quantization, "quant_method");
  const Json algorithm = member(quantization, "quant_algo");
  if (method == "fp8" || method == "fbgemm_fp8" || begins(algorithm, "FP8")) {
    return Dtype::fp8;
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
  if (algorithm == "NVFP4") {
    return Dtype::nvfp4;
  }
  const bool is_integer = method == "gptq" || method == "awq";
  const Json whole_bits = quantization.value("bits", method == "awq" ? Json(4) : Json());
  if (quantization.value("load_in_8bit", Json()) == true || (is_integer && whole_bits == 8)) {
    return Dtype::int8;
  }
  if (is_integer && whole_bits == 4) {
    return Dtype::int4;
  }
  const Json groups = member(quantization, "config_groups");
  if (method != "compressed-tensors" || !groups.is_object() || groups.size() != 1) {
    return std::nullopt;
  }
  const Json weights = member(groups.front(), "weights");
  const Json bits = member(weights, "num_bits");
  const Json type = member(weights, "type");
  return type == "float" && bits == 8   ? std::optional(Dtype::fp8)
         : type == "float" && bits == 4 ? std::optional(Dtype::nvfp4)
         : type == "int" && bits == 8   ? std::optional(Dtype::int8)
         : type == "int" && bits == 4   ? std::optional(Dtype::int4)
                                        : std::nullopt;
}

/// True if the checkpoint has scales for a KV cache in fp8: compressed-tensors' and ModelOpt's key,
/// and ModelOpt's older one. Engines then store it so unless they are told otherwise.
bool has_fp8_kv_cache(const Json& quantization) {
  const Json scheme = member(quantization, "kv_cache_scheme");
  return (member(scheme, "num_bits") == 8 && member(scheme, "type") == "float") ||
         begins(member(quantization, "kv_cache_quant_algo"), "FP8");
}

/// The layers whose attention this name leaves as it was: what stands before `self_attn`, if all of
/// it is meant. Each layer's last projection speaks for all, where they are listed one by one.
std::string left_layers(const std::string& name) {
  constexpr std::string_view attention = "self_attn";
  const std::size_t at = name.find(attention);
  if (at == std::string::npos || name.find("vis") < at) {  // of a vision tower
    return "";
  }
  const std::string_view rest = std::string_view(name).substr(at + attention.size());
  const bool is_whole = rest.empty() || rest.starts_with("*") || rest.starts_with(".*");
  return is_whole || rest == ".o_proj" ? name.substr(0, at) : "";
}

/// True if the attention of all layers is left as it was: by a pattern, or layer by layer.
bool leaves_attention(const Json& quantization, std::int64_t layers) {
  std::set<std::string> left;
  for (const char* key : {"ignore", "modules_to_not_convert", "exclude_modules", "exclude"}) {
    const Json modules = member(quantization, key);
    for (const Json& module : modules.is_array() ? modules : Json::array()) {
      const std::string layer = left_layers(module.is_string() ? module.get<std::string>() : "");
      if (!layer.empty() && layer.find_first_of("0123456789") == std::string::npos) {
        return true;
      }
      if (!layer.empty()) {
        left.insert(layer);
      }
    }
  }
  return layers > 0 && std::ssize(left) >= layers;
}

}  // namespace

void read_quantization(const Json& quantization, HuggingFaceModel& model) {
  Architecture& m = model.architecture;
  model.weights = stored_dtype(quantization);
  if (m.moe.num_experts > 0 && leaves_attention(quantization, m.full_layers() + m.sliding_layers)) {
    m.dense_weights = Dtype::bf16;
  }
  if (has_fp8_kv_cache(quantization)) {
    m.kv_cache = Dtype::fp8;
  }
}

}  // namespace penstock::config
