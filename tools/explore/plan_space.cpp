#include "tools/explore/plan_space.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "config/overrides.h"
#include "config/report.h"
#include "config/schema.h"
#include "config/section.h"
#include "config/yaml.h"
#include "sim/metrics/summary.h"
#include "tools/explore/jobs.h"
#include "tools/explore/plan_errors.h"
#include "tools/explore/stopwatch.h"
#include "tools/output/text.h"

namespace penstock::explore {
namespace {

using config::Loaded;
using config::LoadOptions;
using config::Section;

/// A run must be long enough for its quantiles: so many requests may miss their limits.
constexpr double wanted_misses = 30;
constexpr double most_requests = 300'000;
constexpr double shortest_s = 300;
constexpr double longest_warmup_s = 120;

Loaded load(const PlanQuestion& question, const std::vector<std::string>& first,
            const std::vector<std::string>& second) {
  LoadOptions options = question.load;
  options.sets.insert(options.sets.end(), first.begin(), first.end());
  options.sets.insert(options.sets.end(), second.begin(), second.end());
  return config::load_scenario_from_text(question.text, question.name, options);
}

/// The file's own scales of rates, and what it says about its length.
struct FileFacts {
  double rate_scale = 1;
  std::vector<std::pair<std::string, double>> classes;  ///< name, rate_scale
  bool has_length = false;
  bool has_warmup = false;
  bool has_classes = false;
};

FileFacts read_file(const PlanQuestion& question) {
  FileFacts facts;
  config::Reporter reporter;
  const auto source = std::make_shared<const config::Source>(question.name, question.text);
  std::optional<config::Node> root = config::parse_yaml(source, reporter);
  if (!root) {
    return facts;
  }
  config::apply_overrides(*root, question.load.sets, reporter);
  const Section workload = Section(&*root, "", config::workload_schema()).section("workload");
  facts.rate_scale = workload.number("rate_scale").value_or(1);
  facts.has_length = workload.has("duration") || workload.has("requests");
  facts.has_warmup = workload.has("warmup");
  for (const Section& one : workload.sections("classes")) {
    facts.classes.emplace_back(one.text("name").value_or(""), one.number("rate_scale").value_or(1));
  }
  facts.has_classes = !facts.classes.empty();
  return facts;
}

/// The overrides that bring the traffic to the rate that the plan must bear.
std::vector<std::string> rate_sets(const config::PlanSpec& spec, const FileFacts& file) {
  std::vector<std::string> sets;
  const double all = file.rate_scale * (1 + spec.growth) * (1 + spec.headroom) * spec.peak;
  if (all != file.rate_scale) {
    sets.push_back(fmt::format("workload.rate_scale={}", all));
  }
  for (std::size_t c = 0; c < file.classes.size(); ++c) {
    const auto& [name, scale] = file.classes[c];
    const auto peak = spec.class_peak.find(name);
    if (peak != spec.class_peak.end() && peak->second != 1) {
      sets.push_back(fmt::format("workload.classes[{}].rate_scale={}", c, scale * peak->second));
    }
  }
  return sets;
}

/// Seconds of traffic after which every class with a limit has enough requests for its quantile.
double wanted_seconds(const Scenario& scenario) {
  double seconds = shortest_s;
  double total = 0;
  for (std::size_t c = 0; c < scenario.workload.classes.size(); ++c) {
    const double rate = scenario.workload.classes[c].rate;
    const Slo& slo = slo_of(scenario, c);
    total += rate;
    if (rate > 0 && slo.any()) {
      const double requests = wanted_misses / std::max(1 - slo.attainment, 1e-3);
      seconds = std::max(seconds, requests / rate);
    }
  }
  return std::ceil(total > 0 ? std::min(seconds, std::max(most_requests / total, 60.0)) : seconds);
}

/// As many as may be bought, so that a bill that is too large is found before anything runs.
std::string most_replicas_set(const config::PlanSpec& spec) {
  const std::int64_t most = spec.max_gpus > 0 ? spec.max_gpus : spec.max_replicas;
  return fmt::format("cluster.replicas={}", std::min<std::int64_t>(most, spec.max_replicas));
}

/// A tensor_parallel with all numbers of stages and ranks. Experts are spread over all ranks, as
/// there is no other way, and over the GPUs of a single one where the file spreads them.
void add_layouts(const config::PlanSpec& spec, const std::vector<std::string>& before,
                 const std::string& tensor_parallel,
                 std::vector<std::vector<std::string>>& layouts) {
  const std::vector<int> none{1};
  const bool has_ranks = spec.spreads_experts || spec.data_parallel != none;
  for (const int stages : spec.pipeline_parallel) {
    for (const int ranks : spec.data_parallel) {
      layouts.push_back(before);
      std::vector<std::string>& sets = layouts.back();
      sets.push_back("cluster.tensor_parallel=" + tensor_parallel);
      if (spec.pipeline_parallel != none) {
        sets.push_back(fmt::format("cluster.pipeline_parallel={}", stages));
      }
      if (has_ranks) {
        const int gpus = std::stoi(tensor_parallel) * ranks;
        sets.push_back(fmt::format("cluster.data_parallel={}", ranks));
        sets.push_back(fmt::format("cluster.expert_parallel={}",
                                   ranks > 1 || spec.spreads_experts ? gpus : 1));
      }
    }
  }
}

/// All replicas of the space, as overrides.
std::vector<Shape> list_shapes(const config::PlanSpec& spec) {
  struct Choice {
    const char* key;
    std::vector<std::string> values;
  };
  std::vector<Choice> choices{{"cluster.gpu", spec.gpus},  {"cluster.tensor_parallel", {}},
                              {"weights", spec.weights},   {"kv_cache", spec.kv_cache},
                              {"engine.max_num_seqs", {}}, {"engine.max_num_batched_tokens", {}}};
  const std::size_t layouts = 1;
  const auto add = [](std::vector<std::string>& values, const auto& numbers) {
    for (const auto number : numbers) {
      values.push_back(std::to_string(number));
    }
  };
  add(choices[1].values, spec.tensor_parallel);
  add(choices[4].values, spec.max_num_seqs);
  add(choices[5].values, spec.max_num_batched_tokens);
  std::vector<std::vector<std::string>> sets{{most_replicas_set(spec)}};
  for (const Choice& choice : choices) {
    std::vector<std::vector<std::string>> longer;
    for (const auto& before : sets) {
      for (const std::string& value : choice.values) {
        if (&choice == &choices[layouts]) {
          add_layouts(spec, before, value, longer);
          continue;
        }
        longer.push_back(before);
        longer.back().push_back(fmt::format("{}={}", choice.key, value));
      }
      if (choice.values.empty()) {
        longer.push_back(before);
      }
    }
    sets = std::move(longer);
  }
  std::vector<Shape> shapes;
  for (auto& one : sets) {
    Shape shape{.gpu = {}, .sets = std::move(one), .scenario = {}, .bounds = {}};
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

struct LoadedShape {
  Shape shape;
  Loaded loaded;
  std::optional<RefusedShape> refused;
  Diagnostics errors;  ///< what is wrong, not what does not fit
};

/// One replica of the shape.
LoadedShape load_replica(const PlanQuestion& question, const std::vector<std::string>& sets,
                         const Shape& shape) {
  LoadedShape out{
      .shape = shape, .loaded = load(question, shape.sets, sets), .refused = {}, .errors = {}};
  ClusterSpec& cluster = out.loaded.scenario.cluster;
  cluster.replicas = 1;
  out.shape.gpu = cluster.gpu.name;
  out.shape.tensor_parallel = cluster.tensor_parallel;
  out.shape.pipeline_parallel = cluster.pipeline_parallel;
  out.shape.data_parallel = cluster.data_parallel;
  out.shape.expert_parallel = cluster.expert_parallel;
  if (!out.loaded.ok && config::exit_code(out.loaded.diagnostics) != 4) {
    out.errors = at_choices(question, out.shape, out.loaded.diagnostics);
  }
  return out;
}

/// Adds what is not in the list: the same mistake shows up with many replicas.
void add_new(const Diagnostics& found, Diagnostics& list) {
  for (const Diagnostic& d : found) {
    const bool is_known = std::any_of(list.begin(), list.end(), [&d](const Diagnostic& other) {
      return std::tie(d.message, d.file, d.line, d.column) ==
             std::tie(other.message, other.file, other.line, other.column);
    });
    if (!is_known) {
      list.push_back(d);
    }
  }
}

/// Reports traffic that cannot be planned for: too much of it, or without limits to meet.
bool refuse_traffic(const Scenario& scenario, Space& space) {
  const auto refuse = [&space](std::string message, const char* note) {
    Diagnostic d;
    d.kind = Diagnostic::Kind::input;
    d.message = std::move(message);
    d.notes.emplace_back(note);
    space.errors.push_back(std::move(d));
  };
  if (space.traffic.is_cut) {
    refuse(fmt::format("the workload has more than {} requests: too many for a plan",
                       output::group_digits(most_planned_requests)),
           "shorten workload.duration: a plan simulates the traffic hundreds of times");
  }
  for (std::size_t c = 0; c < scenario.workload.classes.size(); ++c) {
    const Slo& slo = slo_of(scenario, c);
    if (!slo.any() || slo.attainment <= 0) {
      refuse(fmt::format("class `{}` has no limit to plan for", scenario.workload.classes[c].name),
             "give it an `slo`; of batch work the time by which it must be done: slo: {e2e: 1h}");
    }
  }
  return !space.errors.empty();
}

/// Decides rates, length and warm-up of the judged run from the first replica that can be loaded.
void settle_traffic(const PlanQuestion& question, const std::vector<Shape>& shapes, Space& space) {
  const FileFacts file = read_file(question);
  space.sets = rate_sets(question.spec, file);
  const bool choose_length = !file.has_length && file.has_classes;
  std::vector<std::string> sets = space.sets;
  if (choose_length) {
    sets.push_back(fmt::format("workload.duration={}s", shortest_s));
  }
  Loaded loaded;
  Diagnostics errors;
  for (std::size_t i = 0; i < shapes.size() && !loaded.ok; ++i) {
    LoadedShape one = load_replica(question, sets, shapes[i]);
    loaded = std::move(one.loaded);
    add_new(one.errors, errors);
  }
  if (!loaded.ok) {
    space.errors = std::move(errors);  // if nothing fits, each shape says why
    return;
  }
  if (choose_length) {
    const double seconds = wanted_seconds(loaded.scenario);
    space.sets.push_back(fmt::format("workload.duration={}s", seconds));
    space.notes.push_back(fmt::format(
        "workload.duration is not given: {} of traffic, enough for the quantiles of the limits",
        output::span_text(seconds)));
    loaded.scenario.workload.duration = SimTime::from_seconds(seconds);
  }
  space.errors = traffic_errors(loaded.scenario);
  if (!space.errors.empty()) {
    return;
  }
  space.traffic = read_traffic(loaded.scenario);
  if (refuse_traffic(loaded.scenario, space)) {
    return;
  }
  const double warmup = default_warmup(loaded.scenario).seconds();
  if (!file.has_warmup && warmup > 0) {
    space.sets.push_back(fmt::format("workload.warmup={}s", warmup));
    space.notes.push_back(
        fmt::format("workload.warmup is not given: requests of the first {} are not judged",
                    output::span_text(warmup)));
    loaded.scenario.workload.warmup = SimTime::from_seconds(warmup);
    space.traffic = read_traffic(loaded.scenario);
  }
}

LoadedShape load_shape(const PlanQuestion& question, const Space& space, const Shape& shape) {
  LoadedShape out = load_replica(question, space.sets, shape);
  if (!out.loaded.ok) {
    out.refused = RefusedShape{out.shape.title(), first_error(out.loaded.diagnostics)};
  } else {
    out.shape.scenario = std::move(out.loaded.scenario);
    out.shape.bounds = PlanBounds(out.shape.scenario, space.traffic);
  }
  return out;
}

}  // namespace

std::string Shape::title() const {
  std::string text = gpu;
  if (tensor_parallel > 1) {
    text += fmt::format(" TP{}", tensor_parallel);
  }
  if (pipeline_parallel > 1) {
    text += fmt::format(" PP{}", pipeline_parallel);
  }
  if (data_parallel > 1) {
    text += fmt::format(" DP{}", data_parallel);
  }
  if (expert_parallel > 1) {
    text += fmt::format(" EP{}", expert_parallel);
  }
  for (const std::string& set : sets) {
    if (!set.starts_with("cluster.")) {
      const std::size_t equals = set.find('=');
      const std::string key = set.substr(0, equals);
      text += " · " + key.substr(key.find('.') + 1) + ' ' + set.substr(equals + 1);
    }
  }
  return text;
}

SimTime default_warmup(const Scenario& scenario) {
  const double span =
      std::max(read_traffic(scenario).last_arrival.seconds(), scenario.workload.duration.seconds());
  return SimTime::from_seconds(std::floor(std::min(span / 10, longest_warmup_s)));
}

bool Shape::is_measured() const {
  const std::string& fit = scenario.cluster.gpu.timing.fit;
  return fit != "assumed" && fit != "datasheet";
}

Space make_space(const PlanQuestion& question) {
  const Stopwatch watch;
  Space space;
  space.rate_factor =
      (1 + question.spec.growth) * (1 + question.spec.headroom) * question.spec.peak;
  std::vector<Shape> shapes = list_shapes(question.spec);
  settle_traffic(question, shapes, space);
  if (!space.errors.empty()) {
    return space;
  }
  Diagnostics errors;
  run_jobs(
      shapes.size(), question.jobs, Order::by_number,
      [&](std::size_t i) { return load_shape(question, space, shapes[i]); },
      [&](std::size_t, LoadedShape loaded) {
        if (loaded.refused) {
          space.refused.push_back(*std::move(loaded.refused));
        }
        if (loaded.refused || !loaded.errors.empty()) {
          add_new(loaded.errors, errors);
        } else {
          space.shapes.push_back(std::move(loaded.shape));
        }
        return !question.stop || !question.stop();
      });
  if (space.shapes.empty()) {
    space.errors = std::move(errors);
  }
  space.seconds = watch.seconds();
  return space;
}

}  // namespace penstock::explore
