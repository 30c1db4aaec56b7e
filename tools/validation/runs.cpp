#include "tools/validation/runs.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "config/load.h"
#include "sim/simulation.h"
#include "workloads/source.h"

namespace penstock {
namespace {

/// Requests held in memory.
class ListedRequests final : public RequestSource {
 public:
  explicit ListedRequests(std::vector<Request> requests) : requests_(std::move(requests)) {}

  SimTime next_arrival() override {
    return at_ < requests_.size() ? requests_[at_].arrival : SimTime::never();
  }
  Request pop() override { return requests_[at_++]; }
  void on_departure(const Departure&) override {}
  std::uint64_t expected_requests() const override { return requests_.size(); }

 private:
  std::vector<Request> requests_;
  std::size_t at_ = 0;
};

std::string first_error(const Diagnostics& diagnostics) {
  for (const Diagnostic& d : diagnostics) {
    if (d.severity == Diagnostic::Severity::error) {
      return d.message;
    }
  }
  return "no reason given";
}

OpenedSource open(const WorkloadSpec& spec, std::uint64_t seed) {
  OpenedSource opened = open_source(spec, seed);
  if (!opened.source) {
    throw std::runtime_error("a workload cannot be opened: " + first_error(opened.diagnostics));
  }
  return opened;
}

Run play(const Scenario& scenario, RequestSource& source) {
  Run run;
  run.scenario = scenario;
  run.result = simulate(scenario, source);
  run.summary = summarize(scenario, run.result);
  return run;
}

}  // namespace

Scenario load_system(const System& system, std::string_view workload, bool must_fit) {
  const std::string text = fmt::format(
      "model: {}\nweights: {}\nkv_cache: {}\n"
      "cluster: {{gpu: {}, tensor_parallel: {}, pipeline_parallel: {}, data_parallel: {}, "
      "expert_parallel: {}}}\n"
      "engine: {{{}}}\n"
      "workload: {}\n"
      "prices: {{gpu: $1/h}}\n",
      system.model, system.weights, system.kv_cache, system.gpu, system.tensor_parallel,
      system.pipeline_parallel, system.data_parallel, system.expert_parallel, system.engine,
      workload);
  config::LoadOptions options;
  options.must_fit = must_fit;
  config::Loaded loaded = config::load_scenario_from_text(text, "validation", options);
  if (!loaded.ok) {
    throw std::runtime_error(fmt::format("{} on {} cannot be simulated: {}", system.model,
                                         system.gpu, first_error(loaded.diagnostics)));
  }
  return loaded.scenario;
}

Run play(const Scenario& scenario) {
  const OpenedSource opened = open(scenario.workload, scenario.seed);
  return play(scenario, *opened.source);
}

Run play(const Scenario& scenario, std::vector<Request> requests) {
  ListedRequests source(std::move(requests));
  return play(scenario, source);
}

std::vector<Request> poisson_requests(std::uint64_t count, double rate_per_s,
                                      std::int64_t input_tokens, std::int64_t output_tokens) {
  WorkloadSpec spec;
  spec.requests = count;
  ClassSpec& requests_of_one_size = spec.classes.emplace_back();
  requests_of_one_size.rate = rate_per_s;
  requests_of_one_size.input.a = static_cast<double>(input_tokens);
  requests_of_one_size.output.a = static_cast<double>(output_tokens);
  const OpenedSource opened = open(spec, 1);
  std::vector<Request> requests;
  while (opened.source->next_arrival() != SimTime::never()) {
    requests.push_back(opened.source->pop());
  }
  const double last = requests.back().arrival.seconds();
  const double stretch = static_cast<double>(count) / rate_per_s / last;
  for (Request& request : requests) {
    request.arrival = SimTime::from_seconds(request.arrival.seconds() * stretch);
  }
  return requests;
}

}  // namespace penstock
