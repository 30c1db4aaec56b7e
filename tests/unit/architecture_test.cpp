#include "sim/model/architecture.h"

#include <doctest/doctest.h>

#include "tests/support/fixtures.h"

namespace penstock {
namespace {

Architecture qwen2_5_7b() {
  return {.name = "qwen2.5-7b",
          .title = "Qwen2.5-7B",
          .num_hidden_layers = 28,
          .hidden_size = 3584,
          .num_attention_heads = 28,
          .num_key_value_heads = 4,
          .head_dim = 128,
          .intermediate_size = 18944,
          .vocab_size = 152064,
          .max_position_embeddings = 32768,
          .attention_bias = true};
}

Architecture qwen3_0_6b() {
  return {.name = "qwen3-0.6b",
          .title = "Qwen3-0.6B",
          .num_hidden_layers = 28,
          .hidden_size = 1024,
          .num_attention_heads = 16,
          .num_key_value_heads = 8,
          .head_dim = 128,
          .intermediate_size = 3072,
          .vocab_size = 151936,
          .max_position_embeddings = 40960,
          .tie_word_embeddings = true,
          .qk_norm = true};
}

}  // namespace

TEST_CASE("parameter counts equal the published ones") {
  CHECK(parameters(fixtures::llama_8b()) == 8'030'261'248);
  CHECK(parameters(fixtures::llama_70b()) == 70'553'706'496);
  CHECK(parameters(fixtures::qwen3_32b()) == 32'762'123'264);
  CHECK(parameters(qwen2_5_7b()) == 7'615'616'512);
  CHECK(parameters(qwen3_0_6b()) == 596'049'920);
}

TEST_CASE("linear layers are all parameters but norms, biases and embeddings") {
  const Architecture model = fixtures::llama_8b();
  const std::int64_t norms = (2 * 32 + 1) * 4096;
  CHECK(linear_parameters(model) == parameters(model) - norms - 2 * 128256LL * 4096);
}

TEST_CASE("KV heads are split, and replicated beyond one per GPU") {
  const Architecture model = fixtures::llama_8b();
  CHECK(kv_heads_per_gpu(model, 1) == 8);
  CHECK(kv_heads_per_gpu(model, 4) == 2);
  CHECK(kv_heads_per_gpu(model, 16) == 1);
  CHECK(kv_bytes_per_token_per_gpu(model, Dtype::bf16, 1) == 131072);
  CHECK(kv_bytes_per_token_per_gpu(model, Dtype::fp8, 1) == 65536);
  CHECK(kv_bytes_per_token_per_gpu(model, Dtype::bf16, 8) == 16384);
  CHECK(kv_bytes_per_token_per_gpu(model, Dtype::bf16, 16) == 16384);
}

TEST_CASE("weights on a GPU: all of them on one, shares plus replicas on many") {
  const Architecture model = fixtures::llama_8b();
  CHECK(weight_bytes_per_gpu(model, Dtype::bf16, 1) == 2.0 * 8'030'261'248);
  const double norms = 2.0 * (2 * 32 + 1) * 4096;
  const double half = (2.0 * 8'030'261'248 - norms) / 2 + norms;
  CHECK(weight_bytes_per_gpu(model, Dtype::bf16, 2) == half);
  // Beyond 8 GPUs each holds a whole K and V head.
  const double linear = static_cast<double>(linear_parameters(model));
  const double replicas = 32.0 * 4096 * 128 * 2 * 8;
  const double embeddings = 2.0 * 128256 * 4096;
  CHECK(weight_bytes_per_gpu(model, Dtype::fp8, 16) ==
        doctest::Approx((linear + replicas + 2 * embeddings) / 16 + norms).epsilon(1e-14));
}

TEST_CASE("dtypes have names and sizes") {
  CHECK(bytes_per_element(Dtype::bf16) == 2);
  CHECK(bytes_per_element(Dtype::int8) == 1);
  CHECK(bytes_per_element(Dtype::nvfp4) == 0.5625);
  CHECK(to_string(Dtype::mxfp4) == std::string("mxfp4"));
}

}  // namespace penstock
