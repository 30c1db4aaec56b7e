#include <fmt/format.h>

#include <algorithm>

#include "config/load_parts.h"
#include "config/text.h"
#include "sim/cluster/router.h"

namespace penstock::config {

namespace {

/// Replicas are numbered in 16 bits, rank by rank.
constexpr std::int64_t most_engines = 65535;

std::string all_gpus_text(const ClusterSpec& cluster) {
  return fmt::format("{} GPUs of a replica", cluster.gpus_per_replica());
}

/// The ways in which an engine cannot spread or share the experts of this model.
void check_experts(const LoadContext& context, const Section& section, const Scenario& scenario) {
  const ClusterSpec& cluster = scenario.cluster;
  const std::int64_t experts = scenario.model.moe.num_experts;
  const int gpus = cluster.gpus_per_stage();
  Reporter& reporter = context.reporter;
  if (cluster.data_parallel > 1 && experts == 0) {
    reporter.error(
        section.span("data_parallel"),
        fmt::format("`data_parallel` ranks share experts, and {} has none", scenario.model.name),
        fmt::format("they would be replicas: `replicas: {}`", cluster.engines()));
  } else if (cluster.expert_parallel > 1 && experts == 0) {
    reporter.error(
        section.span("expert_parallel"),
        fmt::format("`expert_parallel` spreads experts, and {} has none", scenario.model.name),
        "leave it out");
  } else if (cluster.data_parallel > 1 && cluster.expert_parallel == 1) {
    reporter.error(section.span("data_parallel"),
                   "`data_parallel` is simulated with experts spread over all ranks",
                   fmt::format("give `expert_parallel: {}` too", gpus));
  } else if (cluster.expert_parallel > 1 && cluster.expert_parallel != gpus) {
    reporter.error(
        section.span("expert_parallel"),
        fmt::format("`expert_parallel: {}` is not the {}", cluster.expert_parallel,
                    cluster.pipeline_parallel > 1 ? fmt::format("{} GPUs of a stage", gpus)
                                                  : all_gpus_text(cluster)),
        fmt::format("tensor_parallel x data_parallel: `expert_parallel: {}`", gpus));
  } else if (cluster.expert_parallel > std::max<std::int64_t>(1, experts)) {
    reporter.error(section.span("expert_parallel"),
                   fmt::format("`expert_parallel: {}` is more than the {} experts of {}",
                               cluster.expert_parallel, experts, scenario.model.name));
  } else if (experts % cluster.expert_parallel != 0) {
    reporter.note(fmt::format("{} experts do not divide by {}: the fullest GPU, of {}, decides",
                              experts, cluster.expert_parallel,
                              (experts + cluster.expert_parallel - 1) / cluster.expert_parallel));
  }
}

/// The ways in which layers cannot be cut into stages.
void check_stages(const LoadContext& context, const Section& section, const Scenario& scenario) {
  const ClusterSpec& cluster = scenario.cluster;
  const std::int64_t layers = scenario.model.num_hidden_layers;
  if (cluster.pipeline_parallel > layers) {
    context.reporter.error(section.span("pipeline_parallel"),
                           fmt::format("`pipeline_parallel: {}` is more than the {} layers of {}",
                                       cluster.pipeline_parallel, layers, scenario.model.name));
  }
}

/// What lies between the servers, where a replica needs more than one.
void load_network(const LoadContext& context, const Section& section, ClusterSpec& cluster) {
  Accelerator& gpu = cluster.gpu;
  if (const auto facts = context.catalog.server_of(gpu.name, context.reporter)) {
    gpu.server_gpus = facts->gpus;
    gpu.network_gb_s = facts->network_gb_s;
  }
  if (const auto given = section.number("network_bandwidth")) {
    gpu.network_gb_s = *given / 1e9;
  }
  const int server = gpu.near_gpus();
  const bool reaches = cluster.engines_per_replica() > 1 && cluster.gpus_per_replica() > server;
  if (reaches && gpu.network_gb_s <= 0) {
    context.reporter.error(
        section.span(cluster.data_parallel > 1 ? "data_parallel" : "pipeline_parallel"),
        fmt::format("{} reach past a server of {}, and the catalogue "
                    "knows no network of {}",
                    all_gpus_text(cluster), server, gpu.name),
        "give `network_bandwidth`, such as 50GB/s of each GPU");
  }
}

void warn_of_slow_link(const LoadContext& context, const Section& section,
                       const ClusterSpec& cluster) {
  const int tp = cluster.tensor_parallel;
  if (tp <= 1 || tp <= cluster.gpu.scaleup_domain) {
    return;
  }
  Diagnostic& d = context.reporter.warning(
      section.span("tensor_parallel"),
      cluster.gpu.scaleup_domain > 1
          ? fmt::format("`tensor_parallel: {}` reaches past the fast link of {}, which joins {}",
                        tp, cluster.gpu.name, cluster.gpu.scaleup_domain)
          : fmt::format("`tensor_parallel: {}` without a fast link between {} GPUs", tp,
                        cluster.gpu.name));
  d.notes.emplace_back("all-reduce times over slower links are guesses, off by up to a factor 2");
}

void check_split(const LoadContext& context, const Section& section, const Scenario& scenario) {
  const int tp = scenario.cluster.tensor_parallel;
  const bool spread = scenario.cluster.expert_parallel > 1;
  if (const auto problem = tensor_parallel_problem(scenario.model, tp, spread)) {
    context.reporter.error(section.span("tensor_parallel"),
                           fmt::format("`tensor_parallel: {}` {}", tp, *problem));
  }
  check_experts(context, section, scenario);
  check_stages(context, section, scenario);
}

}  // namespace

bool load_cluster(const LoadContext& context, bool model_is_known, Scenario& scenario) {
  const Section section = context.root.section("cluster");
  ClusterSpec& cluster = scenario.cluster;
  const auto whole = [&section](std::string_view key) {
    return static_cast<int>(section.whole(key).value_or(1));
  };
  cluster.tensor_parallel = whole("tensor_parallel");
  cluster.pipeline_parallel = whole("pipeline_parallel");
  cluster.data_parallel = whole("data_parallel");
  cluster.expert_parallel = whole("expert_parallel");
  cluster.replicas = whole("replicas");
  const std::string_view router = section.choice("router").value_or("round_robin");
  for (const RouterEntry& entry : routers) {
    cluster.router = entry.name == router ? entry.kind : cluster.router;
  }
  cluster.scrape_interval = section.time("scrape_interval").value_or(cluster.scrape_interval);
  if (model_is_known) {
    check_split(context, section, scenario);
  }
  if (std::int64_t{cluster.replicas} * cluster.data_parallel * cluster.pipeline_parallel >
      most_engines) {
    context.reporter.error(
        section.span("replicas"),
        fmt::format("more than {} ranks or stages in all", group_digits(most_engines)));
  }
  const std::optional<std::string> name = section.text("gpu");
  const Span gpu_span = section.span("gpu");
  auto gpu = !name                    ? std::nullopt
             : is_catalog_file(*name) ? Catalog::gpu_file(resolve_path(context, *name, gpu_span),
                                                          gpu_span, context.reporter)
                                      : context.catalog.gpu(*name, gpu_span, context.reporter);
  if (!gpu) {
    return false;
  }
  cluster.gpu = std::move(*gpu);
  if (cluster.gpus_per_replica() > cluster.gpu.scaleup_domain) {
    load_network(context, section, cluster);
  }
  warn_of_slow_link(context, section, cluster);
  return true;
}

}  // namespace penstock::config
