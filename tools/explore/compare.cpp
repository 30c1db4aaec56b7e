#include "tools/explore/compare.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tools/output/files.h"
#include "tools/output/summary_json.h"

namespace penstock::explore {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

enum class Good { lower, higher, neither };

struct MetricRow {
  const char* name;
  const char* unit;  ///< "$" stands for the currency
  const char* path;
  Good good;
};
constexpr std::array metric_rows{
    MetricRow{"SLO attainment", "", "slo.attainment", Good::higher},
    MetricRow{"goodput", "req/s", "slo.goodput_requests_per_s", Good::higher},
    MetricRow{"TTFT p50", "ms", "ttft_ms.p50", Good::lower},
    MetricRow{"TTFT p99", "ms", "ttft_ms.p99", Good::lower},
    MetricRow{"TPOT p50", "ms", "tpot_ms.p50", Good::lower},
    MetricRow{"TPOT p99", "ms", "tpot_ms.p99", Good::lower},
    MetricRow{"ITL p99", "ms", "itl_ms.p99", Good::lower},
    MetricRow{"latency p50", "ms", "e2e_ms.p50", Good::lower},
    MetricRow{"latency p99", "ms", "e2e_ms.p99", Good::lower},
    MetricRow{"requests", "/s", "throughput.requests_per_s", Good::higher},
    MetricRow{"output tokens", "/s", "throughput.output_tokens_per_s", Good::higher},
    MetricRow{"output tokens per GPU", "/s", "throughput.output_tokens_per_s_per_gpu",
              Good::higher},
    MetricRow{"rejected", "", "requests.rejected", Good::lower},
    MetricRow{"preemptions", "", "requests.preemptions", Good::lower},
    MetricRow{"busy", "", "utilization.busy", Good::neither},
    MetricRow{"load", "", "utilization.load", Good::neither},
    MetricRow{"MFU", "", "utilization.mfu", Good::neither},
    MetricRow{"MBU", "", "utilization.mbu", Good::neither},
    MetricRow{"KV mean", "", "utilization.kv_mean", Good::neither},
    MetricRow{"batch mean", "", "utilization.batch_mean", Good::neither},
    MetricRow{"energy, facility", "kWh", "energy.facility_kwh", Good::lower},
    MetricRow{"energy per output token", "J", "energy.joules_per_output_token", Good::lower},
    MetricRow{"cost", "$", "cost.total", Good::lower},
    MetricRow{"GPU time", "h", "cost.gpu_hours", Good::lower},
    MetricRow{"input", "$/M", "cost.per_million.input", Good::lower},
    MetricRow{"cached input", "$/M", "cost.per_million.cached_input", Good::lower},
    MetricRow{"output", "$/M", "cost.per_million.output", Good::lower},
    MetricRow{"all tokens", "$/M", "cost.per_million.blended", Good::lower},
};

std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in) {
    text << in.rdbuf();
  }
  if (!in || in.bad()) {
    throw output::IoError(fmt::format("cannot read `{}`: {}", path.string(),
                                      errno != 0 ? std::strerror(errno) : "reading failed"));
  }
  return text.str();
}

/// The value at a dotted path, or null.
Json value_at(const Json& root, std::string_view path) {
  const Json* node = &root;
  while (!path.empty()) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    const std::string key(path.substr(0, dot));
    if (!node->is_object() || !node->contains(key)) {
      return nullptr;
    }
    node = &(*node)[key];
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return *node;
}

Json read_summary(const std::string& folder) {
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (!fs::exists(status)) {
    throw output::IoError(fmt::format("cannot read `{}`: there is no such folder", folder));
  }
  if (!fs::is_directory(status)) {
    throw NotComparable(fmt::format("`{}` is not a folder", folder));
  }
  const fs::path path = fs::path(folder) / "summary.json";
  if (!fs::exists(path, error)) {
    throw NotComparable(
        fs::exists(fs::path(folder) / "sweep.json", error)
            ? fmt::format("`{0}` holds a sweep, whose points stand side by side already, in "
                          "`{0}/points.csv`; to compare two of them, run each with "
                          "`penstock run FILE --set KEY=VALUE -o DIR`",
                          folder)
            : fmt::format("`{}` holds no summary.json; `penstock run FILE -o DIR` writes one",
                          folder));
  }
  Json summary = Json::parse(read_text(path), nullptr, false);
  if (!summary.is_object() || !value_at(summary, "scenario").is_object() ||
      !value_at(summary, "cost").is_object()) {
    throw NotComparable(fmt::format("`{}` is not a summary of a run", path.string()));
  }
  const Json version = value_at(summary, "schema_version");
  if (version != output::summary_schema_version) {
    throw NotComparable(fmt::format("`{}` is of schema version {}, not {}: run it again",
                                    path.string(), version.dump(), output::summary_schema_version));
  }
  return summary;
}

/// Single values by path; the seed left out.
void flatten(const Json& value, const std::string& path, std::map<std::string, std::string>& out) {
  if (value.is_structured() && !value.empty()) {
    std::size_t index = 0;
    for (auto item = value.begin(); item != value.end(); ++item, ++index) {
      const std::string key = value.is_object() ? "." + item.key() : fmt::format("[{}]", index);
      flatten(*item, path.empty() ? key.substr(1) : path + key, out);
    }
    return;
  }
  if (path != "seed") {
    out[path] = value.is_string() ? value.get<std::string>() : value.dump();
  }
}

std::vector<Comparison::Changed> changes(const Json& a, const Json& b) {
  std::map<std::string, std::string> left;
  std::map<std::string, std::string> right;
  flatten(a["scenario"], "", left);
  flatten(b["scenario"], "", right);
  std::vector<Comparison::Changed> changed;
  for (const auto& [path, value] : left) {
    const auto other = right.find(path);
    const std::string there = other == right.end() ? "-" : other->second;
    if (there != value) {
      changed.push_back({path, value, there});
    }
  }
  for (const auto& [path, value] : right) {
    if (left.count(path) == 0) {
      changed.push_back({path, "-", value});
    }
  }
  return changed;
}

std::vector<Json> read_side(const std::vector<std::string>& folders) {
  std::vector<Json> runs;
  for (const std::string& folder : folders) {
    runs.push_back(read_summary(folder));
    const std::vector<Comparison::Changed> changed = changes(runs.front(), runs.back());
    if (!changed.empty()) {
      throw NotComparable(fmt::format(
          "`{}` and `{}` are not one scenario with other seeds: `{}` is {} and {}", folders.front(),
          folder, changed.front().path, changed.front().a, changed.front().b));
    }
    for (std::size_t i = 0; i + 1 < runs.size(); ++i) {
      if (runs[i]["seed"] == runs.back()["seed"]) {
        throw NotComparable(fmt::format(
            "`{}` and `{}` have the same seed: repeat a run with --seed", folders[i], folder));
      }
    }
  }
  return runs;
}

/// The numbers of a metric; empty unless every run has one.
std::vector<double> values_of(const std::vector<Json>& runs, const char* path) {
  std::vector<double> values;
  for (const Json& run : runs) {
    const Json value = value_at(run, path);
    if (!value.is_number()) {
      return {};
    }
    values.push_back(value.get<double>());
  }
  return values;
}

Estimate difference_of(const std::vector<double>& a, const std::vector<double>& b,
                       const Estimate& left, const Estimate& right, bool paired) {
  if (paired) {
    std::vector<double> differences;
    for (std::size_t i = 0; i < a.size(); ++i) {
      differences.push_back(b[i] - a[i]);
    }
    return estimate(differences);
  }
  // Wider than Welch's interval: each side keeps the t value of its own degrees of freedom.
  return {right.mean - left.mean,
          std::sqrt(left.half_width * left.half_width + right.half_width * right.half_width)};
}

/// A difference within its interval, or of less than a thousandth where there is none, is none.
Verdict judge(const ComparedMetric& metric, Good good, bool has_interval) {
  const double change = metric.difference.mean;
  const double least = has_interval
                           ? metric.difference.half_width
                           : 1e-3 * std::max(std::abs(metric.a.mean), std::abs(metric.b.mean));
  if (change == 0 || std::abs(change) <= least) {
    return Verdict::same;
  }
  if (good == Good::neither) {
    return Verdict::none;
  }
  return (change > 0) == (good == Good::higher) ? Verdict::better : Verdict::worse;
}

std::string title_of(const Json& run) {
  const auto text = [&run](const char* path) {
    const Json value = value_at(run["scenario"], path);
    return value.is_string() ? value.get<std::string>() : value.dump();
  };
  // Results of versions without ranks do not have it.
  const bool has_ranks = !value_at(run["scenario"], "cluster.gpus_per_replica").is_null();
  return fmt::format("{} on {} × {} {}", text("model.name"), text("cluster.replicas"),
                     text(has_ranks ? "cluster.gpus_per_replica" : "cluster.tensor_parallel"),
                     text("cluster.gpu"));
}

}  // namespace

Comparison compare(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  const std::vector<Json> left = read_side(a);
  const std::vector<Json> right = read_side(b);
  Comparison comparison;
  comparison.a = {title_of(left.front()), a};
  comparison.b = {title_of(right.front()), b};
  comparison.changed = changes(left.front(), right.front());
  comparison.paired = left.size() == right.size() && left.size() > 1;
  for (std::size_t i = 0; comparison.paired && i < left.size(); ++i) {
    comparison.paired = left[i]["seed"] == right[i]["seed"];
  }
  const Json currency = value_at(left.front(), "cost.currency");
  comparison.currency = currency.is_string() ? currency.get<std::string>() : "";
  const bool same_currency = currency == value_at(right.front(), "cost.currency");
  if (!same_currency) {
    comparison.warnings.emplace_back("the sides have costs in different currencies: left out");
  }
  if (left.size() == 1 && right.size() == 1 && left.front()["seed"] != right.front()["seed"]) {
    comparison.warnings.emplace_back(
        "the sides have different seeds: part of the difference is chance");
  }
  if ((left.size() > 1) != (right.size() > 1)) {
    comparison.warnings.emplace_back("one side has a single run: its spread is not known");
  }
  for (const MetricRow& row : metric_rows) {
    const std::vector<double> x = values_of(left, row.path);
    const std::vector<double> y = values_of(right, row.path);
    const bool is_money = row.unit[0] == '$';
    if (x.empty() || y.empty() || (is_money && !same_currency)) {
      continue;
    }
    ComparedMetric metric{row.name, row.unit, row.path, estimate(x), estimate(y), {}, {}};
    metric.difference = difference_of(x, y, metric.a, metric.b, comparison.paired);
    metric.verdict = judge(metric, row.good, x.size() > 1 || y.size() > 1);
    comparison.metrics.push_back(std::move(metric));
  }
  return comparison;
}

}  // namespace penstock::explore
