#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "config/catalog.h"
#include "config/render.h"
#include "config/text.h"
#include "tests/support/config_text.h"

namespace penstock::config {
namespace {

namespace fs = std::filesystem;

/// A folder that goes away.
class Folder {
 public:
  explicit Folder(const std::string& name) : path_(fs::temp_directory_path() / name) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  void write(const std::string& file, const std::string& text) const {
    fs::create_directories((path_ / file).parent_path());
    std::ofstream(path_ / file) << text;
  }
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

TEST_CASE("every file of the catalogue is read without a complaint") {
  Reporter reporter;
  const Catalog catalog("", reporter);
  std::size_t gpus = 0;
  for (const Catalog::Entry& entry : catalog.list(CatalogKind::gpus)) {
    CAPTURE(entry.path);
    const auto gpu = catalog.gpu(entry.name, {}, reporter);
    REQUIRE(gpu);
    CHECK(gpu->name == entry.name);
    CHECK(gpu->timing.peak_tflops.count(Dtype::bf16) == 1);
    CHECK(gpu->timing.all_reduce.latency_us.size() >= 1);
    ++gpus;
  }
  std::size_t models = 0;
  for (const Catalog::Entry& entry : catalog.list(CatalogKind::models)) {
    CAPTURE(entry.path);
    const auto model = catalog.model(entry.name, {}, reporter);
    REQUIRE(model);
    CHECK(model->name == entry.name);
    CHECK(parameters(*model) > 100'000'000);
    ++models;
  }
  for (const Catalog::Entry& entry : catalog.list(CatalogKind::engines)) {
    CAPTURE(entry.path);
    const auto engine = catalog.engine(entry.name, {}, reporter);
    REQUIRE(engine);
    CHECK(engine->spec.preset == entry.name);
    CHECK(engine->large.max_num_seqs >= engine->other.max_num_seqs);
  }
  for (const Catalog::Entry& entry : catalog.list(CatalogKind::prices)) {
    CAPTURE(entry.path);
    const auto price = catalog.price(entry.name, reporter);
    REQUIRE(price);
    CHECK(price->usd_per_hour > 0);
    CHECK(price->low <= price->usd_per_hour);
    CHECK(price->high >= price->usd_per_hour);
    CHECK(catalog.find(CatalogKind::gpus, entry.name) != nullptr);
  }
  for (const Catalog::Entry& entry : catalog.list(CatalogKind::profiles)) {
    CAPTURE(entry.path);
    CHECK(catalog.profile(entry.name, {}, reporter));
  }
  CHECK(render(reporter.take(), false) == "");
  CHECK(gpus >= 12);
  CHECK(models >= 15);
}

TEST_CASE("no two items of a kind answer to the same name") {
  Reporter reporter;
  const Catalog catalog("", reporter);
  for (const CatalogKind kind :
       {CatalogKind::gpus, CatalogKind::models, CatalogKind::engines, CatalogKind::profiles,
        CatalogKind::systems, CatalogKind::closed_models}) {
    std::map<std::string, std::string> owners;
    for (const Catalog::Entry& entry : catalog.list(kind)) {
      std::vector<std::string> spellings = entry.aliases;
      spellings.push_back(entry.name);
      for (const std::string& spelling : spellings) {
        CAPTURE(spelling);
        const auto [at, is_new] = owners.emplace(to_lower(spelling), entry.name);
        CHECK((is_new || at->second == entry.name));
        const Catalog::Entry* found = catalog.find(kind, spelling);
        REQUIRE(found != nullptr);
        CHECK(found->name == entry.name);
      }
    }
  }
}

TEST_CASE("usual spellings are accepted") {
  Reporter reporter;
  const Catalog catalog("", reporter);
  const auto gpu = [&catalog](std::string_view name) {
    const Catalog::Entry* found = catalog.find(CatalogKind::gpus, name);
    return found != nullptr ? found->name : "";
  };
  CHECK(gpu("H100") == "h100-sxm");
  CHECK(gpu("h100_sxm") == "h100-sxm");
  CHECK(gpu("H100 SXM") == "h100-sxm");
  CHECK(catalog.find(CatalogKind::models, "meta-llama/Llama-3.1-70B-Instruct")->name ==
        "llama-3.1-70b");
  CHECK(catalog.find(CatalogKind::models, "gpt-4o") == nullptr);
}

TEST_CASE("an unknown name gets the nearest ones") {
  CHECK(test::rendered(test::load_small({"cluster.gpu=h101-sxm"})) ==
        R"(error: there is no GPU `h101-sxm` in the catalogue
  --> --set[1]:1:13
1 | cluster.gpu=h101-sxm
  |             ^^^^^^^^ did you mean `h100-sxm`, `h200-sxm` or `h800-sxm`?
  = note: `penstock catalog gpus` lists what there is
1 error; nothing was run
)");
  const std::string model = test::rendered(test::load_small({"model=lama-3.1-8b"}));
  CHECK(model.find("did you mean `llama-3.1-8b`") != std::string::npos);
  CHECK(model.find("Hugging Face config.json") != std::string::npos);
}

TEST_CASE("values of a GPU file arrive in the units of the struct") {
  Reporter reporter;
  const auto gpu = Catalog("", reporter).gpu("h100-sxm", {}, reporter);
  REQUIRE(gpu);
  CHECK(gpu->memory_bytes == doctest::Approx(79.65 * 1073741824.0));
  CHECK(gpu->memory_gb_s == doctest::Approx(3350));
  CHECK(gpu->timing.memory_gb_s == doctest::Approx(3352));
  CHECK(gpu->timing.peak_tflops.at(Dtype::fp8) == doctest::Approx(1979));
  CHECK(gpu->timing.peak_tflops.at(Dtype::int8) == doctest::Approx(1978.9));  // the datasheet's
  CHECK(gpu->timing.gemm.latency_us == doctest::Approx(5.93));
  CHECK(gpu->timing.attention_prefill.critical_path_ns_per_kv == doctest::Approx(24.3));
  CHECK(gpu->timing.all_reduce.latency_us.at(4) == doctest::Approx(15));
  CHECK(gpu->timing.all_reduce.bandwidth_gb_s == doctest::Approx(290.01));
  CHECK(gpu->scaleup_domain == 8);
  CHECK(gpu->tdp_w == 700);
}

constexpr const char* my_gpu = R"(name: my-gpu
title: My GPU
aliases: [mine]
source: a test
date: 2026-11
memory: 100GiB
memory_bandwidth: 2TB/s
sm_count: 100
peak: {bf16: 500TFLOPS, fp8: 1000TFLOPS}
)";

TEST_CASE("a user's folder adds to the catalogue and goes before it") {
  const Folder folder("penstock-config-catalog-user");
  folder.write("gpus/my-gpu.yaml", my_gpu);
  folder.write("prices/h100.yaml",
               "name: h100-sxm\ntitle: Mine\nsource: my contract\ndate: 2026-11\n"
               "kind: gpu_rental\nusd_per_hour: $1.11/h\n");
  Reporter reporter;
  const Catalog catalog(folder.path(), reporter);
  const auto gpu = catalog.gpu("mine", {}, reporter);
  REQUIRE(gpu);
  CHECK(gpu->name == "my-gpu");
  CHECK(gpu->timing.fit == "datasheet");  // no `timing:` in the file
  CHECK(gpu->timing.gemm.flops_efficiency.at(Dtype::fp8) == 0.656);
  CHECK(catalog.price("h100-sxm", reporter)->usd_per_hour == 1.11);
  CHECK(catalog.find(CatalogKind::gpus, "h100-sxm") != nullptr);
  CHECK(render(reporter.take(), false) == "");
}

TEST_CASE("mistakes in a user's folder are shown in their file") {
  const Folder folder("penstock-config-catalog-wrong");
  folder.write("gpus/a.yaml", std::string(my_gpu) + "tdb: 700W\n");
  folder.write("gpus/b.yaml", my_gpu);
  LoadOptions options;
  options.catalog_dir = folder.path();
  const Loaded loaded =
      load_scenario_from_text(std::string(test::small_workload), "w.yaml", options);
  const std::string text = test::rendered(loaded);
  CHECK(text.find("unknown key `tdb`") != std::string::npos);
  CHECK(text.find("gpus/a.yaml:10:1") != std::string::npos);
  CHECK(text.find("did you mean `tdp`?") != std::string::npos);
  CHECK(text.find("there is a GPU `my-gpu` already") != std::string::npos);
  options.catalog_dir = folder.path() + "/none";
  CHECK(test::only_error(
            load_scenario_from_text(std::string(test::small_workload), "w.yaml", options)) ==
        "`--catalog`: there is no such folder");
}

TEST_CASE("a GPU's timing may not be faster than its own datasheet") {
  Reporter reporter;
  const Catalog catalog("", reporter);
  std::string text(catalog.text(*catalog.find(CatalogKind::gpus, "h100-sxm")));
  const auto replace = [&text](const std::string& from, const std::string& to) {
    REQUIRE(text.find(from) != std::string::npos);
    text.replace(text.find(from), from.size(), to);
  };
  replace("peak: {bf16: 989.4TFLOPS, fp8: 1979TFLOPS}", "peak: {bf16: 1010TFLOPS, fp8: 900TFLOPS}");
  const auto problems = [&text] {
    const Folder folder("penstock-config-catalog-fast");
    folder.write("gpus/h100.yaml", text);
    LoadOptions options;
    options.catalog_dir = folder.path();
    return test::rendered(
        load_scenario_from_text(std::string(test::small_workload), "w.yaml", options));
  };
  CHECK(
      problems().find("`bf16` in `timing` is 1010TFLOPS, more than the datasheet's 989.4TFLOPS") !=
      std::string::npos);
  replace("1010TFLOPS", "1000TFLOPS");  // 1.1 % more: rounding
  CHECK(problems() == "");
  replace("memory_bandwidth: 3352GB/s", "memory_bandwidth: 6.7TB/s");
  const std::string fast = problems();
  CHECK(
      fast.find("`memory_bandwidth` in `timing` is 6.7TB/s, more than the datasheet's 3350GB/s") !=
      std::string::npos);
  CHECK(fast.find("no step may be faster than the hardware's peak") != std::string::npos);
  CHECK(fast.find("gpus/h100.yaml:29:21") != std::string::npos);
  replace("memory_bandwidth: 6.7TB/s", "memory_bandwidth: 3000GB/s");
  replace("bf16: 0.73255", "bf16: 1.05");
  CHECK(problems().find("`bf16` must be at most 1") != std::string::npos);
}

TEST_CASE("a file that contradicts itself: idle power above the TDP, parameters that are not its") {
  Reporter reporter;
  const Catalog catalog("", reporter);
  const auto problems = [&](CatalogKind kind, const std::string& name, const std::string& from,
                            const std::string& to) {
    std::string text(catalog.text(*catalog.find(kind, name)));
    REQUIRE(text.find(from) != std::string::npos);
    text.replace(text.find(from), from.size(), to);
    const Folder folder("penstock-config-catalog-contradiction");
    folder.write(kind == CatalogKind::gpus ? "gpus/mine.yaml" : "models/mine.yaml", text);
    LoadOptions options;
    options.catalog_dir = folder.path();
    return test::rendered(
        load_scenario_from_text(std::string(test::small_workload), "w.yaml", options));
  };
  CHECK(problems(CatalogKind::gpus, "h100-sxm", "tdp: 700W", "tdp: 50W")
            .find("`idle_power` is more than the `tdp`") != std::string::npos);
  CHECK(problems(CatalogKind::models, "llama-3.1-8b", "num_hidden_layers: 32",
                 "num_hidden_layers: 40")
            .find("the shape has 9.78e9 parameters, not the 8.03e9 that `parameters` says") !=
        std::string::npos);
}

TEST_CASE("a profile's probabilities rise and its lengths never fall") {
  const Folder folder("penstock-config-catalog-profile");
  const std::string head = "name: p\ntitle: P\nsource: s\ndate: 2026-11\nkind: length_profile\n";
  folder.write("profiles/p.yaml",
               head + "probabilities: [0, 0.5, 1]\ninput: [1, 9, 5]\noutput: [1, 2, 3]\n");
  Reporter reporter;
  const Catalog catalog(folder.path(), reporter);
  CHECK_FALSE(catalog.profile("p", {}, reporter));
  CHECK(render(reporter.take(), false).find("`input` must have 3 values that never fall") !=
        std::string::npos);
}

}  // namespace
}  // namespace penstock::config
