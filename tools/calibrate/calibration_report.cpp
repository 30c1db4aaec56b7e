#include "tools/calibrate/calibration_report.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "sim/core/math.h"
#include "tools/output/text.h"

namespace penstock::calibrate {
namespace {

using Json = nlohmann::ordered_json;
using output::pad_left;
using output::pad_right;

constexpr std::size_t name_width = 46;

/// A value for people: times in µs, long ones in ms.
std::string value_text(const CalibratedParameter& one, double value) {
  switch (config::step_parameter(one.path).unit) {
    case config::Unit::time:
      return value < 1e10 ? fmt::format("{:.4g} µs", value / 1e6)
                          : fmt::format("{:.4g} ms", value / 1e9);
    case config::Unit::bandwidth:
      return fmt::format("{:.4g} GB/s", value / 1e9);
    default:
      return fmt::format("{:.4f}", value);
  }
}

double change_of(const CalibratedParameter& one) {
  return one.prior > 0 ? one.fitted / one.prior - 1 : 0;
}

/// A relative error as signed per cent.
std::string error_text(double measured, double simulated) {
  return simulated > 0 && measured > 0 ? fmt::format("{:+.1f}", 100 * (simulated / measured - 1))
                                       : std::string("-");
}

/// The root mean square of logarithms as per cent.
double as_percent(double log_error) { return 100 * (math::exp(log_error) - 1); }

std::string figure_table(const Calibrated& calibrated) {
  std::string out = fmt::format("\n {:<28}{:>12}{:>12}{:>9}{:>12}{:>9}\n", "", "measured", "before",
                                "error %", "after", "error %");
  for (std::size_t i = 0; i < calibrated.before.size(); ++i) {
    const Figure& before = calibrated.before[i];
    const Figure& after = calibrated.after[i];
    out += fmt::format(
        " {:<28}{:>12}{:>12}{:>9}{:>12}{:>9}\n", before.name, output::figure(before.measured),
        output::figure(before.simulated), error_text(before.measured, before.simulated),
        output::figure(after.simulated), error_text(after.measured, after.simulated));
  }
  return out;
}

std::string kernel_table(const Calibrated& calibrated) {
  std::string out =
      fmt::format("\n {:<28}{:>12}{:>21}{:>21}\n", "error %", "kernels", "before", "after");
  for (const KernelFigures& op : calibrated.kernels) {
    out += fmt::format(" {:<28}{:>12}{:>21.1f}{:>21.1f}\n", op.op,
                       output::group_digits(static_cast<std::int64_t>(op.count)),
                       as_percent(op.before), as_percent(op.after));
  }
  return out;
}

std::string parameter_table(const Calibrated& calibrated) {
  if (calibrated.parameters.empty()) {
    return "";
  }
  std::string out = "\n " + pad_right("parameter", name_width) +
                    fmt::format("{:>13}{:>13}{:>10}{:>8}\n", "prior", "fitted", "change %", "± %");
  for (const CalibratedParameter& one : calibrated.parameters) {
    out += " " + pad_right(one.path, name_width) + pad_left(value_text(one, one.prior), 13) +
           pad_left(value_text(one, one.fitted), 13);
    out += pad_left(one.prior > 0 ? fmt::format("{:+.1f}", 100 * change_of(one)) : "new", 10) +
           pad_left(fmt::format("{:.1f}", 100 * one.standard_error), 8);
    out += fmt::format("  {}\n", to_string(one.fit.identified));
    if (!one.along.empty()) {
      out += fmt::format("   and {} by as much\n", one.along);
    }
  }
  return out;
}

const char* arrival_text(const Measurement& measurement) {
  if (measurement.requests.empty()) {
    return measurement.kernels.empty() ? ", beside the file's own workload" : "";
  }
  return measurement.arrivals == Measurement::Arrivals::closed_loop ? ", so many at a time"
                                                                    : ", as they came";
}

Json parameters_json(const Calibrated& calibrated) {
  Json out = Json::array();
  for (const CalibratedParameter& one : calibrated.parameters) {
    const config::Unit unit = config::step_parameter(one.path).unit;
    const double scale = unit == config::Unit::time        ? 1e6
                         : unit == config::Unit::bandwidth ? 1e9
                                                           : 1;
    out.push_back({{"path", one.path},
                   {"along", one.along.empty() ? Json(nullptr) : Json(one.along)},
                   {"unit", unit == config::Unit::time        ? "us"
                            : unit == config::Unit::bandwidth ? "GB/s"
                                                              : "1"},
                   {"prior", one.prior / scale},
                   {"fitted", one.fitted / scale},
                   {"change", one.prior > 0 ? Json(change_of(one)) : Json(nullptr)},
                   {"standard_error", one.standard_error},
                   {"identified", to_string(one.fit.identified)},
                   {"at_bound", one.fit.is_at_bound}});
  }
  return out;
}

}  // namespace

std::string measurement_text(const Measurement& measurement) {
  const auto count = [](std::size_t n) {
    return output::group_digits(static_cast<std::int64_t>(n));
  };
  return !measurement.kernels.empty()
             ? fmt::format("{} {}", count(measurement.kernels.size()), measurement.format)
         : measurement.requests.empty()
             ? fmt::format("{} statistics, {}", count(measurement.statistics.size()),
                           measurement.format)
             : fmt::format("{} requests, {}", count(measurement.requests.size()),
                           measurement.format);
}

std::string calibration_screen(const CalibrationTitle& title, const Measurement& measurement,
                               const Calibrated& calibrated) {
  const bool is_run = calibrated.kernels.empty();
  std::string out =
      fmt::format(" measured    {}: {}{}\n {}   {}{}\n", title.file, measurement_text(measurement),
                  arrival_text(measurement), is_run ? "simulated" : "computed ", title.system,
                  is_run ? fmt::format(", {} times", calibrated.evaluations) : "");
  out += is_run ? figure_table(calibrated) : kernel_table(calibrated);
  out +=
      fmt::format(" error       {:.1f} % → {:.1f} %, root mean square of the {} figures fitted\n",
                  as_percent(calibrated.error_before), as_percent(calibrated.error_after),
                  output::group_digits(static_cast<std::int64_t>(calibrated.figures)));
  out += parameter_table(calibrated);
  if (!title.output.empty()) {
    out += fmt::format("\n wrote       {}: a workload file takes it as `calibration: {}`\n",
                       title.output, title.output);
  }
  return out;
}

Json calibration_json(const CalibrationTitle& title, const Measurement& measurement,
                      const Calibrated& calibrated) {
  Json figures = Json::array();
  for (std::size_t i = 0; i < calibrated.before.size(); ++i) {
    const Figure& before = calibrated.before[i];
    figures.push_back({{"name", before.name},
                       {"measured", before.measured},
                       {"before", before.simulated},
                       {"after", calibrated.after[i].simulated}});
  }
  Json kernels = Json::array();
  for (const KernelFigures& op : calibrated.kernels) {
    kernels.push_back({{"op", op.op},
                       {"count", op.count},
                       {"error_before", op.before},
                       {"error_after", op.after}});
  }
  return {{"schema_version", 1},
          {"measured",
           {{"file", title.file},
            {"format", measurement.format},
            {"requests", measurement.requests.size()},
            {"kernels", measurement.kernels.size()}}},
          {"simulated", title.system},
          {"evaluations", calibrated.evaluations},
          {"error",
           {{"figures", calibrated.figures},
            {"before", calibrated.error_before},
            {"after", calibrated.error_after}}},
          {"figures", std::move(figures)},
          {"kernels", std::move(kernels)},
          {"parameters", parameters_json(calibrated)},
          {"warnings", calibrated.warnings}};
}

}  // namespace penstock::calibrate
