#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "config/catalog.h"
#include "config/huggingface.h"
#include "config/render.h"
#include "tests/support/config_text.h"
#include "tests/support/huggingface_text.h"

namespace penstock::config {
namespace {

using test::llama_config;
using test::parse_config;
using test::Parsed;

std::string refusal(const std::string& json) {
  const Parsed p = parse_config(json);
  CHECK_FALSE(p.model);
  REQUIRE(p.diagnostics.size() == 1);
  CHECK(p.diagnostics[0].kind == Diagnostic::Kind::infeasible);
  return p.diagnostics[0].message;
}

TEST_CASE("Llama's config.json gives the catalogue's model") {
  const Parsed p =
      parse_config(llama_config("llama", R"("tie_word_embeddings": false, "rms_norm_eps": 1e-05,
  "rope_scaling": {"factor": 8.0, "rope_type": "llama3", "original_max_position_embeddings": 8192},
  "torch_dtype": "bfloat16", "architectures": ["LlamaForCausalLM"])"));
  CHECK(p.text == "");
  REQUIRE(p.model);
  Reporter reporter;
  const Architecture want = *Catalog("", reporter).model("llama-3.1-8b", {}, reporter);
  const Architecture& got = p.model->architecture;
  CHECK(parameters(got) == parameters(want));
  CHECK(got.head_dim == want.head_dim);
  CHECK(got.max_position_embeddings == want.max_position_embeddings);
  CHECK(got.name == "mine");
  CHECK(p.model->weights == Dtype::bf16);
}

TEST_CASE("each family has its own defaults") {
  const Architecture llama = parse_config(llama_config("llama")).model->architecture;
  CHECK_FALSE(llama.attention_bias);
  CHECK_FALSE(llama.qk_norm);
  CHECK_FALSE(llama.tie_word_embeddings);
  const Architecture qwen2 =
      parse_config(llama_config("qwen2", R"("tie_word_embeddings": true)")).model->architecture;
  CHECK(qwen2.attention_bias);
  CHECK(qwen2.tie_word_embeddings);
  const Architecture qwen3 = parse_config(llama_config("qwen3")).model->architecture;
  CHECK(qwen3.qk_norm);
  CHECK_FALSE(qwen3.attention_bias);
  CHECK(qwen3.head_dim == 128);
  CHECK(parse_config(llama_config("qwen3", R"("head_dim": 64)")).model->architecture.head_dim ==
        64);
  CHECK(parse_config(llama_config("mistral", R"("sliding_window": null)")).model);
  CHECK(parse_config(llama_config("phi3", R"("sliding_window": null)")).model);
  CHECK(parse_config(llama_config("phi3", R"("sliding_window": 262144)")).model);  // never reached
  CHECK(parse_config(llama_config("internlm2", R"("bias": false)")).model);
  CHECK(parse_config(llama_config("llama", R"("_name_or_path": "01-ai/Yi-34B")"))
            .model->architecture.name == "01-ai/Yi-34B");
}

TEST_CASE("without num_key_value_heads there is one for each head") {
  const Parsed p =
      parse_config(R"({"model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008,
    "max_position_embeddings": 4096, "num_attention_heads": 32, "num_hidden_layers": 32,
    "vocab_size": 32000})");
  REQUIRE(p.model);
  CHECK(p.model->architecture.num_key_value_heads == 32);
  CHECK(parameters(p.model->architecture) == 6738415616);  // Llama-2-7B as published
}

TEST_CASE("a family that is not built is refused by its model_type") {
  const std::string text = parse_config(llama_config("rwkv")).text;
  CHECK(text.starts_with(R"(error: `model_type: rwkv` is not built yet
  --> config.json:2:3
2 |   "model_type": "rwkv",
  |   ^^^^^^^^^^^^
  = note: docs/models.md names the )"));
  CHECK(text.find("docs/models.md") != std::string::npos);
}

TEST_CASE("keys that may change the layers of a family that does not have them are refused") {
  CHECK(refusal(llama_config("llama", R"("num_local_experts": 8)")) ==
        "`num_local_experts` is not understood");
  CHECK(refusal(llama_config("llama", R"("kv_lora_rank": 512)")) ==
        "`kv_lora_rank` is not understood");
  CHECK(
      refusal(llama_config("qwen3", R"("layer_types": ["full_attention", "sliding_attention"])")) ==
      "`layer_types` is not understood");
  CHECK(refusal(llama_config("mistral")) == "`sliding_window` is missing");  // 4096 by default
  CHECK(parse_config(
            llama_config("llama",
                         R"("num_local_experts": 0, "mlp_bias": false, "kv_lora_rank": null)"))
            .model);
  CHECK(
      parse_config(llama_config("qwen2", R"("sliding_window": 4096, "use_sliding_window": false)"))
          .model);
  CHECK(
      parse_config(llama_config("qwen3", R"("layer_types": ["full_attention", "full_attention"])"))
          .model);
  CHECK(parse_config(llama_config("gemma2", R"("layer_types": ["sliding_attention"])"))
            .diagnostics[0]
            .message == "`layer_types` has 1 entries for 32 layers");
}

TEST_CASE("windows are read") {
  const auto of = [](const std::string& json) { return parse_config(json).model->architecture; };
  const Architecture mistral = of(llama_config("mistral", R"("sliding_window": 4096)"));
  CHECK(mistral.sliding_layers == 32);
  CHECK(mistral.sliding_window == 4096);
  CHECK(of(llama_config("mistral", R"("sliding_window": null)")).sliding_layers == 0);
  CHECK(of(llama_config("mistral", R"("sliding_window": 131072)")).sliding_layers == 0);
  const Architecture qwen = of(llama_config(
      "qwen2", R"("sliding_window": 4096, "use_sliding_window": true, "max_window_layers": 28)"));
  CHECK(qwen.sliding_layers == 4);
  CHECK(of(llama_config("gemma2", R"("sliding_window": 4096, "head_dim": 128)")).sliding_layers ==
        16);
  const auto twice = [](const std::string& size) {
    return parse_config(
        llama_config("gemma2", R"("sliding_window": 4096, "sliding_window_size": )" + size));
  };
  CHECK(twice("4096").model->architecture.sliding_window == 4096);
  CHECK(twice("1024").diagnostics[0].message == "`sliding_window_size` is not understood");
}

TEST_CASE("context is stretched by the kinds of rope_scaling that engines stretch by") {
  const auto longest = [](const std::string& scaling) {
    return parse_config(llama_config("qwen2", "\"rope_scaling\": " + scaling))
        .model->architecture.max_position_embeddings;
  };
  CHECK(longest("null") == 131072);
  CHECK(longest(R"({"rope_type": "llama3", "factor": 8.0})") == 131072);
  CHECK(longest(R"({"type": "linear", "factor": 2.0})") == 262144);
  CHECK(longest(R"({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768})") ==
        131072);
}

TEST_CASE("kinds of sparse attention that are not known are refused") {
  const auto text =
      [](const std::string& keys) {
        return parse_config(
                   llama_config("deepseek_v4", R"("n_routed_experts": 8, "num_experts_per_tok": 2,
      "moe_intermediate_size": 64, "o_lora_rank": 64, "o_groups": 4, "hc_mult": 4,
      "sliding_window": 128, "q_lora_rank": 64, "qk_rope_head_dim": 64, "index_n_heads": 4,
      "index_head_dim": 128, "index_topk": 512)" + keys))
            .text;
      };
  CHECK(text("").find("must have an entry for each layer") != std::string::npos);
  std::string ratios = R"(, "compress_ratios": [2)";
  for (int layer = 1; layer < 32; ++layer) {
    ratios += layer % 2 == 0 ? ", 4" : ", 128";
  }
  CHECK(text(ratios + "]").find("known are 0, 4 and 128") != std::string::npos);
  const auto blocks = [](const std::string& keys) {
    return parse_config(
        llama_config("minimax_m3", R"("dense_intermediate_size": 12288, "num_local_experts": 8,
      "num_experts_per_tok": 2, "moe_layer_freq": [)" +
                                       keys));
  };
  std::string list = "0";
  for (int layer = 1; layer < 32; ++layer) {
    list += ", 1";
  }
  CHECK(blocks(list + "]").text.find("must have the indexer's heads") != std::string::npos);
  CHECK(blocks("0, 1]").text.find("leading dense layers, an entry for each") != std::string::npos);
  std::string types = R"("full_attention")";
  for (int layer = 1; layer < 32; ++layer) {
    types += R"(, "minimax_m3_sparse")";
  }
  const auto native = blocks(list + R"(], "layer_types": [)" + types +
                             R"(], "index_n_heads": 4, "index_head_dim": 128,
      "index_block_size": 128, "index_topk_blocks": 16, "index_local_blocks": 1)");
  CHECK(native.text == "");
  REQUIRE(native.model);
  CHECK(native.model->architecture.indexer.layers == 31);
  CHECK(native.model->architecture.indexer.index_topk == 2048);
  CHECK(native.model->architecture.moe.first_k_dense_replace == 1);
  CHECK(native.model->architecture.intermediate_size == 12288);
}

TEST_CASE("Gemma 3 leaves out what its family knows, and its positions are scaled already") {
  const Parsed p =
      parse_config(R"({"model_type": "gemma3", "text_config": {"model_type": "gemma3_text",
    "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34,
    "sliding_window": 1024,
    "rope_scaling": {"factor": 8.0, "rope_type": "linear"}}})");
  CHECK(p.text.find("error") == std::string::npos);
  REQUIRE(p.model);
  const Architecture& m = p.model->architecture;
  CHECK(m.vocab_size == 262208);
  CHECK(m.num_attention_heads == 8);
  CHECK(m.num_key_value_heads == 4);
  CHECK(m.head_dim == 256);
  CHECK(m.max_position_embeddings == 131072);
}

TEST_CASE("mistakes in a config.json are shown at their key, all at once") {
  const Parsed p =
      parse_config(R"({"model_type": "llama", "hidden_size": -1, "intermediate_size": 1.5,
  "max_position_embeddings": 4096, "num_attention_heads": 32, "num_hidden_layers": 1e400})");
  CHECK_FALSE(p.model);
  CHECK(p.text.find("cannot read this as JSON") != std::string::npos);  // a number out of range
  const Parsed q =
      parse_config(R"({"model_type": "llama", "hidden_size": -1, "intermediate_size": 1.5,
  "max_position_embeddings": 4096, "num_attention_heads": 32, "num_hidden_layers": 99999})");
  CHECK(q.text == R"(error: `vocab_size` is missing
  --> config.json:1:1
1 | {"model_type": "llama", "hidden_size": -1, "intermediate_size": 1.5,
  | ^ or `padded_vocab_size`
error: `hidden_size` must be a whole number from 1 to 262,144
  --> config.json:1:25
1 | {"model_type": "llama", "hidden_size": -1, "intermediate_size": 1.5,
  |                         ^^^^^^^^^^^^^
error: `intermediate_size` must be a whole number from 1 to 4,194,304
  --> config.json:1:44
1 | {"model_type": "llama", "hidden_size": -1, "intermediate_size": 1.5,
  |                                            ^^^^^^^^^^^^^^^^^^^
error: `num_hidden_layers` must be a whole number from 1 to 2,000
  --> config.json:2:63
2 |   "max_position_embeddings": 4096, "num_attention_heads": 32, "num_hidden_layers": 99999}
  |                                                               ^^^^^^^^^^^^^^^^^^^
4 errors; nothing was run
)");
}

TEST_CASE("what is not JSON, or not a config.json, is refused") {
  CHECK(parse_config("{\"a\": 1,\n  oops}").text == R"(error: this is not JSON
  --> config.json:2:3
2 |   oops}
  |   ^
1 error; nothing was run
)");
  CHECK(parse_config("").text.find("this is not JSON") != std::string::npos);
  CHECK(parse_config("[1]").text.find("not the config.json of a model") != std::string::npos);
  CHECK(parse_config("{}").text.find("`model_type` is missing") != std::string::npos);
  CHECK(parse_config(std::string(100000, '[')).text.find("this is not JSON") != std::string::npos);
  const Parsed twice = parse_config(llama_config("llama", R"("hidden_size": 8192)"));
  CHECK(twice.text.find("`hidden_size` is given twice") != std::string::npos);
  CHECK_FALSE(twice.model);
  CHECK(parse_config(llama_config("llama", R"("rope_scaling": {"rope_type": 7, "factor": "x"})"))
            .model);
  CHECK(
      parse_config(llama_config("llama", R"("layer_types": 3, "quantization_config": [1])")).model);
}

TEST_CASE("`model:` takes the path of a config.json, relative to the workload file") {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / "penstock-config-huggingface";
  fs::create_directories(folder / "my-llama");
  std::ofstream(folder / "my-llama" / "config.json") << llama_config("llama");
  std::ofstream(folder / "my-llama" / "aqlm.json")
      << llama_config("llama", R"("quantization_config": {"quant_method": "aqlm"})");
  const auto load = [&folder](const std::string& model) {
    LoadOptions options;
    const std::string text = "model: " + model + std::string(test::small_workload.substr(19));
    return load_scenario_from_text(text, (folder / "w.yaml").string(), options);
  };
  for (const char* model : {"my-llama/config.json", "./my-llama"}) {
    CAPTURE(model);
    const Loaded loaded = load(model);
    CHECK(test::rendered(loaded) == "");
    CHECK(loaded.scenario.model_name == "my-llama");
  }
  std::ofstream(folder / "my-llama" / "f32.json") << llama_config("llama", R"("dtype": "float32")");
  const Loaded f32 = load("my-llama/f32.json");
  CHECK(f32.scenario.weights == Dtype::bf16);
  CHECK(f32.notes.front() ==
        "weights are bf16: the checkpoint is float32, and engines round it to 16 bits");
  std::ofstream(folder / "my-llama" / "kv.json") << llama_config(
      "llama",
      R"("quantization_config": {"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_scheme":
              {"num_bits": 8, "type": "float"}})");
  const Loaded kv = load("my-llama/kv.json");
  CHECK(kv.scenario.kv_cache == Dtype::fp8);
  CHECK(kv.notes.front().starts_with("the KV cache is fp8, as the checkpoint says"));
  CHECK(test::rendered(load("none.json")).find("none.json`: there is no such file") !=
        std::string::npos);
  CHECK(test::only_error(load("my-llama/aqlm.json")) ==
        "this checkpoint is quantized in a way that has no name here: \"aqlm\"");
  fs::remove_all(folder);
}

TEST_CASE("what Python and later transformers write into a config.json") {
  const auto same = [](const std::string& mine, const std::string& plain) {
    const Parsed got = parse_config(mine);
    const Parsed want = parse_config(plain);
    CHECK(got.text == "");
    REQUIRE(got.model);
    REQUIRE(want.model);
    CHECK(parameters(got.model->architecture) == parameters(want.model->architecture));
    CHECK(got.model->architecture.sliding_layers == want.model->architecture.sliding_layers);
  };
  const std::string experts = R"("moe_intermediate_size": 512, "num_experts": 64, )";
  same(llama_config("llama", R"("time_step_limit": [0.0, Infinity], "_name": "a \" Infinity")"),
       llama_config("llama"));
  same(llama_config("bailing_moe", experts + R"("num_experts_per_tok": [6, 6, 6])"),
       llama_config("bailing_moe", experts + R"("num_experts_per_tok": 6)"));
  same(llama_config(
           "deepseek", R"("moe_intermediate_size": 512, "n_routed_experts": 64,
  "num_experts_per_tok": 6, "mlp_layer_types": ["dense",)" +
                           [] {
                             std::string sparse;
                             for (int i = 0; i < 30; ++i) {
                               sparse += R"("sparse", )";
                             }
                             return sparse;
                           }() +
                           R"("sparse"])"),
       llama_config("deepseek", R"("moe_intermediate_size": 512, "n_routed_experts": 64,
  "num_experts_per_tok": 6, "first_k_dense_replace": 1)"));
  same(llama_config("exaone4", R"("sliding_window": 4096, "sliding_window_pattern": "LLLG")"),
       llama_config("exaone4", R"("sliding_window": 4096, "sliding_window_pattern": 4)"));
  CHECK(refusal(llama_config("exaone4",
                             R"("sliding_window": 4096, "sliding_window_pattern": "LGLG")")) ==
        "`sliding_window_pattern` is not understood");
}

TEST_CASE("what a text_config lacks is not looked for in the vision tower") {
  const std::string text = parse_config(R"({
  "text_config": {"model_type": "llama", "vocab_size": 32064},
  "vision_config": {"hidden_size": 1024}
})")
                               .text;
  CHECK(text.find("error: `hidden_size` is missing\n  --> config.json:2:3\n") != std::string::npos);
}

TEST_CASE("a wrong value is told by the name that the file has for it") {
  CHECK(
      parse_config(llama_config("mixtral", R"("num_local_experts": -1, "num_experts_per_tok": 2)"))
          .text.starts_with("error: `num_local_experts` must be a whole number from 1 to 65,536"));
}

}  // namespace
}  // namespace penstock::config
