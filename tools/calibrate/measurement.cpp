#include "tools/calibrate/measurement.h"

#include <algorithm>
#include <cmath>

#include "sim/metrics/quantiles.h"
#include "workloads/line_reader.h"

namespace penstock::calibrate {
namespace {

/// No more of a file is held in memory.
constexpr std::size_t most_bytes = std::size_t{512} << 20U;

std::string read_whole(const std::string& path, ErrorLog& errors) {
  LineReader bytes(open_file(path));
  std::string text;
  for (std::string_view piece = bytes.take_piece(); !piece.empty(); piece = bytes.take_piece()) {
    text.append(piece);
    if (text.size() > most_bytes) {
      errors.add(Diagnostic::Kind::input, "the file is longer than 512 MiB");
      return "";
    }
  }
  if (!bytes.read_failure().empty()) {
    errors.add(Diagnostic::Kind::io, "cannot read the file: " + bytes.read_failure());
  }
  return text;
}

void read_text(const std::string& text, ErrorLog& errors, Measurement& out) {
  const std::size_t first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  const auto has = [&text](std::string_view part) { return text.find(part) != std::string::npos; };
  if (first == std::string::npos) {
    errors.add(Diagnostic::Kind::input, "the file is empty");
  } else if (text[first] == '{') {
    const bool is_benchmark = has("\"ttfts\"") || has("\"mean_ttft_ms\"");
    is_benchmark ? read_benchmark(text, errors, out) : read_request_lines(text, errors, out);
  } else if (has("_bucket{") || text.compare(first, 2, "# ") == 0) {
    read_histograms(text, errors, out);
  } else {
    const std::string_view header = std::string_view(text).substr(first, text.find('\n', first));
    if (header.find(',') == std::string_view::npos && header.find(';') != std::string_view::npos) {
      errors.add(Diagnostic::Kind::input, "its fields are divided by `;`",
                 {"columns are divided by commas, and decimals have a point"});
      return;
    }
    read_csv(text, errors, out);
  }
}

}  // namespace

void order_by_arrival(std::vector<ServedRequest>& requests) {
  std::stable_sort(requests.begin(), requests.end(),
                   [](const ServedRequest& a, const ServedRequest& b) {
                     return a.request.arrival < b.request.arrival;
                   });
  const std::int64_t first = requests.empty() ? 0 : requests.front().request.arrival.ps;
  for (ServedRequest& one : requests) {
    one.request.arrival.ps -= first;
  }
}

std::vector<Statistic> statistics_of(const std::vector<ServedRequest>& requests) {
  std::vector<Statistic> out;
  const auto add = [&](const std::string& name, auto value_of) {
    std::vector<std::int64_t> values;
    for (const ServedRequest& one : requests) {
      if (const double ms = value_of(one); ms >= 0) {
        values.push_back(std::llround(ms * 1e9));
      }
    }
    if (const LatencyStats stats = latency_stats(values, 0); stats.count > 0) {
      out.push_back({name + ".mean", stats.mean});
      out.push_back({name + ".p50", stats.p50});
      out.push_back({name + ".p90", stats.p90});
    }
  };
  add("ttft_ms", [](const ServedRequest& one) { return one.ttft_ms; });
  add("tpot_ms", [](const ServedRequest& one) { return one.tpot_ms(); });
  add("e2e_ms", [](const ServedRequest& one) { return one.e2e_ms; });
  return out;
}

ReadMeasurement read_measurement(const std::string& path) {
  ErrorLog errors(path);
  ReadMeasurement out;
  const std::string text = read_whole(path, errors);
  if (errors.empty()) {
    read_text(text, errors, out.measurement);
  }
  Measurement& measured = out.measurement;
  const bool is_empty =
      measured.requests.empty() && measured.statistics.empty() && measured.kernels.empty();
  if (errors.empty() && is_empty) {
    errors.add(Diagnostic::Kind::input, "no measured times in it",
               {"known are the JSON of `vllm bench serve --save-result`, requests as CSV or JSON "
                "lines, Prometheus histograms, and kernels as CSV: docs/calibrating.md"});
  }
  if (measured.arrivals == Measurement::Arrivals::given) {
    order_by_arrival(measured.requests);
  } else if (measured.arrivals == Measurement::Arrivals::unknown && !measured.requests.empty()) {
    measured.statistics = statistics_of(measured.requests);
    measured.requests.clear();
  }
  out.diagnostics = errors.diagnostics();
  return out;
}

}  // namespace penstock::calibrate
