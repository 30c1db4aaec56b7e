#include "workloads/describe.h"

#include <fmt/format.h>

#include "workloads/check.h"
#include "workloads/error_log.h"

namespace penstock {
namespace {

constexpr std::size_t max_named_classes = 3;

std::string span_text(SimTime span) {
  const double seconds = span.seconds();
  if (seconds < 120) {
    return fmt::format("{:.3g} s", seconds);
  }
  if (seconds < 7200) {
    return fmt::format("{:.3g} min", seconds / 60);
  }
  return seconds < 172'800 ? fmt::format("{:.3g} h", seconds / 3600)
                           : fmt::format("{:.3g} days", seconds / 86'400);
}

std::string count_text(std::uint64_t requests) {
  return grouped(requests) + (requests == 1 ? " request" : " requests");
}

std::string arrivals_text(const ClassSpec& spec) {
  const ArrivalSpec& arrivals = spec.arrivals;
  std::string text = fmt::format("{:.6g}{}/s", spec.rate, spec.sessions ? " sessions" : "");
  const std::string cv = arrivals.clients.cv ? "" : fmt::format(" cv {:g}", arrivals.cv);
  switch (arrivals.process) {
    case ArrivalSpec::Process::poisson:
      break;
    case ArrivalSpec::Process::constant:
      text += " constant";
      break;
    case ArrivalSpec::Process::gamma:
      text += " gamma" + cv;
      break;
    case ArrivalSpec::Process::weibull:
      text += " weibull" + cv;
      break;
    case ArrivalSpec::Process::on_off:
      text += " on-off";
      break;
    case ArrivalSpec::Process::offline:
      return "offline";
    case ArrivalSpec::Process::closed_loop:
      return fmt::format("closed loop of {}{}",
                         grouped(static_cast<std::uint64_t>(arrivals.concurrency)),
                         spec.sessions ? " sessions" : "");
  }
  if (arrivals.clients.count > 1) {
    text +=
        fmt::format(" of {} clients", grouped(static_cast<std::uint64_t>(arrivals.clients.count)));
  }
  return text + (arrivals.modulation.from.empty() ? "" : " modulated");
}

std::string class_text(const ClassSpec& spec) {
  return printable(spec.name) + " " + arrivals_text(spec);
}

std::string trace_text(const TraceSpec& spec, const ClassSpec& of, const ReplayTrace& trace) {
  const std::size_t slash = spec.file.find_last_of('/');
  std::string text = printable(spec.file.substr(slash == std::string::npos ? 0 : slash + 1));
  if (spec.thin < 1) {
    text += fmt::format(" thinned to {:.6g} %", 100 * spec.thin);
  }
  if (spec.rate_scale != 1) {
    text += fmt::format(" × {:.6g}", spec.rate_scale);
  }
  if (trace.has_arrivals) {
    text += ", " + arrivals_text(of);
  }
  text += ", " + count_text(trace.requests);
  if (!trace.has_arrivals) {
    text += ", " + span_text(trace.last);
  }
  return trace.scan.has_delays ? text + ", turns after answers" : text;
}

std::string generated_text(const WorkloadSpec& spec) {
  std::string text;
  std::size_t classes = 0;
  for (std::size_t i = 0; i < spec.classes.size(); ++i) {
    if (!is_generated(spec, i)) {
      continue;
    }
    ++classes;
    if (classes <= max_named_classes) {
      text += (classes > 1 ? " + " : "") + class_text(spec.classes[i]);
    }
  }
  if (classes == 0) {
    return {};
  }
  if (classes > max_named_classes) {
    text = std::to_string(classes) + " classes";
  }
  if (spec.requests > 0) {
    text += ", " + count_text(spec.requests);
  }
  if (spec.duration > SimTime{}) {
    text += ", " + span_text(spec.duration);
  }
  return text;
}

}  // namespace

std::string describe(const WorkloadSpec& spec, const ReplayTrace* trace) {
  std::string generated = generated_text(spec);
  if (trace == nullptr) {
    return generated;
  }
  return trace_text(*spec.trace, spec.classes[spec.trace_class], *trace) +
         (generated.empty() ? "" : "; " + generated);
}

}  // namespace penstock
