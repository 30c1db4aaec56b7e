#include "config/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>

#include "config/catalog_rows.h"
#include "config/text.h"
#include "sim/core/assert.h"

namespace penstock::config {

namespace {

double efficiency_in(const std::map<Dtype, double>& table, Dtype dtype) {
  const auto entry = table.find(dtype);
  return entry == table.end() ? 0 : entry->second;
}

// Rows of the table. A parameter lives in the scenario in a unit of its own: `scale` of them are
// one of the file's.
template <auto part, auto member, int scale>
constexpr StepParameter of_gpu(std::string_view path, std::string_view doc, Unit unit) {
  return {path, doc, unit,
          [](const Scenario& s) { return s.cluster.gpu.timing.*part.*member * scale; },
          [](Scenario& s, double value) { s.cluster.gpu.timing.*part.*member = value / scale; }};
}
template <Dtype dtype>
constexpr StepParameter gemm_flops(std::string_view path) {
  return {
      path, "GEMMs: share of the peak", Unit::fraction,
      [](const Scenario& s) {
        return efficiency_in(s.cluster.gpu.timing.gemm.flops_efficiency, dtype);
      },
      [](Scenario& s, double value) { s.cluster.gpu.timing.gemm.flops_efficiency[dtype] = value; }};
}
template <Dtype dtype>
constexpr StepParameter moe_flops(std::string_view path) {
  return {
      path, "GEMMs of routed experts: share of the peak", Unit::fraction,
      [](const Scenario& s) {
        return efficiency_in(s.cluster.gpu.timing.moe_flops_efficiency, dtype);
      },
      [](Scenario& s, double value) { s.cluster.gpu.timing.moe_flops_efficiency[dtype] = value; }};
}
template <int gpus>
constexpr StepParameter all_reduce_latency(std::string_view path) {
  return {path, "all-reduce of so many GPUs: fixed time", Unit::time,
          [](const Scenario& s) {
            const auto& table = s.cluster.gpu.timing.all_reduce.latency_us;
            const auto entry = table.find(gpus);
            return entry == table.end() ? 0 : entry->second * 1e6;
          },
          [](Scenario& s, double value) {
            s.cluster.gpu.timing.all_reduce.latency_us[gpus] = value / 1e6;
          }};
}
template <auto member>
constexpr StepParameter of_engine(std::string_view path, std::string_view doc) {
  return {path, doc, Unit::count, [](const Scenario& s) { return s.engine.timing.*member; },
          [](Scenario& s, double value) { s.engine.timing.*member = value; }};
}
template <auto member>
constexpr StepParameter of_cpu(std::string_view path, std::string_view doc) {
  return {path, doc, Unit::time,
          [](const Scenario& s) { return static_cast<double>((s.engine.cpu_overhead.*member).ps); },
          [](Scenario& s, double value) {
            s.engine.cpu_overhead.*member = SimTime{std::llround(value)};
          }};
}

using GpuTiming = AcceleratorTiming;
constexpr int ps_per_us = 1'000'000;  // ps
constexpr int ps_per_ns = 1'000;
constexpr int bytes_per_gb = 1'000'000'000;

constexpr auto parameter_rows = std::to_array<StepParameter>({
    of_gpu<&GpuTiming::gemm, &GpuTiming::Gemm::latency_us, ps_per_us>(
        "timing.gemm.latency", "GEMMs: fixed time of a kernel", Unit::time),
    gemm_flops<Dtype::bf16>("timing.gemm.flops_efficiency.bf16"),
    gemm_flops<Dtype::fp8>("timing.gemm.flops_efficiency.fp8"),
    gemm_flops<Dtype::nvfp4>("timing.gemm.flops_efficiency.nvfp4"),
    gemm_flops<Dtype::mxfp4>("timing.gemm.flops_efficiency.mxfp4"),
    of_gpu<&GpuTiming::gemm, &GpuTiming::Gemm::bandwidth_efficiency, 1>(
        "timing.gemm.bandwidth_efficiency", "GEMMs: share of the memory bandwidth", Unit::fraction),
    of_gpu<&GpuTiming::attention_decode, &GpuTiming::AttentionDecode::latency_us, ps_per_us>(
        "timing.attention_decode.latency", "decode attention: fixed time of a kernel", Unit::time),
    of_gpu<&GpuTiming::attention_decode, &GpuTiming::AttentionDecode::bandwidth_efficiency, 1>(
        "timing.attention_decode.bandwidth_efficiency",
        "decode attention: share of the memory bandwidth", Unit::fraction),
    of_gpu<&GpuTiming::attention_decode, &GpuTiming::AttentionDecode::per_sequence_us, ps_per_us>(
        "timing.attention_decode.per_sequence", "decode attention: of a sequence", Unit::time),
    of_gpu<&GpuTiming::attention_prefill, &GpuTiming::AttentionPrefill::flops_efficiency, 1>(
        "timing.attention_prefill.flops_efficiency", "attention of prompts: share of the peak",
        Unit::fraction),
    of_gpu<&GpuTiming::attention_prefill, &GpuTiming::AttentionPrefill::critical_path_ns_per_kv,
           ps_per_ns>("timing.attention_prefill.critical_path",
                      "attention of prompts: one thread block, per token of the longest context",
                      Unit::time),
    of_gpu<&GpuTiming::attention_mixed, &GpuTiming::AttentionMixed::decode_ns_per_head_kv,
           ps_per_ns>("timing.attention_mixed.decode_per_head_kv",
                      "attention of mixed steps: a decode's tile, per head and token", Unit::time),
    of_gpu<&GpuTiming::attention_mixed, &GpuTiming::AttentionMixed::per_sequence_us, ps_per_us>(
        "timing.attention_mixed.per_sequence", "attention of mixed steps: of a sequence",
        Unit::time),
    all_reduce_latency<2>("timing.all_reduce.latency.2"),
    all_reduce_latency<4>("timing.all_reduce.latency.4"),
    all_reduce_latency<8>("timing.all_reduce.latency.8"),
    of_gpu<&GpuTiming::all_reduce, &GpuTiming::AllReduce::bandwidth_gb_s, bytes_per_gb>(
        "timing.all_reduce.bandwidth", "all-reduce: what a GPU sends in a second", Unit::bandwidth),
    moe_flops<Dtype::bf16>("timing.moe_flops_efficiency.bf16"),
    moe_flops<Dtype::fp8>("timing.moe_flops_efficiency.fp8"),
    moe_flops<Dtype::nvfp4>("timing.moe_flops_efficiency.nvfp4"),
    moe_flops<Dtype::mxfp4>("timing.moe_flops_efficiency.mxfp4"),
    of_engine<&EngineTiming::gemm_latency_factor>("engine_timing.gemm_latency_factor",
                                                  "on the fixed time of GEMM kernels"),
    of_engine<&EngineTiming::elementwise_factor>("engine_timing.elementwise_factor",
                                                 "on elementwise kernels"),
    of_cpu<&CpuOverhead::per_step>("cpu_overhead.per_step", "CPU time of a step"),
    of_cpu<&CpuOverhead::per_sequence>("cpu_overhead.per_sequence",
                                       "CPU time of a sequence in a step"),
    StepParameter{
        "front_end_latency", "HTTP, tokeniser and the way to the client, in TTFT", Unit::time,
        [](const Scenario& s) { return static_cast<double>(s.engine.front_end_latency.ps); },
        [](Scenario& s, double value) {
          s.engine.front_end_latency = SimTime{std::llround(value)};
        }},
});

std::vector<Key> calibration_keys() {
  static std::deque<std::string> maps;
  std::vector<Key> keys{
      {.path = "gpu", .doc = "that it was fitted on", .scalar = Scalar::text, .required = true},
      {.path = "engine", .doc = "preset that it was fitted with", .scalar = Scalar::text},
      {.path = "measured", .doc = "what it was fitted to", .scalar = Scalar::text}};
  const auto is_known = [&keys](std::string_view path) {
    return std::any_of(keys.begin(), keys.end(), [&](const Key& key) { return key.path == path; });
  };
  for (const StepParameter& p : parameter_rows) {
    for (std::size_t dot = 0; (dot = p.path.find('.', dot)) != std::string_view::npos; ++dot) {
      if (!is_known(p.path.substr(0, dot))) {
        keys.push_back(catalog_rows::map(p.path.substr(0, dot)));
      }
    }
    Key key = p.unit == Unit::fraction    ? catalog_rows::efficiency(p.path, false)
              : p.unit == Unit::bandwidth ? catalog_rows::bandwidth(p.path, false)
              : p.unit == Unit::time      ? catalog_rows::latency(p.path, false)
                                          : catalog_rows::factor(p.path);
    key.required = false;
    key.doc = p.doc;
    keys.push_back(key);
  }
  return keys;
}

/// The value at a dotted path, if the schema has nothing against it.
std::optional<double> value_at(const Node& root, std::string_view path) {
  Section section(&root, "", calibration_schema());
  for (std::size_t dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.')) {
    section = section.section(path.substr(0, dot));
    path.remove_prefix(dot + 1);
  }
  return section.number(path);
}

/// The value in the unit of its catalogue files, with six digits.
std::string file_value(double value, Unit unit) {
  switch (unit) {
    case Unit::time:
      return value < ps_per_us ? fmt::format("{:.6g}ns", value / ps_per_ns)
                               : fmt::format("{:.6g}us", value / ps_per_us);
    case Unit::bandwidth:
      return fmt::format("{:.6g}GB/s", value / bytes_per_gb);
    default:
      return fmt::format("{:.6g}", value);
  }
}

/// True, with a warning, if it was fitted on something else than what is simulated.
bool is_of_other(const LoadContext& context, std::string_view what, const Section& file,
                 std::string_view key, std::string_view simulated) {
  const std::string fitted = file.text(key).value_or("");
  if (fitted.empty() || fitted == simulated) {
    return false;
  }
  context.reporter
      .warning(context.root.span("calibration"),
               fmt::format("the calibration was fitted with the {} {}", what, excerpt(fitted)))
      .notes.push_back(fmt::format("simulated is {}", simulated));
  return true;
}

}  // namespace

std::span<const StepParameter> step_parameters() { return parameter_rows; }

bool is_own(const Scenario& scenario, std::string_view path) {
  const EngineSpec::OwnTimes& own = scenario.engine.own_times;
  return (own.per_step && path == "cpu_overhead.per_step") ||
         (own.per_sequence && path == "cpu_overhead.per_sequence") ||
         (own.front_end_latency && path == "front_end_latency");
}

const StepParameter& step_parameter(std::string_view path) {
  const auto* const row = std::find_if(parameter_rows.begin(), parameter_rows.end(),
                                       [path](const StepParameter& p) { return p.path == path; });
  PENSTOCK_ASSERT(row != parameter_rows.end());
  return *row;
}

std::string calibration_text(const Calibration& calibration) {
  std::string text =
      "# Made by `penstock calibrate`; `calibration: FILE` in a workload file uses it.\n";
  text += fmt::format("gpu: {}\n", calibration.gpu);
  if (!calibration.engine.empty()) {
    text += fmt::format("engine: {}\n", calibration.engine);
  }
  std::string measured;
  for (const char c : calibration.measured) {
    measured += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  }
  text += fmt::format("measured: \"{}\"\n", measured);
  std::vector<std::string_view> open;  // the maps around the value before
  for (const auto& [path, value] : calibration.values) {
    const std::vector<std::string_view> names = split(path, '.');
    std::size_t same = 0;
    while (same < open.size() && same + 1 < names.size() && open[same] == names[same]) {
      ++same;
    }
    open.assign(names.begin(), names.end() - 1);
    for (std::size_t depth = same; depth < open.size(); ++depth) {
      text += fmt::format("{:{}}{}:\n", "", 2 * depth, open[depth]);
    }
    text += fmt::format("{:{}}{}: {}\n", "", 2 * open.size(), names.back(),
                        file_value(value, step_parameter(path).unit));
  }
  return text;
}

Schema calibration_schema() {
  static const std::vector<Key> keys = calibration_keys();
  return keys;
}

void load_calibration(const LoadContext& context, Scenario& scenario) {
  const std::optional<std::string> path = context.root.text("calibration");
  if (!path) {
    return;
  }
  const Span span = context.root.span("calibration");
  const SourcePtr source =
      read_source(resolve_path(context, *path, span), *path, span, context.reporter);
  const std::optional<Node> root = source ? parse_yaml(source, context.reporter) : std::nullopt;
  if (!root) {
    return;
  }
  check_schema(*root, calibration_schema(), context.reporter);
  const Section file(&*root, "", calibration_schema());
  const bool is_other_gpu = is_of_other(context, "GPU", file, "gpu", scenario.cluster.gpu.name);
  const bool is_other_engine =
      is_of_other(context, "engine", file, "engine", scenario.engine.preset);
  int applied = 0;
  for (const StepParameter& parameter : parameter_rows) {
    const auto value = value_at(*root, parameter.path);
    if (value && !is_own(scenario, parameter.path)) {
      parameter.set(scenario, *value);
      ++applied;
    } else if (value) {
      context.reporter.note(
          fmt::format("{} of the calibration is not used: `engine` has its own", parameter.path));
    }
  }
  if (applied == 0) {
    context.reporter.warning(span, "the calibration has no values: nothing is calibrated");
    return;
  }
  scenario.cluster.gpu.timing.fit =
      is_other_gpu || is_other_engine ? "calibrated elsewhere" : "calibrated";
  context.reporter.note(fmt::format("step model calibrated by {}", excerpt(*path)));
}

}  // namespace penstock::config
