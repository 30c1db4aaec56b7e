#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

#include "tools/calibrate/measurement.h"
#include "workloads/line_reader.h"

namespace penstock::calibrate {
namespace {

/// Histograms of seconds, by the name after the engine's ("vllm:", "sglang:").
struct Name {
  std::string_view theirs;
  std::string_view ours;
};
// vLLM's time_per_output_token_seconds is of single gaps, as its newer name says.
constexpr std::array<Name, 6> names{{{"time_to_first_token_seconds", "ttft_ms"},
                                     {"request_time_per_output_token_seconds", "tpot_ms"},
                                     {"time_per_output_token_seconds", "itl_ms"},
                                     {"inter_token_latency_seconds", "itl_ms"},
                                     {"e2e_request_latency_seconds", "e2e_ms"},
                                     {"request_queue_time_seconds", "queue_ms"}}};

struct Histogram {
  std::map<double, double> buckets;  ///< requests up to this many seconds
  double sum = 0;
  double count = 0;
};

/// `name{labels} value [time]`, in pieces.
struct Sample {
  std::string_view name;
  std::string_view labels;
  double value = 0;
};

bool to_number(std::string_view text, double& value) {
  if (text == "+Inf") {
    value = HUGE_VAL;
    return true;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

std::optional<Sample> parse_sample(std::string_view line) {
  const std::size_t open = line.find('{');
  const std::size_t close = line.rfind('}');
  const bool has_labels = open != std::string_view::npos && close != std::string_view::npos;
  const std::size_t name_end = has_labels ? open : line.find(' ');
  if (name_end == std::string_view::npos) {
    return std::nullopt;
  }
  Sample sample{line.substr(0, name_end),
                has_labels ? line.substr(open + 1, close - open - 1) : std::string_view(), 0};
  std::string_view rest = line.substr(has_labels ? close + 1 : name_end);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return to_number(rest.substr(0, rest.find(' ')), sample.value) ? std::optional(sample)
                                                                 : std::nullopt;
}

/// The upper end of a bucket, from its labels.
bool upper_end(std::string_view labels, double& end) {
  const std::size_t at = labels.find("le=\"");
  if (at == std::string_view::npos) {
    return false;
  }
  const std::string_view text = labels.substr(at + 4);
  return to_number(text.substr(0, text.find('"')), end);
}

/// What no histogram can have; empty if nothing.
std::string problem_of(const Histogram& histogram) {
  if (!(histogram.count >= 0) || !(histogram.sum >= 0)) {
    return "its _count or its _sum is below 0 or no number";
  }
  double low = 0;
  double below = 0;
  for (const auto& [end, up_to] : histogram.buckets) {
    if (!(up_to >= below)) {
      return fmt::format("{:g} are within {:g} s, but {:g} within {:g} s", below, low, up_to, end);
    }
    low = end;
    below = up_to;
  }
  return histogram.buckets.empty() || below <= histogram.count
             ? ""
             : fmt::format("{:g} are in its buckets, but its _count is {:g}", below,
                           histogram.count);
}

void add_statistics(const std::string& name, const Histogram& histogram, ErrorLog& errors,
                    Measurement& out) {
  if (const std::string problem = problem_of(histogram); !problem.empty()) {
    errors.add(Diagnostic::Kind::input, fmt::format("the histogram of {}: {}", name, problem),
               {"of two scrapes, was the server started anew between them?"});
    return;
  }
  if (histogram.count == 0 || histogram.sum == 0) {
    return;
  }
  out.statistics.push_back({name + ".mean", 1e3 * histogram.sum / histogram.count});
  std::vector<double> ends;
  std::vector<double> up_to;
  for (const auto& [end, count] : histogram.buckets) {
    ends.push_back(1e3 * end);
    up_to.push_back(count);
  }
  for (const auto& [statistic, share] : {std::pair(".p50", 0.5), std::pair(".p90", 0.9)}) {
    if (const auto value = histogram_quantile(ends, up_to, histogram.count, share)) {
      out.statistics.push_back({name + statistic, *value, ends});
    }
  }
}

/// Engines and models that differ in labels alone are added up.
void add_sample(const Sample& sample, std::map<std::string, Histogram>& histograms) {
  const std::string_view name = sample.name.substr(sample.name.find(':') + 1);
  for (const Name& known : names) {
    if (!name.starts_with(known.theirs)) {
      continue;
    }
    Histogram& histogram = histograms[std::string(known.ours)];
    const std::string_view kind = name.substr(known.theirs.size());
    double end = 0;
    if (kind == "_sum") {
      histogram.sum += sample.value;
    } else if (kind == "_count") {
      histogram.count += sample.value;
    } else if (kind == "_bucket" && upper_end(sample.labels, end)) {
      histogram.buckets[end] += sample.value;
    }
    return;
  }
}

}  // namespace

std::optional<double> histogram_quantile(std::span<const double> ends,
                                         std::span<const double> up_to, double count,
                                         double share) {
  double low = 0;
  double below = 0;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    if (up_to[i] >= share * count && up_to[i] > below) {
      return std::isinf(ends[i]) ? std::nullopt
                                 : std::optional(low + (ends[i] - low) * (share * count - below) /
                                                           (up_to[i] - below));
    }
    low = ends[i];
    below = up_to[i];
  }
  return std::nullopt;
}

void read_histograms(const std::string& text, ErrorLog& errors, Measurement& out) {
  out.format = "Prometheus histograms";
  std::map<std::string, Histogram> histograms;
  LineReader lines{std::string_view(text)};
  while (lines.next()) {
    const std::string_view line = lines.line();
    if (line.empty() || line.front() == '#') {
      continue;
    }
    if (const auto sample = parse_sample(line)) {
      add_sample(*sample, histograms);
    } else {
      errors.add({line, lines.number(), 0, line.size()}, "this is no sample of Prometheus",
                 "such as `vllm:time_to_first_token_seconds_sum{...} 12.5`");
    }
  }
  for (const auto& [name, histogram] : histograms) {
    add_statistics(name, histogram, errors, out);
  }
}

}  // namespace penstock::calibrate
