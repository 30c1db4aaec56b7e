#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tools/calibrate/measurement.h"

namespace penstock::calibrate {
namespace {

using BenchmarkJson = nlohmann::json;

std::optional<double> number_at(const BenchmarkJson& result, const std::string& key) {
  const auto found = result.find(key);
  return found != result.end() && found->is_number() ? std::optional(found->get<double>())
                                                     : std::nullopt;
}

/// The list of this name, which must have an entry for each of `count` requests.
const BenchmarkJson* list_at(const BenchmarkJson& result, const std::string& key, std::size_t count,
                             ErrorLog& errors) {
  const auto found = result.find(key);
  if (found == result.end() || !found->is_array()) {
    return nullptr;
  }
  if (found->size() != count) {
    errors.add(Diagnostic::Kind::input,
               fmt::format("`{}` has {} entries, `ttfts` {}", key, found->size(), count),
               {"was the file cut, or put together from two runs?"});
    return nullptr;
  }
  return &*found;
}

bool is_time(const BenchmarkJson& value) { return value.is_number() && value.get<double>() >= 0; }

double sum_of(const BenchmarkJson& gaps) {
  double sum = 0;
  for (const BenchmarkJson& gap : gaps) {
    sum += gap.get<double>();
  }
  return sum;
}

/// Start times in seconds lie within 90 days of the first of the list.
bool are_of_one_clock(const BenchmarkJson& starts) {
  constexpr double most_seconds = 90 * 86400.0;
  return std::all_of(starts.begin(), starts.end(), [&](const BenchmarkJson& start) {
    return !start.is_number() ||
           (starts.front().is_number() &&
            std::fabs(start.get<double>() - starts.front().get<double>()) <= most_seconds);
  });
}

/// What `--save-detailed` adds: a list a quantity, seconds. Requests that failed have no tokens.
void read_details(const BenchmarkJson& result, ErrorLog& errors, Measurement& out) {
  const std::size_t count = result.contains("ttfts") ? result["ttfts"].size() : 0;
  const BenchmarkJson* const ttfts = list_at(result, "ttfts", count, errors);
  const BenchmarkJson* const inputs = list_at(result, "input_lens", count, errors);
  const BenchmarkJson* const outputs = list_at(result, "output_lens", count, errors);
  const BenchmarkJson* const gaps = list_at(result, "itls", count, errors);
  const BenchmarkJson* const starts = list_at(result, "start_times", count, errors);
  if (ttfts == nullptr || inputs == nullptr || outputs == nullptr) {
    return;
  }
  if (starts != nullptr && !are_of_one_clock(*starts)) {
    errors.add(Diagnostic::Kind::input, "`start_times` are more than 90 days apart",
               {"are they of one clock, in seconds?"});
    return;
  }
  std::size_t failed = 0;
  for (std::size_t i = 0; i < count; ++i) {
    ServedRequest one;
    const bool is_whole = (*ttfts)[i].is_number() && (*inputs)[i].is_number_integer() &&
                          (*outputs)[i].is_number_integer();
    one.request.input_tokens = is_whole ? (*inputs)[i].get<std::int64_t>() : 0;
    one.request.output_tokens = is_whole ? (*outputs)[i].get<std::int64_t>() : 0;
    if (one.request.input_tokens < 1 || one.request.output_tokens < 1) {
      ++failed;
      continue;
    }
    const bool has_gaps = gaps != nullptr && (*gaps)[i].is_array();
    if (!is_time((*ttfts)[i]) ||
        (has_gaps && !std::all_of((*gaps)[i].begin(), (*gaps)[i].end(), is_time))) {
      errors.add(Diagnostic::Kind::input,
                 fmt::format("request {}: a time in `ttfts` or `itls` is below 0 or no number", i),
                 {"they are seconds, as `--save-detailed` writes them"});
      continue;
    }
    one.ttft_ms = 1e3 * (*ttfts)[i].get<double>();
    if (has_gaps) {
      one.e2e_ms = one.ttft_ms + 1e3 * sum_of((*gaps)[i]);
    }
    if (starts != nullptr && (*starts)[i].is_number()) {
      one.request.arrival = SimTime{
          std::llround(((*starts)[i].get<double>() - starts->front().get<double>()) * 1e12)};
    }
    out.requests.push_back(one);
  }
  out.arrivals = starts != nullptr ? Measurement::Arrivals::given : Measurement::Arrivals::unknown;
  if (failed > 0) {
    out.doubts.push_back(fmt::format(
        "{} of {} measured requests failed or have no tokens: they are left out, and so is the "
        "load that they were",
        failed, count));
  }
}

/// The file's own mean against that of its requests.
void doubt_means(const BenchmarkJson& result, Measurement& out) {
  constexpr double most = 0.05;
  const std::optional<double> stated = number_at(result, "mean_ttft_ms");
  double sum = 0;
  for (const ServedRequest& one : out.requests) {
    sum += one.ttft_ms;
  }
  const double mean = out.requests.empty() ? 0 : sum / static_cast<double>(out.requests.size());
  if (stated && mean > 0 && std::fabs(*stated / mean - 1) > most) {
    out.doubts.push_back(
        fmt::format("`mean_ttft_ms` is {:.4g}, but the mean of `ttfts` is {:.4g} ms: the single "
                    "times are taken",
                    *stated, mean));
  }
}

/// Without start times: all at once, or so many at a time, are known too.
void set_arrivals(const BenchmarkJson& result, Measurement& out) {
  const bool is_at_once = result.value("request_rate", BenchmarkJson()) == "inf";
  if (out.requests.empty() || out.arrivals == Measurement::Arrivals::given || !is_at_once) {
    return;
  }
  const std::optional<double> concurrency = number_at(result, "max_concurrency");
  out.arrivals = concurrency ? Measurement::Arrivals::closed_loop : Measurement::Arrivals::given;
  out.concurrency = concurrency ? std::llround(*concurrency) : 0;
}

void read_statistics(const BenchmarkJson& result, Measurement& out) {
  const auto add = [&](const std::string& name, const std::string& key) {
    if (const auto value = number_at(result, key); value && *value > 0) {
      out.statistics.push_back({name, *value});
    }
  };
  for (const auto& [ours, theirs] :
       {std::pair("ttft_ms", "ttft_ms"), std::pair("tpot_ms", "tpot_ms"),
        std::pair("itl_ms", "itl_ms"), std::pair("e2e_ms", "e2el_ms")}) {
    for (const auto& [statistic, prefix] : {std::pair("mean", "mean_"), std::pair("p50", "median_"),
                                            std::pair("p90", "p90_"), std::pair("p99", "p99_")}) {
      add(std::string(ours) + "." + statistic, std::string(prefix) + theirs);
    }
  }
  add("throughput.output_tokens_per_s", "output_throughput");
}

}  // namespace

void read_benchmark(const std::string& text, ErrorLog& errors, Measurement& out) {
  const BenchmarkJson result = BenchmarkJson::parse(text, nullptr, false);
  if (!result.is_object()) {
    errors.add(Diagnostic::Kind::input, "this is not one JSON object",
               {"`--append-result` puts several results into a file: keep one"});
    return;
  }
  out.format = "vLLM benchmark";
  out.by_clients = true;
  if (const auto model = result.find("model_id"); model != result.end() && model->is_string()) {
    out.model = model->get<std::string>();
  }
  read_details(result, errors, out);
  doubt_means(result, out);
  set_arrivals(result, out);
  if (out.requests.empty()) {
    read_statistics(result, out);
  }
}

}  // namespace penstock::calibrate
