#include "tools/report/result_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

#include "sim/metrics/quantiles.h"
#include "tools/output/files.h"
#include "tools/output/text.h"
#include "workloads/csv.h"

namespace penstock::report {
namespace {

namespace fs = std::filesystem;

/// A CSV file of ours, by the names of its columns.
class CsvFile {
 public:
  explicit CsvFile(const fs::path& path)
      : name_(path.filename().string()), reader_(LineReader(open_file(path.string()))) {
    if (!reader_.next()) {
      fail_if_unreadable();
      throw NotAResult(fmt::format("`{}` is empty", name_));
    }
    header_.emplace(reader_);
  }

  std::size_t column(std::string_view name) const {
    const std::optional<std::size_t> found = header_->find(name);
    if (!found) {
      throw NotAResult(fmt::format("`{}` has no column `{}`: run it again", name_, name));
    }
    return *found;
  }
  std::optional<std::size_t> maybe_column(std::string_view name) const {
    return header_->find(name);
  }
  bool next() {
    if (!reader_.next()) {
      fail_if_unreadable();
      return false;
    }
    if (reader_.size() != header_->size() || !reader_.problem().empty()) {
      throw NotAResult(fmt::format("`{}` is damaged at line {}", name_, reader_.lines().number()));
    }
    return true;
  }
  std::string_view text(std::size_t column) const { return reader_.field(column); }
  /// Nothing for an empty field.
  std::optional<double> maybe_number(std::size_t column) const {
    const std::string_view field = text(column);
    double value = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (field.empty()) {
      return std::nullopt;
    }
    if (error != std::errc() || end != field.data() + field.size() || !std::isfinite(value)) {
      throw NotAResult(fmt::format("`{}` is damaged at line {}: `{}` is no number", name_,
                                   reader_.lines().number(), output::printable(field)));
    }
    return value;
  }
  double number(std::size_t column) const { return maybe_number(column).value_or(0); }

 private:
  void fail_if_unreadable() const {
    if (!reader_.lines().read_failure().empty()) {
      throw output::IoError(
          fmt::format("cannot read `{}`: {}", name_, reader_.lines().read_failure()));
    }
  }

  std::string name_;
  CsvReader reader_;
  std::optional<CsvHeader> header_;
};

/// Dollars with at most nine decimals, as exact_dollars() writes them.
std::int64_t nano_of(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  std::int64_t nano = 0;
  int decimals = -1;
  for (const char c : text) {
    if (c == '.') {
      decimals = 0;
    } else if (c >= '0' && c <= '9' && decimals < 9) {
      nano = nano * 10 + (c - '0');
      decimals += decimals >= 0 ? 1 : 0;
    }
  }
  for (decimals = std::max(decimals, 0); decimals < 9; ++decimals) {
    nano *= 10;
  }
  return is_negative ? -nano : nano;
}

}  // namespace

std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in && in.peek() != std::ifstream::traits_type::eof()) {
    text << in.rdbuf();
  }
  if (!in && !in.eof()) {
    throw output::IoError(fmt::format("cannot read `{}`: {}", output::printable(path.string()),
                                      errno != 0 ? std::strerror(errno) : "reading failed"));
  }
  return text.str();
}

nlohmann::ordered_json read_json(const fs::path& path) {
  auto json = nlohmann::ordered_json::parse(read_text(path), nullptr, false);
  if (!json.is_object()) {
    throw NotAResult(fmt::format("`{}` is no result of penstock", path.filename().string()));
  }
  return json;
}

std::vector<Interval> read_timeseries(const fs::path& path, double duration_s) {
  CsvFile file(path);
  const auto named = [&file](const char* name) { return file.column(name); };
  const std::size_t time = named("time_s"), arrivals = named("arrivals"),
                    completed = named("completed"), running = named("running"),
                    waiting = named("waiting"), kv = named("kv"), batch = named("batch"),
                    busy = named("busy"), power = named("power_w"),
                    preemptions = named("preemptions");
  std::array<std::size_t, bound_count> bound{};
  std::transform(bound_names.begin(), bound_names.end(), bound.begin(), named);
  std::vector<Interval> all;
  std::vector<double> replicas;  // of each interval
  while (file.next()) {
    const double at = file.number(time);
    if (all.empty() || all.back().time_s != at) {
      all.push_back({});
      all.back().time_s = at;
      replicas.push_back(0);
    }
    Interval& here = all.back();
    ++replicas.back();
    here.arrivals += file.number(arrivals);
    here.completed += file.number(completed);
    here.preemptions += file.number(preemptions);
    here.running += file.number(running);
    here.waiting += file.number(waiting);
    here.kv += file.number(kv);
    here.kv_max = std::max(here.kv_max, file.number(kv));
    here.busy += file.number(busy);
    here.batch += file.number(batch);
    here.power_w += file.number(power);
    for (std::size_t r = 0; r < bound_count; ++r) {
      here.bound[r] += file.number(bound[r]);
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    Interval& here = all[i];
    here.length_s =
        std::max(0.0, (i + 1 < all.size() ? all[i + 1].time_s : duration_s) - here.time_s);
    for (double* mean : {&here.kv, &here.busy, &here.batch}) {
      *mean /= replicas[i];
    }
    for (double& share : here.bound) {
      share /= replicas[i];
    }
  }
  return all;
}

std::vector<LedgerLine> read_ledger(const fs::path& path) {
  CsvFile file(path);
  const std::size_t class_name = file.column("class"), token = file.column("token"),
                    cause = file.column("cause"), rule = file.column("rule"),
                    amount = file.column("amount");
  std::vector<LedgerLine> lines;
  while (file.next()) {
    lines.push_back({std::string(file.text(class_name)), std::string(file.text(token)),
                     std::string(file.text(cause)), std::string(file.text(rule)),
                     nano_of(file.text(amount))});
  }
  return lines;
}

std::map<std::string, ClassLatencies> read_latencies(const fs::path& path, double warmup_s) {
  CsvFile file(path);
  const std::size_t class_name = file.column("class"), arrival = file.column("arrival_s"),
                    first = file.column("first_token_s"), finish = file.column("finish_s"),
                    output = file.column("output_tokens"), status = file.column("status");
  std::map<std::string, ClassLatencies> classes;
  ClassLatencies* here = nullptr;
  std::string name;
  while (file.next()) {
    const double at = file.number(arrival);
    if (file.text(status) != "completed" || at < warmup_s) {
      continue;
    }
    if (here == nullptr || file.text(class_name) != name) {
      name = file.text(class_name);
      here = &classes[name];
    }
    const double ttft = (file.number(first) - at) * 1e3;
    const double e2e = (file.number(finish) - at) * 1e3;
    const double tokens = file.number(output);
    here->ttft.push_back(ttft);
    here->e2e.push_back(e2e);
    if (tokens > 1) {
      here->tpot.push_back((e2e - ttft) / (tokens - 1));
    }
  }
  for (auto& [key, latencies] : classes) {
    for (auto* values : {&latencies.ttft, &latencies.tpot, &latencies.e2e}) {
      std::sort(values->begin(), values->end());
    }
  }
  return classes;
}

double quantile_of(const std::vector<double>& sorted, double p) {
  const QuantilePosition at = quantile_position(sorted.size(), p);
  const double low = sorted[at.lower];
  return at.lower + 1 < sorted.size() ? low + at.fraction * (sorted[at.lower + 1] - low) : low;
}

std::vector<PositionLine> read_positions(const fs::path& path) {
  CsvFile file(path);
  const std::size_t context = file.column("context"), input = file.column("input_per_million"),
                    output = file.column("output_per_million");
  std::vector<PositionLine> lines;
  while (file.next()) {
    lines.push_back({file.number(context), file.number(input), file.number(output)});
  }
  return lines;
}

}  // namespace penstock::report
