#include "workloads/trace_info.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <unordered_set>
#include <utility>

#include "sim/kv/prefix_memory.h"
#include "sim/metrics/quantiles.h"
#include "workloads/arrival_counts.h"
#include "workloads/length_counts.h"
#include "workloads/trace_row.h"

namespace penstock {
namespace {

constexpr std::size_t parts_of_span = 60;

/// The median of input / output, exactly: one pass counts by the leading bits of the ratio, the
/// next looks only at those that share them with the median.
class RatioMedian {
 public:
  void count(double ratio) {
    ++counts_[bin_of(ratio)];
    ++count_;
  }

  /// Between the passes.
  void locate() {
    at_ = quantile_position(count_, 0.5);
    upper_ = std::min(at_.lower + 1, count_ - 1);
    std::uint64_t before = 0;
    for (std::size_t bin = 0; bin < counts_.size(); ++bin) {
      const std::uint64_t times = counts_[bin];
      if (at_.lower >= before && at_.lower < before + times) {
        first_bin_ = bin;
        before_ = before;
      }
      if (upper_ >= before && upper_ < before + times) {
        last_bin_ = bin;
      }
      before += times;
    }
  }

  void look(double ratio) {
    const std::size_t bin = bin_of(ratio);
    if (bin == first_bin_ || bin == last_bin_) {
      ++values_[ratio];
    }
  }

  double median() const {
    double low = 0;
    double high = 0;
    std::uint64_t before = before_;
    for (const auto& [value, times] : values_) {
      low = at_.lower >= before && at_.lower < before + times ? value : low;
      high = upper_ >= before && upper_ < before + times ? value : high;
      before += times;
    }
    return low + (high - low) * at_.fraction;
  }

 private:
  /// Exponent and 12 bits, in the order of the ratios. They lie between 2^-24 and 2^24, as
  /// max_request_tokens does.
  static std::size_t bin_of(double ratio) {
    constexpr std::uint64_t lowest = std::uint64_t{1023 - 24} << 12;
    return (std::bit_cast<std::uint64_t>(ratio) >> 40) - lowest;
  }
  static constexpr std::size_t bins = std::size_t{48} << 12;

  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(bins);
  std::map<double, std::uint64_t> values_;
  std::uint64_t count_ = 0;
  QuantilePosition at_;
  std::uint64_t upper_ = 0;
  std::size_t first_bin_ = 0;
  std::size_t last_bin_ = 0;
  std::uint64_t before_ = 0;  // ratios below the first bin
};

double ratio_of(const TraceRow& row) {
  return static_cast<double>(row.input_tokens) / static_cast<double>(row.output_tokens);
}

/// n sum xy - sum x sum y over the square root of the same for x and y; nothing if one is constant.
std::optional<double> correlation(Int128 n, Int128 x, Int128 y, Int128 xx, Int128 yy, Int128 xy) {
  const auto x_part = static_cast<double>(n * xx - x * x);
  const auto y_part = static_cast<double>(n * yy - y * y);
  if (x_part <= 0 || y_part <= 0) {
    return std::nullopt;
  }
  return static_cast<double>(n * xy - x * y) / (std::sqrt(x_part) * std::sqrt(y_part));
}

/// What needs no order and nothing from a pass before.
class FirstPass {
 public:
  explicit FirstPass(const TraceInfoOptions& what) : max_model_len_(what.max_model_len) {}

  void add(const TraceRow& row) {
    const std::int64_t in = row.input_tokens;
    const std::int64_t out = row.output_tokens;
    input.add(in);
    output.add(out);
    input_squares_ += Int128{in} * in;
    output_squares_ += Int128{out} * out;
    products_ += Int128{in} * out;
    below_1_ += in < out ? 1 : 0;
    from_3_to_10_ += in >= 3 * out && in <= 10 * out ? 1 : 0;
    above_10_ += in > 10 * out ? 1 : 0;
    over_context_ += max_model_len_ > 0 && in + out > max_model_len_ ? 1 : 0;
    ratios.count(ratio_of(row));
    if (!row.session.empty()) {
      sessions_.insert(hash_of_name(row.session));
    }
  }

  void report(TraceInfo& info) const {
    const auto n = static_cast<double>(input.count());
    info.ratio_total = static_cast<double>(input.sum()) / static_cast<double>(output.sum());
    info.share_below_1 = static_cast<double>(below_1_) / n;
    info.share_3_to_10 = static_cast<double>(from_3_to_10_) / n;
    info.share_above_10 = static_cast<double>(above_10_) / n;
    info.linear_correlation = correlation(static_cast<Int128>(input.count()), input.sum(),
                                          output.sum(), input_squares_, output_squares_, products_);
    info.sessions = sessions_.size();
    info.over_context = over_context_;
  }

  LengthCounts input;
  LengthCounts output;
  RatioMedian ratios;

 private:
  std::int64_t max_model_len_;
  Int128 input_squares_ = 0;
  Int128 output_squares_ = 0;
  Int128 products_ = 0;
  std::uint64_t below_1_ = 0;
  std::uint64_t from_3_to_10_ = 0;
  std::uint64_t above_10_ = 0;
  std::uint64_t over_context_ = 0;
  std::unordered_set<std::uint64_t> sessions_;  // counted only
};

/// Caches of different capacities, fed with the same prompts.
class Caches {
 public:
  explicit Caches(const std::vector<std::int64_t>& capacities) {
    for (const std::int64_t capacity : capacities) {
      caches_.push_back({PrefixMemory(capacity), capacity});
    }
  }

  void add(const TraceRow& row) {
    blocks_ += row.blocks.size();
    tokens_ += row.input_tokens;
    // A block is what it is behind those before it.
    Content content;
    for (const std::uint64_t block : row.blocks) {
      content.push_back({block, 0, 1});
    }
    const std::vector<std::uint64_t> keys = block_keys(content, std::ssize(content), 1);
    for (Cache& cache : caches_) {
      const std::int64_t hits = cache.memory.insert(keys);
      cache.block_hits += hits;
      cache.token_hits += std::min(row.input_tokens, hits * row.block_tokens);
    }
  }

  std::vector<PrefixCacheFigures> figures() const {
    std::vector<PrefixCacheFigures> all;
    for (const Cache& cache : caches_) {
      all.push_back({cache.capacity,
                     static_cast<double>(cache.block_hits) / static_cast<double>(blocks_),
                     static_cast<double>(cache.token_hits) / static_cast<double>(tokens_)});
    }
    return all;
  }

 private:
  struct Cache {
    PrefixMemory memory;
    std::int64_t capacity = 0;
    std::int64_t block_hits = 0;
    std::int64_t token_hits = 0;
  };
  std::vector<Cache> caches_;
  std::uint64_t blocks_ = 0;
  std::int64_t tokens_ = 0;
};

/// What needs the order of time.
class Arrivals {
 public:
  explicit Arrivals(SimTime span) : span_(span) { figures_.over_time.resize(parts_of_span); }

  void add(SimTime time) {
    ++count_;
    for (WindowCounts& windows : windows_) {
      windows.add(time);
    }
    gaps_.add(time);
    const Int128 part = span_.ps == 0 ? 0 : Int128{time.ps} * parts_of_span / span_.ps;
    ++figures_.over_time[std::min<std::size_t>(static_cast<std::size_t>(part), parts_of_span - 1)];
  }

  ArrivalFigures figures() {
    gaps_.finish();
    figures_.span_s = span_.seconds();
    if (span_ > SimTime{}) {
      figures_.rate = static_cast<double>(count_ - 1) / span_.seconds();
    }
    figures_.peak_1s = windows_[0].peak_per_s();
    figures_.peak_60s = windows_[2].peak_per_s();
    for (std::size_t i = 0; i < windows_.size(); ++i) {
      figures_.fano[i] = windows_[i].fano();
    }
    figures_.gap_cv = gaps_.cv();
    figures_.gap_cv_300s = gaps_.cv_in_windows();
    return figures_;
  }

 private:
  SimTime span_;
  std::uint64_t count_ = 0;
  std::array<WindowCounts, 3> windows_{WindowCounts(SimTime{ps_per_s}),
                                       WindowCounts(SimTime{10 * ps_per_s}),
                                       WindowCounts(SimTime{60 * ps_per_s})};
  GapCounts gaps_;
  ArrivalFigures figures_;
};

LengthFigures figures_of(const LengthCounts& counts) {
  LengthFigures all;
  all.total = counts.sum();
  all.mean = counts.mean();
  all.p5 = counts.quantile(0.05);
  all.p25 = counts.quantile(0.25);
  all.p50 = counts.quantile(0.5);
  all.p75 = counts.quantile(0.75);
  all.p90 = counts.quantile(0.9);
  all.p95 = counts.quantile(0.95);
  all.p99 = counts.quantile(0.99);
  all.max = counts.highest();
  all.by_power_of_two.resize(std::bit_width(static_cast<std::uint64_t>(all.max)));
  counts.for_each([&](std::int64_t value, std::uint64_t times) {
    all.by_power_of_two[std::bit_width(static_cast<std::uint64_t>(value)) - 1] += times;
  });
  return all;
}

}  // namespace

std::optional<TraceInfo> describe_trace(const TraceInput& input, const TraceOptions& options,
                                        const TraceInfoOptions& what, ErrorLog& errors) {
  FirstPass first(what);
  const auto scan =
      scan_trace(input, options, errors, [&first](const TraceRow& row) { first.add(row); });
  if (!scan) {
    return std::nullopt;
  }
  TraceInfo info;
  info.scan = *scan;
  info.notes = notes_on(*scan, errors);
  info.input = figures_of(first.input);
  info.output = figures_of(first.output);
  first.report(info);
  first.ratios.locate();
  const LengthRanks input_ranks(first.input);
  const LengthRanks output_ranks(first.output);
  Int128 products = 0;
  Arrivals arrivals(scan->latest - scan->earliest);
  Caches caches(scan->has_blocks ? what.cache_blocks : std::vector<std::int64_t>{});
  OrderedTrace rows(input, options, *scan);
  TraceRow row;
  while (rows.next(row)) {
    first.ratios.look(ratio_of(row));
    products += Int128{input_ranks.twice_rank(row.input_tokens)} *
                output_ranks.twice_rank(row.output_tokens);
    caches.add(row);
    if (scan->has_times) {
      arrivals.add(row.time);
    }
  }
  info.ratio_p50 = first.ratios.median();
  const auto n = static_cast<Int128>(scan->rows);
  const Int128 ranks = n * (n + 1);  // the sum of twice the ranks 1 to n
  info.rank_correlation = correlation(n, ranks, ranks, input_ranks.sum_of_squares(),
                                      output_ranks.sum_of_squares(), products);
  info.prefix_cache = caches.figures();
  if (scan->has_times) {
    info.arrivals = arrivals.figures();
  }
  return info;
}

}  // namespace penstock
