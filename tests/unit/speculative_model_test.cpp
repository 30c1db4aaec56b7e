// The step model of speculative decoding against its parts.

#include <doctest/doctest.h>

#include <cstdlib>
#include <numeric>

#include "sim/model/draft_layer.h"
#include "sim/step/paced.h"
#include "sim/step/roofline.h"
#include "sim/step/speculative.h"
#include "tests/support/fixtures.h"
#include "tests/support/model_fixtures.h"

namespace penstock {
namespace {

using Method = SpeculativeSpec::Method;

Scenario drafted(Method method, std::size_t drafts, double acceptance = 0.7,
                 const Architecture& model = fixtures::llama_8b()) {
  Scenario scenario = fixtures::scenario({.model = model});
  SpeculativeSpec& spec = scenario.engine.speculative;
  spec.method = method;
  spec.acceptance.assign(drafts, acceptance);
  spec.drafter = draft_layer(model, method == Method::mtp      ? DraftLayer::mtp
                                    : method == Method::eagle3 ? DraftLayer::eagle3
                                                               : DraftLayer::eagle);
  return scenario;
}

std::int64_t total_of(const StepCost& cost) {
  REQUIRE(std::accumulate(cost.parts.begin(), cost.parts.end(), std::int64_t{0}) == cost.total);
  REQUIRE(std::accumulate(cost.resources.begin(), cost.resources.end(), std::int64_t{0}) ==
          cost.total);
  return cost.total;
}

TEST_CASE("1.8.5: a step verifies 1 + k rows of each sequence, and drafts one after the other") {
  for (const Method method : {Method::ngram, Method::eagle, Method::eagle3, Method::mtp}) {
    for (const std::size_t drafts : {1, 2, 5}) {
      const Scenario scenario = drafted(method, drafts);
      const auto k = static_cast<std::int64_t>(drafts);
      const auto model = make_step_model(scenario);
      const auto verify = make_roofline_model(scenario, {.tokens = k + 1});
      Scenario drafter = scenario;
      drafter.model = scenario.engine.speculative.drafter;
      drafter.weights = Dtype::bf16;
      const auto first = make_roofline_model(drafter, {.tokens = k + 1, .sampled = false});
      const auto next = make_roofline_model(drafter);
      for (const std::int64_t n : {1, 7, 64, 300}) {
        CAPTURE(n);
        const StepLoad load{.decodes = n, .kv_sum = 900 * n, .sampled = n};
        std::int64_t want = verify->cost(load).total;
        if (method != Method::ngram) {
          want += first->cost(load).total + (k - 1) * next->cost(load).total;
        }
        CHECK(total_of(model->cost(load)) == want);
        const DecodeCost& decode = model->decode(n);
        CHECK(decode.total(n, 900 * n, 0) == want);
        for (const std::int64_t part : decode.fixed.parts) {
          CHECK(part % n == 0);
        }
      }
    }
  }
}

TEST_CASE("speculation: rows are the only thing that verification adds to a step's bytes") {
  // KV is read once for a sequence's rows, weights once for all: few rows cost next to nothing.
  const auto plain = make_roofline_model(fixtures::scenario());
  const auto verify = make_roofline_model(fixtures::scenario(), {.tokens = 4});
  CHECK(verify->decode(8).per_kv * 50 <= plain->decode(8).per_kv * 51);
  CHECK(verify->decode(8).fixed.total * 10 < plain->decode(8).fixed.total * 11);
  CHECK(verify->decode(256).fixed.total * 2 > plain->decode(256).fixed.total * 3);
  // 1,024 rows are those of 1,024 sequences, but for the attention's part by sequence.
  const std::int64_t got = verify->decode(256).fixed.part(Part::compute);
  const std::int64_t want = plain->decode(1024).fixed.part(Part::compute);
  CHECK(std::abs(got - want) * 1000 <= want);
}

TEST_CASE("speculation: no drafter is faster than its weights can be read") {
  const Scenario scenario = drafted(Method::eagle, 4);
  const auto model = make_step_model(scenario);
  const Architecture& drafter = scenario.engine.speculative.drafter;
  const double bytes =
      2 * static_cast<double>(parameters(drafter) - drafter.vocab_size * drafter.hidden_size);
  const double read_ps = bytes / (scenario.cluster.gpu.timing.memory_gb_s * 1e9) * 1e12;
  CHECK(static_cast<double>(model->draft_cost(1).draft) > 4 * read_ps);
}

TEST_CASE("speculation: the cost of rejected drafts falls with acceptance, to none") {
  std::int64_t last = INT64_MAX;
  for (const double acceptance : {0.0, 0.3, 0.6, 0.9, 1.0}) {
    const auto model = make_step_model(drafted(Method::eagle, 3, acceptance));
    const DraftCost cost = model->draft_cost(100);
    CHECK(cost.rejected < last);
    last = cost.rejected;
    CHECK(cost.rejected <= model->decode(100).fixed.total);
  }
  CHECK(last == 0);
}

TEST_CASE("speculation: steps with prompts, too, are the sum of their passes") {
  const Scenario scenario = drafted(Method::eagle, 3);
  const auto model = make_step_model(scenario);
  const std::vector<Chunk> chunks{{.q = 700, .context = 0}};
  const StepLoad prompts{.chunks = chunks, .sampled = 0};
  const StepLoad mixed{
      .decodes = 10, .kv_sum = 5000, .kv_max = 900, .chunks = chunks, .sampled = 11};
  CHECK(total_of(model->cost(prompts)) > 0);
  CHECK(total_of(model->cost(mixed)) > total_of(model->cost(prompts)));
  CHECK(total_of(model->cost(mixed)) > model->decode(10).total(10, 5000, 0));
  // Prompts that do not end yet pass the drafter once.
  CHECK(total_of(model->cost(prompts)) * 5 <
        make_roofline_model(scenario)->cost(prompts).total * 6);
}

TEST_CASE("speculation: lengths in 1/15 tokens cost what tokens do") {
  const Scenario scenario = drafted(Method::eagle, 3);
  const auto tokens = make_step_model(scenario);
  const auto paced = make_paced_model(make_step_model(scenario), 15);
  const std::vector<Chunk> chunks{{.q = 100, .context = 64}};
  for (const std::int64_t n : {1, 20, 200}) {
    const StepLoad load{.decodes = n, .kv_sum = 700 * n, .kv_max = 700, .sampled = n};
    StepLoad units = load;
    units.kv_sum *= 15;
    units.kv_max *= 15;
    CHECK(static_cast<double>(total_of(paced->cost(units))) ==
          doctest::Approx(static_cast<double>(tokens->cost(load).total)).epsilon(1e-3));
    CHECK(paced->decode(n).total(n, units.kv_sum, 0) == paced->cost(units).total);
    StepLoad mixed = load;
    mixed.chunks = chunks;
    units.chunks = chunks;
    CHECK(paced->cost(units).total == tokens->cost(mixed).total);
  }
}

TEST_CASE("speculation: a layer on top of each kind of model") {
  for (const Architecture& model :
       {fixtures::llama_70b(), fixtures::qwen3_30b_a3b(), fixtures::gpt_oss_20b(),
        fixtures::deepseek_v2_lite(), fixtures::qwen3_next()}) {
    CAPTURE(model.name);
    for (const DraftLayer kind : {DraftLayer::eagle, DraftLayer::eagle3, DraftLayer::mtp}) {
      const Architecture layer = draft_layer(model, kind);
      CHECK(layer.full_layers() == 1);
      CHECK((layer.moe_layers() == 1) == (kind == DraftLayer::mtp && model.moe_layers() > 0));
      CHECK(kv_bytes_per_token_per_gpu(layer, Dtype::bf16, 1) > 0);
      CHECK(weight_bytes_per_gpu(draft_layer_weights(layer, kind), Dtype::bf16, 1) > 0);
      CHECK(parameters(layer) < parameters(model) / 2);
    }
  }
}

}  // namespace
}  // namespace penstock
