#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

/// The files of a result folder, as a report reads them.
namespace penstock::report {

/// A folder without a result, or with a file that is none of ours; the message says which and why.
class NotAResult : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws output::IoError, and NotAResult for what is no JSON object.
nlohmann::ordered_json read_json(const std::filesystem::path& path);
/// A whole file; throws output::IoError.
std::string read_text(const std::filesystem::path& path);

inline constexpr std::size_t bound_count = 5;
inline constexpr std::array<const char*, bound_count> bound_names{
    "compute", "memory", "communication", "latency", "cpu"};

/// One interval of timeseries.csv, all replicas together: counts and requests are sums, shares are
/// means over replicas.
struct Interval {
  double time_s = 0;
  double length_s = 0;
  double arrivals = 0, completed = 0, preemptions = 0;
  double running = 0, waiting = 0;
  double kv = 0, kv_max = 0;  ///< kv_max: of the fullest replica
  double busy = 0, batch = 0;
  double power_w = 0;
  std::array<double, bound_count> bound{};
};
/// `duration_s`: of the run, where the last interval ends.
std::vector<Interval> read_timeseries(const std::filesystem::path& path, double duration_s);

/// One row of ledger.csv, in nano-units of the currency.
struct LedgerLine {
  std::string class_name, token, cause, rule;
  std::int64_t nano = 0;
};
std::vector<LedgerLine> read_ledger(const std::filesystem::path& path);

/// Latencies in ms of the requests that completed after the warm-up, each sorted.
struct ClassLatencies {
  std::vector<double> ttft, tpot, e2e;
};
std::map<std::string, ClassLatencies> read_latencies(const std::filesystem::path& path,
                                                     double warmup_s);

/// The p-quantile of sorted values, type 7. Requires a value.
double quantile_of(const std::vector<double>& sorted, double p);

/// What one more token costs at a position: position.csv.
struct PositionLine {
  double context = 0, input = 0, output = 0;
};
std::vector<PositionLine> read_positions(const std::filesystem::path& path);

}  // namespace penstock::report
