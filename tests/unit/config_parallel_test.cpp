#include <doctest/doctest.h>

#include "config/memory.h"
#include "tests/support/config_text.h"

namespace penstock::config {
namespace {

using test::load_text;
using test::only_error;
using test::rendered;

constexpr std::string_view experts_workload = R"(model: qwen3-235b-a22b
weights: fp8
cluster: {gpu: h200-sxm, tensor_parallel: 8}
workload:
  requests: 10
  classes: [{name: chat, rate: 8/s, lengths: {input: 100, output: 20}}]
prices: {gpu: $2.50/h}
)";

Loaded load_experts(std::initializer_list<std::string> sets = {}) {
  return load_text(experts_workload, sets);
}

TEST_CASE("expert_parallel and data_parallel of a model with experts") {
  const Loaded plain = load_experts();
  REQUIRE(rendered(plain) == "");
  const Loaded spread = load_experts({"cluster.expert_parallel=8"});
  REQUIRE(rendered(spread) == "");
  CHECK(spread.scenario.cluster.expert_parallel == 8);
  CHECK(spread.scenario.cluster.gpus_per_replica() == 8);
  // The same experts, whole instead of split: as many bytes on each GPU.
  CHECK(spread.memory.weight_bytes == doctest::Approx(plain.memory.weight_bytes));

  const Loaded ranks = load_experts({"cluster.tensor_parallel=1", "cluster.data_parallel=8",
                                     "cluster.expert_parallel=8", "cluster.replicas=2"});
  REQUIRE(rendered(ranks) == "");
  CHECK(ranks.scenario.cluster.engines() == 16);
  CHECK(ranks.scenario.cluster.gpus_per_replica() == 8);
  // Each rank has all of attention and an eighth of the experts.
  const Architecture& model = ranks.scenario.model;
  const ParameterCounts counts = count_parameters(model);
  const double experts = static_cast<double>(counts.experts) / 8;
  const double rest = ranks.memory.weight_bytes - experts;
  CHECK(rest > static_cast<double>(counts.total() - counts.experts));
  CHECK(rest < 2 * static_cast<double>(counts.total() - counts.experts));
}

// scheduler-semantics 4.4: latents are replicated, so that ranks with attention of their own hold
// more tokens than tensor parallelism does, all together.
TEST_CASE("KV capacity of latent attention grows with data_parallel, not with tensor_parallel") {
  const auto tokens = [](std::initializer_list<std::string> sets) {
    const Loaded loaded = load_experts(sets);
    REQUIRE(rendered(loaded) == "");
    return loaded.memory.tokens * loaded.scenario.cluster.data_parallel;
  };
  const std::int64_t tensor = tokens({"model=deepseek-v3", "cluster.expert_parallel=8"});
  const std::int64_t ranks = tokens({"model=deepseek-v3", "cluster.tensor_parallel=1",
                                     "cluster.data_parallel=16", "cluster.expert_parallel=16"});
  CHECK(ranks > 8 * tensor);
}

TEST_CASE("combinations that engines do not have are errors") {
  const auto error = [](std::initializer_list<std::string> sets) {
    return only_error(load_experts(sets));
  };
  CHECK(error({"cluster.expert_parallel=4"}) ==
        "`expert_parallel: 4` is not the 8 GPUs of a replica");
  CHECK(error({"cluster.data_parallel=2"}) ==
        "`data_parallel` is simulated with experts spread over all ranks");
  CHECK(error({"model=llama-3.1-70b", "cluster.expert_parallel=8"}) ==
        "`expert_parallel` spreads experts, and llama-3.1-70b has none");
  CHECK(error({"model=llama-3.1-70b", "cluster.data_parallel=2"}) ==
        "`data_parallel` ranks share experts, and llama-3.1-70b has none");
  CHECK(error({"cluster.tensor_parallel=1", "cluster.data_parallel=136",
               "cluster.expert_parallel=136"}) ==
        "`expert_parallel: 136` is more than the 128 experts of qwen3-235b-a22b");
  CHECK(error({"cluster.gpu=rtx-pro-6000", "cluster.tensor_parallel=1", "cluster.data_parallel=16",
               "cluster.expert_parallel=16"})
            .find("knows no network of rtx-pro-6000") != std::string::npos);
  CHECK(load_experts({"cluster.gpu=rtx-pro-6000", "cluster.tensor_parallel=1",
                      "cluster.data_parallel=16", "cluster.expert_parallel=16",
                      "cluster.network_bandwidth=25GB/s"})
            .ok);
  const Loaded engine = load_experts(
      {"cluster.data_parallel=2", "cluster.expert_parallel=16", "engine={preset: sarathi-serve}"});
  CHECK(only_error(engine) == "`data_parallel` is not built for the scheduler sarathi");
  CHECK(exit_code(engine.diagnostics) == 4);
}

TEST_CASE("the network of a replica that is larger than a server is the catalogue's, or given") {
  const std::initializer_list<std::string> sets{
      "cluster.tensor_parallel=1", "cluster.data_parallel=16", "cluster.expert_parallel=16"};
  const Loaded loaded = load_experts(sets);
  REQUIRE(rendered(loaded) == "");
  CHECK(loaded.scenario.cluster.gpu.server_gpus == 8);
  CHECK(loaded.scenario.cluster.gpu.network_gb_s == 50);  // 8 cards of 400 Gbit/s
  const Loaded given =
      load_experts({"cluster.tensor_parallel=1", "cluster.data_parallel=16",
                    "cluster.expert_parallel=16", "cluster.network_bandwidth=25GB/s"});
  CHECK(given.scenario.cluster.gpu.network_gb_s == 25);
}

TEST_CASE("what does not fit names more ranks") {
  const Loaded loaded =
      load_text(experts_workload, {"model=deepseek-v3", "cluster.tensor_parallel=1",
                                   "cluster.data_parallel=4", "cluster.expert_parallel=4"});
  CHECK(only_error(loaded).starts_with("deepseek-v3 does not fit"));
  CHECK(rendered(loaded).find("instead: `data_parallel: 8` with `expert_parallel: 8` fits") !=
        std::string::npos);
}

}  // namespace
}  // namespace penstock::config
