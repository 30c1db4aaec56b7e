#include <doctest/doctest.h>

#include <fstream>

#include "tests/support/command.h"
#include "tests/support/huggingface_text.h"

// How a config.json says that its checkpoint is stored.

namespace penstock::config {
namespace {

using test::llama_config;
using test::parse_config;

TEST_CASE("the checkpoint's dtype is the default of `weights`") {
  CHECK(parse_config(llama_config("llama", R"("torch_dtype": "float16")")).model->weights ==
        Dtype::bf16);
  CHECK(parse_config(llama_config("llama", R"("quantization_config": {"quant_method": "fp8"})"))
            .model->weights == Dtype::fp8);
  CHECK_FALSE(
      parse_config(llama_config("llama", R"("quantization_config": {"quant_method": "aqlm"})"))
          .model->weights);
}

TEST_CASE("where attention is left as it was, only the experts are quantised") {
  const auto dense = [](const std::string& left) {
    return parse_config(llama_config("mixtral", R"("num_local_experts": 8, "num_experts_per_tok": 2,
      "quantization_config": {"quant_method": "fp8", )" +
                                                    left + "}"))
        .model->architecture.dense_weights;
  };
  CHECK(dense(R"("ignore": ["lm_head", "re:.*self_attn.*"])") == Dtype::bf16);
  CHECK(dense(R"("modules_to_not_convert": ["model.layers.*.self_attn"])") == Dtype::bf16);
  CHECK_FALSE(dense(R"("ignore": ["lm_head"])"));
  CHECK_FALSE(dense(R"("exclude_modules": ["model.layers.0.self_attn*", 3])"));
  CHECK_FALSE(dense(R"("ignore": "self_attn")"));
  CHECK_FALSE(dense(R"("ignore": ["re:.*linear_attn.*", "re:visual.*self_attn.*"])"));
  CHECK_FALSE(dense(R"("ignore": ["re:.*self_attn.kv_b_proj"])"));
  CHECK(dense(R"("ignore": ["re:.*self_attn.o_proj"])") == Dtype::bf16);
  std::string all;
  for (int layer = 0; layer < 32; ++layer) {
    all += "\"model.layers." + std::to_string(layer) + ".self_attn*\", ";
  }
  CHECK(dense(R"("exclude_modules": [)" + all + R"("lm_head"])") == Dtype::bf16);
}

TEST_CASE("scales for a KV cache in fp8 are taken") {
  const auto kv_cache = [](const std::string& quantization) {
    return parse_config(llama_config("llama", R"("quantization_config": {"quant_method": "fp8", )" +
                                                  quantization + "}"))
        .model->architecture.kv_cache;
  };
  CHECK(kv_cache(R"("kv_cache_scheme": {"num_bits": 8, "type": "float"})") == Dtype::fp8);
  CHECK(kv_cache(R"("kv_cache_quant_algo": "FP8")") == Dtype::fp8);
  CHECK_FALSE(kv_cache(R"("kv_cache_scheme": null)"));
  CHECK_FALSE(kv_cache(R"("kv_cache_scheme": {"num_bits": 8, "type": "int"})"));
}

TEST_CASE("where attention is left as it was and shared experts are not, they are quantised") {
  const auto read = [](const std::string& left) {
    return parse_config(llama_config("qwen2_moe", R"("num_experts": 8, "num_experts_per_tok": 2,
      "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512,
      "quantization_config": {"quant_method": "fp8", "ignore": [)" +
                                                      left + "]}"))
        .model->architecture;
  };
  CHECK(read(R"("re:.*self_attn")").attention_weights == Dtype::bf16);
  CHECK_FALSE(read(R"("re:.*self_attn")").dense_weights);
  CHECK(read(R"("re:.*self_attn", "re:.*shared_expert.*")").dense_weights == Dtype::bf16);
  CHECK_FALSE(read(R"("re:.*shared_expert.*")").attention_weights);
}

TEST_CASE("a dense model whose attention is left as it was holds it in bf16") {
  const std::string left = R"("quantization_config": {"quant_method": "fbgemm_fp8",
      "modules_to_not_convert": ["re:.*self_attn.*"]})";
  const auto model = parse_config(llama_config("llama", left)).model;
  REQUIRE(model);
  const Architecture& m = model->architecture;
  REQUIRE(m.attention_weights == Dtype::bf16);
  const WeightDtypes own{Dtype::fp8, Dtype::fp8, Dtype::bf16};
  CHECK(weight_bytes_per_gpu(m, own, 1) - weight_bytes_per_gpu(m, Dtype::fp8, 1) ==
        static_cast<double>(count_parameters(m).attention));
}

TEST_CASE("weights that are only stored in 8 or 4 bits are named so") {
  const auto without_activations = [](const std::string& weights) {
    return parse_config(llama_config("llama", R"("quantization_config": {
      "quant_method": "compressed-tensors", "config_groups": {"group_0": {
        "input_activations": null, "weights": )" + weights +
                                                  "}}}"))
        .model->weights;
  };
  CHECK(without_activations(R"({"num_bits": 8, "type": "int"})") == Dtype::w8a16);
  CHECK(without_activations(R"({"num_bits": 8, "type": "float"})") == Dtype::w8a16);
  CHECK(without_activations(R"({"num_bits": 4, "type": "float"})") == Dtype::nvfp4a16);
}

TEST_CASE("of two quantizations the outer one is taken") {
  const auto parsed = parse_config(R"({"model_type": "qwen2_vl", "text_config": )" +
                                   llama_config("qwen2_vl_text", R"("quantization_config": {
      "quant_method": "fp8"})") + R"(, "quantization_config": {"quant_method": "modelopt",
      "quant_algo": "NVFP4"}})");
  REQUIRE(parsed.model);
  CHECK(parsed.model->weights == Dtype::nvfp4);
}

TEST_CASE("ModelOpt's own file beside a config.json is read") {
  const test::TemporaryFolder folder;
  const auto write = [&](const char* name, const std::string& text) {
    std::ofstream(folder.path() / name) << text;
  };
  const std::string config = (folder.path() / "config.json").string();
  write("config.json", llama_config("llama"));
  write("hf_quant_config.json",
        R"({"quantization": {"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8"}})");
  Reporter reporter;
  const auto model = read_huggingface(config, {}, reporter);
  REQUIRE(model);
  CHECK(model->weights == Dtype::nvfp4);
  CHECK(model->architecture.kv_cache == Dtype::fp8);
  CHECK_FALSE(reporter.has_errors());
  write("hf_quant_config.json", "[]");
  read_huggingface(config, {}, reporter);
  CHECK(reporter.has_errors());
}

TEST_CASE("methods of quantization by their bits") {
  const auto stored = [](const std::string& quantization) {
    return parse_config(llama_config("llama", R"("quantization_config": )" + quantization))
        .model->weights;
  };
  const auto compressed = [&](const std::string& weights, const std::string& activations = "{}") {
    return stored(
        R"({"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": )" +
        weights + R"(, "input_activations": )" + activations + "}}}");
  };
  CHECK(stored(R"({"quant_method": "fbgemm_fp8"})") == Dtype::fp8);
  CHECK(stored(R"({"quant_method": "modelopt", "quant_algo": "FP8"})") == Dtype::fp8);
  CHECK(stored(R"({"quant_method": "modelopt", "quant_algo": "NVFP4"})") == Dtype::nvfp4);
  CHECK(stored(R"({"quant_method": "bitsandbytes", "load_in_8bit": true})") == Dtype::w8a16);
  CHECK(stored(R"({"quant_method": "gptq", "bits": 8})") == Dtype::w8a16);
  CHECK(stored(R"({"quant_method": "gptq_marlin", "bits": 4, "group_size": 32})") ==
        Dtype::int4_g32);
  CHECK(stored(R"({"quant_method": "auto-round", "bits": 4, "group_size": -1})") == Dtype::int4);
  CHECK(stored(R"({"quant_method": "gptq", "bits": 4})") == Dtype::int4);
  CHECK(stored(R"({"quant_method": "awq"})") == Dtype::int4);
  CHECK_FALSE(stored(R"({"quant_method": "gptq", "bits": 3})"));
  CHECK_FALSE(stored(R"({"quant_method": "bitsandbytes", "load_in_4bit": true})"));
  CHECK(compressed(R"({"num_bits": 8, "type": "float"})") == Dtype::fp8);
  CHECK(compressed(R"({"num_bits": 4, "type": "float"})") == Dtype::nvfp4);
  CHECK(compressed(R"({"num_bits": 8, "type": "int"})") == Dtype::int8);
  CHECK(compressed(R"({"num_bits": 4, "type": "int"})") == Dtype::int4);
  CHECK(compressed(R"({"num_bits": 4, "type": "int", "group_size": 32})") == Dtype::int4_g32);
  CHECK_FALSE(compressed("3"));
  const auto quark = [&](const std::string& dtype) {
    return stored(R"({"quant_method": "quark", "global_quant_config": {"weight": {"dtype": ")" +
                  dtype + R"("}}})");
  };
  CHECK(quark("fp4") == Dtype::mxfp4);
  CHECK(quark("fp8_e4m3") == Dtype::fp8);
  CHECK_FALSE(quark("bfp16"));
  CHECK_FALSE(stored(R"({"quant_method": "quark"})"));
  CHECK(parse_config(llama_config("llama", R"("torch_dtype": 7)")).diagnostics[0].message ==
        "`torch_dtype` is no type of weights");
}

}  // namespace
}  // namespace penstock::config
