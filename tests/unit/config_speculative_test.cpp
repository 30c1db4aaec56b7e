// The keys of engine.speculative, and what they change elsewhere.

#include <doctest/doctest.h>

#include "sim/model/draft_layer.h"
#include "tests/support/config_text.h"

namespace penstock::config {
namespace {

using test::load_small;
using test::only_error;
using test::rendered;

const std::string eagle =
    "engine.speculative={method: eagle, num_speculative_tokens: 3, acceptance: 0.7}";

TEST_CASE("speculation: acceptance is one for all drafts, or one by position") {
  const Loaded each = load_small({eagle});
  CHECK(rendered(each) == "");
  const SpeculativeSpec& spec = each.scenario.engine.speculative;
  CHECK(spec.method == SpeculativeSpec::Method::eagle);
  CHECK(spec.acceptance == std::vector<double>{0.7, 0.7, 0.7});
  CHECK(spec.rows() == 4);
  CHECK(each.scenario.engine.draft_slots() == 6);
  const Loaded by_position = load_small(
      {"engine.speculative={method: ngram, num_speculative_tokens: 2, acceptance: [80%, 0.5]}"});
  CHECK(by_position.scenario.engine.speculative.acceptance == std::vector<double>{0.8, 0.5});
  CHECK(by_position.scenario.engine.draft_slots() == 2);
  CHECK_FALSE(load_small().scenario.engine.speculative.on());
  const Loaded none = load_small({eagle, "engine.speculative.num_speculative_tokens=0"});
  CHECK(rendered(none) == "");
  CHECK_FALSE(none.scenario.engine.speculative.on());
  CHECK(none.scenario.engine.async_scheduling);
}

TEST_CASE("speculation: what is missing or does not go together is said") {
  CHECK(only_error(load_small({"engine.speculative={method: ngram, num_speculative_tokens: 3, "
                               "acceptance: [0.5, 0.5]}"})) ==
        "`acceptance` by position has 2 entries, `num_speculative_tokens` is 3");
  CHECK(only_error(load_small({eagle, "engine.speculative.draft_model=llama-3.2-1b"})) ==
        "`draft_model` is no setting of the method eagle");
  CHECK(only_error(load_small({eagle, "engine.speculative.method=draft_model"})) ==
        "the method draft_model needs a `draft_model`");
  CHECK(
      only_error(load_small({eagle, "engine.max_num_seqs=2", "engine.max_num_batched_tokens=3"})) ==
      "a sequence and its drafts are 4 tokens, beyond `max_num_batched_tokens` 3");
  for (const char* preset : {"vllm-0.6", "sarathi-serve", "orca", "faster-transformer"}) {
    const Loaded other = load_small({eagle, std::string("engine.preset=") + preset});
    CHECK(only_error(other).ends_with("is not built"));
    CHECK(exit_code(other.diagnostics) == 4);
  }
  CHECK_FALSE(load_small({"engine.speculative={method: eagle}"}).ok);
  CHECK_FALSE(load_small({eagle, "engine.speculative.acceptance=1.5"}).ok);
}

TEST_CASE("speculation: vLLM schedules ahead beside some methods only") {
  const auto is_async = [](const std::string& method, const std::string& more = "seed=1") {
    const Loaded loaded = load_small({eagle, "engine.speculative.method=" + method, more});
    CHECK(rendered(loaded) == "");
    return loaded.scenario.engine.async_scheduling;
  };
  CHECK(is_async("eagle"));
  CHECK(is_async("eagle3"));
  CHECK(is_async("mtp"));
  CHECK_FALSE(is_async("ngram"));
  CHECK_FALSE(is_async("draft_model", "engine.speculative.draft_model=llama-3.2-1b"));
  CHECK(load_small({eagle, "engine.speculative.method=draft_model", "engine.async_scheduling=true",
                    "engine.speculative.draft_model=llama-3.2-1b"})
            .scenario.engine.async_scheduling);
  CHECK(only_error(load_small(
            {eagle, "engine.speculative.method=ngram", "engine.async_scheduling=true"})) ==
        "`async_scheduling` does not go with n-gram drafts");
}

TEST_CASE("speculation: SGLang's limits with drafts") {
  const auto load = [](const std::string& more = "seed=1", const std::string& last = "seed=1") {
    return load_small({eagle, "engine.preset=sglang-0.5", more, last});
  };
  const Loaded plain = load();
  CHECK(rendered(plain) == "");
  const EngineSpec& engine = plain.scenario.engine;
  CHECK_FALSE(engine.async_scheduling);
  CHECK(engine.max_num_seqs == 48);
  CHECK(engine.draft_slots() == 3);  // what is verified
  const EngineSpec ahead = load("engine.async_scheduling=true").scenario.engine;
  CHECK(ahead.async_scheduling);
  CHECK(ahead.draft_slots() == 7);  // two steps of four, but for a token
  CHECK(load("engine.max_num_seqs=300").scenario.engine.max_num_seqs == 300);
  CHECK_FALSE(load("engine.enable_mixed_chunk=true").scenario.engine.sglang.enable_mixed_chunk);
}

TEST_CASE("speculation: TensorRT-LLM verifies all drafts of a step within its budget") {
  const auto load = [](const std::string& more = "seed=1", const std::string& last = "seed=1") {
    return load_small({eagle, "engine.preset=tensorrt-llm-1.0", "engine.max_model_len=8192",
                       "engine.speculative.num_speculative_tokens=4", more, last});
  };
  const Loaded plain = load();
  CHECK(rendered(plain) == "");
  const EngineSpec& engine = plain.scenario.engine;
  CHECK(engine.async_scheduling);
  CHECK(engine.max_num_seqs == 8192 / 5);
  CHECK(engine.draft_slots() == 7);
  const EngineSpec ngram = load("engine.speculative.method=ngram").scenario.engine;
  CHECK(ngram.draft_slots() == 4);
  CHECK_FALSE(ngram.async_scheduling);
  CHECK(only_error(load("engine.max_num_seqs=2048")) ==
        "`max_num_batched_tokens` 8,192 is less than `max_num_seqs` 2,048 x 5 tokens, with drafts");
}

TEST_CASE("speculation: ranks share the experts of an MTP layer") {
  const auto load = [](const std::string& more = "seed=1", const std::string& last = "seed=1") {
    return load_small({eagle, "engine.speculative.method=mtp", "model=qwen3-30b-a3b",
                       "cluster.data_parallel=4", "cluster.tensor_parallel=1",
                       "cluster.expert_parallel=4", more, last});
  };
  const Loaded mtp = load();
  CHECK(rendered(mtp) == "");
  // One of 128 experts' three matrices of 2,048 x 768, a quarter of them, and the attention.
  const double experts = 128 / 4 * 3.0 * 2048 * 768;
  CHECK(mtp.memory.drafter_bytes > experts * 2);
  CHECK(mtp.memory.drafter_bytes < (experts + 2048 * 4096 * 4) * 2);
  const std::string sglang = "engine.preset=sglang-0.5";
  CHECK(load(sglang).scenario.engine.max_num_seqs == 12);  // of 48
  CHECK(only_error(load(sglang, "engine.speculative.method=ngram")) ==
        "SGLang's ranks (`data_parallel`) have no ngram drafts");
  CHECK(load("engine.speculative.method=ngram").ok);
  const Loaded model =
      load("engine.speculative.method=draft_model", "engine.speculative.draft_model=llama-3.2-1b");
  CHECK(exit_code(model.diagnostics) == 4);
}

TEST_CASE("speculation: steps are padded to whole sequences with their drafts") {
  const auto sizes = load_small({eagle, "engine.max_num_seqs=16"}).scenario.engine.cuda_graph_sizes;
  CHECK(sizes.front() == 4);
  CHECK(sizes.back() == 128);  // 2 x 16 x 4
  for (const std::int64_t size : sizes) {
    CHECK(size % 4 == 0);
  }
}

TEST_CASE("speculation: the drafter's weights and KV take memory") {
  const MemoryPlan plain = load_small().memory;
  const auto with = [](const std::string& method, const std::string& more = "seed=1") {
    return load_small({eagle, "engine.speculative.method=" + method, more}).memory;
  };
  CHECK(with("ngram").tokens == plain.tokens);
  // Of 32 layers one more: 4,096 bytes of KV a token.
  CHECK(with("eagle").bytes_per_token - plain.bytes_per_token == 4096);
  CHECK(with("eagle").drafter_bytes == doctest::Approx(218.1e6 * 2).epsilon(0.01));
  CHECK(with("eagle3").drafter_bytes ==
        doctest::Approx((218.1e6 + 32'000 * 4096) * 2).epsilon(0.01));
  const MemoryPlan small = with("draft_model", "engine.speculative.draft_model=llama-3.2-1b");
  CHECK(small.drafter_bytes == doctest::Approx(1.236e9 * 2).epsilon(0.01));
  CHECK(small.bytes_per_token - plain.bytes_per_token == 16 * 2 * 8 * 64 * 2);
  CHECK(small.tokens < plain.tokens);
}

}  // namespace
}  // namespace penstock::config
