#include "tools/explore/plan_files.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "config/rewrite.h"
#include "tools/output/json_text.h"
#include "tools/output/manifest.h"

namespace penstock::explore {
namespace {

void write_file(const output::FolderWriter& folder, const std::string& name,
                const std::string& text) {
  output::OutputFile file(folder.file(name));
  file.write(text);
  file.close();
}

std::string manifest(const PlanOutput& output, const std::vector<std::string>& command,
                     const std::vector<std::string>& files) {
  std::vector<std::string> words{"penstock"};
  words.insert(words.end(), command.begin(), command.end());
  nlohmann::ordered_json root = output::manifest_head(1, words);
  root["seed"] = output.plan.pools.front().scenario.seed;
  root["inputs"] = output::input_digests({output.question.name});
  root["files"] = files;
  root["host"] = output::host_facts();
  root["wall_clock"] = {{"written", output::now_text()}, {"search_s", output.seconds}};
  return output::to_text(root);
}

}  // namespace

std::string pool_file(const PlanOutput& output, const PlannedPool& pool,
                      const std::string& target) {
  const PlanQuestion& question = output.question;
  std::vector<std::string> sets = question.load.sets;
  const Shape& shape = output.space.shapes[pool.pool.shape];
  sets.insert(sets.end(), shape.sets.begin(), shape.sets.end());
  sets.insert(sets.end(), output.space.sets.begin(), output.space.sets.end());
  sets.push_back(fmt::format("cluster.replicas={}", pool.pool.replicas));
  if (question.load.seed) {
    sets.push_back(fmt::format("seed={}", *question.load.seed));
  }
  config::RewriteOptions rewrite{.sets = std::move(sets), .without = {"plan"}, .folder = target};
  if (output.plan.pools.size() > 1) {
    const WorkloadSpec& workload = pool.scenario.workload;
    for (std::size_t c = 0; c < workload.classes.size(); ++c) {
      const bool is_trace = workload.trace && workload.trace_class == c;
      rewrite.classes.emplace_back(workload.classes[c].name, is_trace ? workload.trace->rate_scale
                                                                      : workload.classes[c].rate);
    }
  }
  return fmt::format("# Made by `penstock plan {}`: `penstock run` replays it.\n", question.name) +
         config::rewrite(question.text, question.name, rewrite);
}

void write_plan_folder(const PlanOutput& output, const std::string& target,
                       const std::vector<std::string>& command, output::FolderWriter& folder) {
  std::vector<std::string> files;
  const auto add = [&](const std::string& name, const std::string& text) {
    write_file(folder, name, text);
    files.push_back(name);
  };
  add("plan.json", output::to_text(plan_json(output)));
  add("workload.yaml", output.question.text);
  add("kubernetes.yaml", kubernetes_manifest(output));
  const bool single = output.plan.pools.size() == 1;
  for (std::size_t i = 0; i < output.plan.pools.size(); ++i) {
    const PlannedPool& pool = output.plan.pools[i];
    const std::string number = single ? "" : fmt::format("-{}", i + 1);
    add((single ? "plan" : "pool") + number + ".yaml", pool_file(output, pool, target));
    add("vllm" + number + ".sh",
        "#!/bin/sh\n# Starts one replica: run it once for each.\n" + vllm_command(output, pool, 0));
  }
  write_file(folder, "manifest.json", manifest(output, command, files));
}

}  // namespace penstock::explore
