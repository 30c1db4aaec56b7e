#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "sim/core/rng.h"
#include "sim/kv/prefix_memory.h"
#include "tests/support/shared.h"
#include "tests/support/workload_text.h"
#include "workloads/arrival_counts.h"
#include "workloads/length_counts.h"
#include "workloads/trace_info.h"

namespace penstock {
namespace {

using Texts = std::vector<std::string>;

TraceInfo info_of(const TraceInput& input, const TraceInfoOptions& what = {}) {
  ErrorLog errors("t");
  const auto info = describe_trace(input, {}, what, errors);
  CHECK(test::brief(errors.diagnostics()) == Texts{});
  REQUIRE(info.has_value());
  return *info;
}

/// `value` is `printed` to the digits that are printed: at most half of `step` away.
void check_digits(double value, double printed, double step) {
  CAPTURE(printed);
  CHECK(std::abs(value - printed) <= step * 0.5 + 1e-9);
}

void check_lengths(const LengthFigures& lengths, double mean, const std::vector<double>& printed) {
  check_digits(lengths.mean, mean, 1);
  const std::vector<double> found{
      lengths.p5,  lengths.p25, lengths.p50, lengths.p75,
      lengths.p90, lengths.p95, lengths.p99, static_cast<double>(lengths.max)};
  REQUIRE(found.size() == printed.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    check_digits(found[i], printed[i], 1);
  }
}

std::string csv_of(const std::vector<std::string>& rows) {
  std::string text = "arrival_s,input_tokens,output_tokens\n";
  for (const std::string& row : rows) {
    text += row + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("quantiles and ranks of counted lengths are those of the sorted values") {
  LengthCounts counts;
  for (const int value : {5, 1, 5, 300'000, 2}) {
    counts.add(value);
  }
  CHECK(counts.quantile(0) == 1);
  CHECK(counts.quantile(0.5) == 5);
  CHECK(counts.quantile(0.125) == 1.5);
  CHECK(counts.quantile(0.875) == doctest::Approx((5 + 300'000) / 2.0));
  CHECK(counts.quantile(1) == 300'000);
  CHECK(counts.highest() == 300'000);
  CHECK(counts.lowest() == 1);
  CHECK(counts.mean() == doctest::Approx(300'013 / 5.0));
  const LengthRanks ranks(counts);
  CHECK(ranks.twice_rank(1) == 2);
  CHECK(ranks.twice_rank(2) == 4);
  CHECK(ranks.twice_rank(5) == 7);  // ranks 3 and 4
  CHECK(ranks.twice_rank(300'000) == 10);
  CHECK(ranks.sum_of_squares() == 4 + 16 + 2 * 49 + 100);
}

TEST_CASE("windows count whole ones only") {
  WindowCounts seconds(SimTime{ps_per_s});
  CHECK_FALSE(seconds.fano().has_value());
  for (const double at : {0.0, 0.1, 0.9999, 3.0, 3.5, 4.0}) {
    seconds.add(SimTime::from_seconds(at));
  }
  // 3, 0, 0, 2; the window from 4 s on is not over.
  CHECK(*seconds.peak_per_s() == 3);
  CHECK(*seconds.fano() == doctest::Approx((13 / 4.0 - 25 / 16.0) / (5 / 4.0)));
}

TEST_CASE("gaps of a regular stream do not vary") {
  GapCounts gaps;
  for (int i = 0; i < 1000; ++i) {
    gaps.add(SimTime{i * ps_per_s});
  }
  gaps.finish();
  CHECK(*gaps.cv() == 0);
  CHECK(*gaps.cv_in_windows() == 0);
}

TEST_CASE("more blocks never give fewer hits, and no limit gives the most") {
  Rng rng(7, "lru");
  std::vector<PrefixMemory> caches;
  for (const std::int64_t blocks : {1, 3, 10, 50}) {
    caches.emplace_back(blocks);
  }
  caches.emplace_back(PrefixMemory::unlimited);
  std::vector<std::int64_t> hits(caches.size());
  for (int i = 0; i < 2000; ++i) {
    const auto tree = static_cast<std::uint64_t>(rng.uniform() * 8);
    const auto depth = static_cast<std::size_t>(rng.uniform() * 6) + 1;
    std::vector<std::uint64_t> prompt;
    for (std::size_t level = 0; level < depth; ++level) {
      prompt.push_back(100 * level + (level == 0 ? 0 : tree + level % 2));
    }
    for (std::size_t c = 0; c < caches.size(); ++c) {
      hits[c] += caches[c].insert(prompt);
    }
  }
  for (std::size_t c = 1; c < caches.size(); ++c) {
    CHECK(hits[c - 1] <= hits[c]);
  }
  CHECK(hits[0] > 0);
}

TEST_CASE("ratios, correlations and counts of a small trace") {
  const TraceInfo info =
      info_of(TraceInput::of_text(csv_of({"0,10,10", "1,30,10", "1,30,10", "3,5,10", "2,200,10"})),
              {.cache_blocks = {1}, .max_model_len = 40});
  CHECK(info.ratio_total == doctest::Approx(275 / 50.0));
  CHECK(info.ratio_p50 == 3);
  CHECK(info.share_below_1 == doctest::Approx(0.2));
  CHECK(info.share_3_to_10 == doctest::Approx(0.4));
  CHECK(info.share_above_10 == doctest::Approx(0.2));
  CHECK_FALSE(info.rank_correlation.has_value());  // all outputs are equal
  CHECK(info.over_context == 1);
  CHECK(info.scan.late_rows == 1);
  CHECK(info.scan.duplicate_rows == 1);
  CHECK(info.prefix_cache.empty());
  CHECK(info.sessions == 0);
  REQUIRE(info.arrivals.has_value());
  CHECK(info.arrivals->span_s == 3);
  CHECK(*info.arrivals->peak_1s == 2);
  CHECK_FALSE(info.arrivals->peak_60s.has_value());
  const TraceInfo opposite =
      info_of(TraceInput::of_text(csv_of({"0,1,900", "1,2,90", "2,3,9", "3,4,1"})));
  CHECK(*opposite.rank_correlation == doctest::Approx(-1));
  CHECK(*opposite.linear_correlation > -1);
}

TEST_CASE("a trace's figures do not depend on the order of its rows") {
  std::vector<std::string> rows;
  for (int i = 0; i < 500; ++i) {
    rows.push_back(std::to_string(i * 37 % 500) + "." + std::to_string(i % 10) + "," +
                   std::to_string(i * 7919 % 1000 + 1) + "," + std::to_string(i % 90 + 1));
  }
  std::vector<std::string> sorted(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    sorted[static_cast<std::size_t>(std::stoi(rows[i]))] = rows[i];
  }
  const TraceInfo a = info_of(TraceInput::of_text(csv_of(rows)));
  const TraceInfo b = info_of(TraceInput::of_text(csv_of(sorted)));
  CHECK(a.scan.late_rows > 0);
  CHECK(b.scan.late_rows == 0);
  CHECK(a.ratio_p50 == b.ratio_p50);
  CHECK(a.rank_correlation == b.rank_correlation);
  CHECK(a.arrivals->gap_cv == b.arrivals->gap_cv);
  CHECK(a.arrivals->fano == b.arrivals->fano);
  CHECK(a.arrivals->over_time == b.arrivals->over_time);
}

// The figures of Azure's conversation trace as published tables of its statistics give them.
TEST_CASE("Azure's conversation trace of 2023 has its known figures") {
  const auto file = test::shared_data("data/traces/AzureLLMInferenceTrace_conv.csv");
  if (!file) {
    return test::skip_without_shared_data();
  }
  const TraceInfo info = info_of(TraceInput(file->string()));
  CHECK(info.scan.rows == 19'366);
  CHECK(info.notes.empty());
  check_lengths(info.input, 1155, {181, 396, 1020, 1189, 2734, 4083, 4142, 14'050});
  check_lengths(info.output, 211, {41, 85, 129, 395, 424, 451, 601, 1000});
  check_digits(info.ratio_total, 5.5, 0.1);
  check_digits(info.ratio_p50, 3.58, 0.01);
  check_digits(info.share_3_to_10, 0.32, 0.01);
  check_digits(info.share_below_1, 0.05, 0.01);
  check_digits(info.share_above_10, 0.23, 0.01);
  check_digits(*info.rank_correlation, 0.073, 0.001);
  check_digits(*info.linear_correlation, -0.11, 0.01);
  const ArrivalFigures& arrivals = *info.arrivals;
  check_digits(arrivals.span_s, 3501.72194, 0.00001);
  check_digits(*arrivals.rate, 5.53014, 0.00001);
  check_digits(*arrivals.peak_1s, 16, 1);
  check_digits(*arrivals.peak_60s, 8.45, 0.01);
  check_digits(*arrivals.gap_cv, 1.09417, 0.00001);
  check_digits(*arrivals.gap_cv_300s, 1.04007, 0.00001);
  check_digits(*arrivals.fano[0], 1.38514, 0.00001);
  check_digits(*arrivals.fano[1], 3.857, 0.001);
  check_digits(*arrivals.fano[2], 16.12826, 0.00001);
}

TEST_CASE("Mooncake's conversation trace has its known figures and hit ratios") {
  const auto file = test::shared_data("data/traces/mooncake_conversation_trace.jsonl");
  if (!file) {
    return test::skip_without_shared_data();
  }
  const TraceInfo info = info_of(
      TraceInput(file->string()),
      {.cache_blocks = {1000, 5000, 10'000, 30'000, 50'000, 100'000, PrefixMemory::unlimited}});
  CHECK(info.scan.rows == 12'031);
  CHECK(info.scan.duplicate_rows == 1);
  check_lengths(info.input, 12'035, {901, 2306, 6909, 15'367, 27'367, 39'550, 85'400, 126'195});
  check_lengths(info.output, 343, {10, 156, 350, 472, 597, 698, 1119, 2000});
  check_digits(info.ratio_total, 35, 1);
  check_digits(info.share_3_to_10, 0.17, 0.01);
  check_digits(*info.arrivals->gap_cv, 3.03, 0.01);
  check_digits(*info.arrivals->fano[0], 7.9, 0.1);
  check_digits(*info.arrivals->fano[2], 2.9, 0.1);
  check_digits(*info.arrivals->peak_60s, 4.12, 0.01);
  REQUIRE(info.prefix_cache.size() == 7);
  check_digits(info.prefix_cache[0].block_hit_ratio, 0.0445, 0.0001);
  check_digits(info.prefix_cache[1].block_hit_ratio, 0.11, 0.01);
  check_digits(info.prefix_cache[2].block_hit_ratio, 0.21, 0.01);
  check_digits(info.prefix_cache[3].block_hit_ratio, 0.33, 0.01);
  check_digits(info.prefix_cache[4].block_hit_ratio, 0.35, 0.01);
  check_digits(info.prefix_cache[5].block_hit_ratio, 0.364, 0.001);
  check_digits(info.prefix_cache[6].block_hit_ratio, 0.366, 0.001);
  check_digits(info.prefix_cache[6].token_hit_ratio, 0.374, 0.001);
}

}  // namespace penstock
