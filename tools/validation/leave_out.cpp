#include "tools/validation/leave_out.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "sim/core/math.h"
#include "tools/calibrate/fit.h"
#include "tools/calibrate/kernel_model.h"

namespace penstock {
namespace {

using calibrate::KernelModel;
using calibrate::KernelTime;
using KernelRows = std::vector<KernelTime>;

/// The peaks that a GPU's efficiencies are fractions of.
struct GpuPeaks {
  std::string_view gpu;
  double tflops;  ///< bf16, dense
  double gb_s;
  double sm_count;
};
constexpr std::array<GpuPeaks, 7> gpu_peaks{{{"A100", 312, 2039, 108},
                                             {"A40", 149.7, 696, 84},
                                             {"H100", 989.4, 3352, 132},
                                             {"A6000", 154.8, 768, 84},
                                             {"RTX3090", 71, 936, 82},
                                             {"RTX4090", 165.2, 1008, 128},
                                             {"RTXPRO6000", 503.8, 1597, 188}}};

/// A parameter of the formulas, and how far it may be from where the fit starts, of its logarithm.
struct Fitted {
  double& (*at)(AcceleratorTiming& timing);
  double sd = 0.5;
  double most = 1e9;
  double least = 0;
};
using Timing = AcceleratorTiming;
constexpr std::array<Fitted, 5> gemm_parameters{{
    {[](Timing& t) -> double& { return t.gemm.latency_us; }},
    {[](Timing& t) -> double& { return t.gemm.flops_efficiency.at(Dtype::bf16); }, 0.3, 1},
    {[](Timing& t) -> double& { return t.gemm.bandwidth_efficiency; }, 0.3, 1},
    {[](Timing& t) -> double& { return t.gemm.smooth_p; }, 0.3, 8, 1.25},
    {[](Timing& t) -> double& { return t.gemm.narrow_n0; }, 1},
}};
constexpr std::array<Fitted, 9> attention_parameters{{
    {[](Timing& t) -> double& { return t.attention_decode.latency_us; }},
    {[](Timing& t) -> double& { return t.attention_decode.bandwidth_efficiency; }, 0.3, 1},
    {[](Timing& t) -> double& { return t.attention_decode.per_sequence_us; }},
    {[](Timing& t) -> double& { return t.attention_prefill.latency_us; }},
    {[](Timing& t) -> double& { return t.attention_prefill.flops_efficiency; }, 0.3, 1},
    {[](Timing& t) -> double& { return t.attention_prefill.critical_path_ns_per_kv; }},
    {[](Timing& t) -> double& { return t.attention_mixed.decode_ns_per_head_kv; }},
    {[](Timing& t) -> double& { return t.attention_mixed.per_sequence_us; }},
    {[](Timing& t) -> double& { return t.attention_mixed.smooth_p; }, 0.3, 8, 1.25},
}};

/// What the catalogue takes for a GPU without measurements.
Timing unmeasured(const GpuPeaks& peaks) {
  Timing out;
  out.peak_tflops = {{Dtype::bf16, peaks.tflops}};
  out.memory_gb_s = peaks.gb_s;
  out.sm_count = peaks.sm_count;
  out.gemm = {5.6, {{Dtype::bf16, 0.745}}, 0.745, 0.90, 1.79, 44};
  out.attention_decode = {12, 0.85, 2.5};
  out.attention_prefill = {6, 0.5, 25, 2.5};
  out.attention_mixed = {25, 2.5, 2.4, false};
  return out;
}

Timing changed(Timing timing, std::span<const Fitted> parameters, std::span<const double> by) {
  for (std::size_t j = 0; j < parameters.size(); ++j) {
    double& value = parameters[j].at(timing);
    value = std::clamp(value * math::exp(by[j]), parameters[j].least, parameters[j].most);
  }
  return timing;
}

Timing fitted(Timing start, std::span<const Fitted> parameters, const KernelRows& rows) {
  std::vector<calibrate::FitParameter> bounds;
  for (const Fitted& parameter : parameters) {
    const double value = parameter.at(start);
    calibrate::FitParameter one;
    one.prior_sd = parameter.sd;
    one.highest = std::min(one.highest, math::log(parameter.most / value));
    one.lowest = parameter.least > 0 ? math::log(parameter.least / value) : one.lowest;
    bounds.push_back(one);
  }
  const calibrate::Residuals residuals = [&](std::span<const double> by) {
    KernelModel model(changed(start, parameters, by));
    std::vector<double> out;
    out.reserve(rows.size());
    for (const KernelTime& row : rows) {
      out.push_back(math::log(model.predicted_ms(row) / row.measured_ms));
    }
    return out;
  };
  const calibrate::FitResult fit = calibrate::fit_parameters(bounds, residuals, 0.02, 1);
  std::vector<double> by;
  for (const calibrate::FittedParameter& one : fit.parameters) {
    by.push_back(one.change);
  }
  return changed(std::move(start), parameters, by);
}

/// Relative errors, of any number of rows.
class Errors {
 public:
  void add(const Timing& timing, const KernelRows& rows) {
    KernelModel model(timing);
    for (const KernelTime& row : rows) {
      values_.push_back(model.predicted_ms(row) / row.measured_ms - 1);
    }
  }
  /// "MAPE | p95 | bias"
  std::string text() {
    double bias = 0;
    double mape = 0;
    const auto count = static_cast<double>(values_.size());
    for (double& value : values_) {
      bias += value / count;
      value = std::fabs(value);
      mape += value / count;
    }
    std::sort(values_.begin(), values_.end());
    const auto at = static_cast<std::size_t>(std::ceil(0.95 * count)) - 1;
    return fmt::format("{:.1f} | {:.1f} | {:+.1f}", 100 * mape, 100 * values_[at], 100 * bias);
  }
  std::size_t count() const { return values_.size(); }

 private:
  std::vector<double> values_;
};

/// The rows of one GPU, by model, and where their fits start.
struct GpuRows {
  Timing start;
  std::map<std::string, KernelRows> by_model;

  KernelRows all_but(const std::string& model) const {
    KernelRows out;
    for (const auto& [name, rows] : by_model) {
      if (name != model) {
        out.insert(out.end(), rows.begin(), rows.end());
      }
    }
    return out;
  }
};

/// One family of kernels, which share parameters.
class LeftOut {
 public:
  LeftOut(std::string_view name, std::span<const Fitted> parameters)
      : name_(name), parameters_(parameters) {}

  void add(const KernelTime& row) {
    const auto* const peaks =
        std::find_if(gpu_peaks.begin(), gpu_peaks.end(),
                     [&row](const GpuPeaks& one) { return one.gpu == row.gpu; });
    if (peaks != gpu_peaks.end()) {
      GpuRows& gpu = gpus_[row.gpu];
      gpu.start = unmeasured(*peaks);
      gpu.by_model[row.model].push_back(row);
    }
  }

  std::string rows() {
    std::string out;
    std::map<std::string, Timing> fits;
    for (const auto& [name, gpu] : gpus_) {
      fits[name] = fitted(gpu.start, parameters_, gpu.all_but(""));
    }
    for (const auto& entry : gpus_) {
      const std::string& name = entry.first;
      const GpuRows& gpu = entry.second;
      out += row_of(name, "nothing: all rows fitted", gpu,
                    [&](const std::string&) { return fits.at(name); });
      if (gpu.by_model.size() > 1) {
        out += row_of(name, "each model in turn", gpu, [&](const std::string& model) {
          return fitted(gpu.start, parameters_, gpu.all_but(model));
        });
      }
      if (gpus_.size() > 1) {
        const Timing mean = mean_of_others(name, fits);
        out += row_of(name, "the GPU", gpu, [&](const std::string&) { return mean; });
      }
    }
    return out;
  }

 private:
  template <typename FitFor>
  std::string row_of(const std::string& gpu, std::string_view what, const GpuRows& rows,
                     FitFor fit_for) const {
    Errors errors;
    for (const auto& [model, of_model] : rows.by_model) {
      errors.add(fit_for(model), of_model);
    }
    const std::string figures = errors.text();
    return fmt::format("| {} | {} | {} | {} | {} |\n", name_, gpu, what, errors.count(), figures);
  }

  /// Geometric means, on this GPU's peaks.
  Timing mean_of_others(const std::string& gpu, std::map<std::string, Timing>& fits) const {
    Timing out = gpus_.at(gpu).start;
    for (const Fitted& parameter : parameters_) {
      double sum = 0;
      for (auto& [name, fit] : fits) {
        sum += name == gpu ? 0 : math::log(parameter.at(fit));
      }
      parameter.at(out) = math::exp(sum / static_cast<double>(fits.size() - 1));
    }
    return out;
  }

  std::string_view name_;
  std::span<const Fitted> parameters_;
  std::map<std::string, GpuRows> gpus_;
};

}  // namespace

std::string leave_out_section(const std::vector<KernelTime>& kernels) {
  LeftOut gemms("GEMM", gemm_parameters);
  LeftOut attention("attention", attention_parameters);
  for (const KernelTime& row : kernels) {
    if (row.op == "gemm") {
      gemms.add(row);
    } else if (row.op.starts_with("attn_") && row.gpu.starts_with("RTX")) {
      attention.add(row);  // the others' tables have one operator alone
    }
  }
  return "| operators | GPU | left out | points | MAPE % | p95 % | bias % |\n"
         "|---|---|---|---:|---:|---:|---:|\n" +
         gemms.rows() + attention.rows();
}

}  // namespace penstock
