#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "tools/calibrate/measurement.h"
#include "tools/calibrate/read_kernels.h"
#include "workloads/csv.h"

namespace penstock::calibrate {
namespace {

enum class Role { arrival, input, output, first_token, finish, ttft, e2e, tpot };
constexpr std::size_t role_count = 8;

/// What a column may be called, and its unit in seconds. Of several names the first one found
/// counts; moments (arrival, first token, finish) must be of one clock.
struct ColumnName {
  std::string_view name;
  Role role;
  double scale = 1;
};
constexpr auto column_names = std::to_array<ColumnName>({
    {"arrival_s", Role::arrival},
    {"queued_ts", Role::arrival},  // the engine's clock, as first_token_ts
    {"arrival_time", Role::arrival},
    {"start_time", Role::arrival},
    {"arrival", Role::arrival},
    {"input_tokens", Role::input},
    {"input_toks", Role::input},
    {"prompt_tokens", Role::input},
    {"input_len", Role::input},
    {"prompt_len", Role::input},
    {"output_tokens", Role::output},
    {"output_toks", Role::output},
    {"completion_tokens", Role::output},
    {"output_len", Role::output},
    {"first_token_s", Role::first_token},
    {"first_token_ts", Role::first_token},
    {"first_token_time", Role::first_token},
    {"finish_s", Role::finish},
    {"last_token_ts", Role::finish},
    {"finish_time", Role::finish},
    {"end_time", Role::finish},
    {"ttft_ms", Role::ttft, 1e-3},
    {"ttft_s", Role::ttft},
    {"ttft", Role::ttft},
    {"e2e_ms", Role::e2e, 1e-3},
    {"e2el_ms", Role::e2e, 1e-3},
    {"latency_ms", Role::e2e, 1e-3},
    {"e2e_s", Role::e2e},
    {"latency_s", Role::e2e},
    {"e2e", Role::e2e},
    {"latency", Role::e2e},
    {"tpot_ms", Role::tpot, 1e-3},
    {"tpot_s", Role::tpot},
    {"tpot", Role::tpot},
});

/// A cell of a row by name: its text; nothing if the row has no such column or the cell is empty.
using Cells = std::function<std::optional<std::string>(std::string_view)>;

struct Row {
  std::array<std::optional<double>, role_count> values;  ///< seconds, tokens
  std::string problem;

  std::optional<double> at(Role role) const { return values[static_cast<std::size_t>(role)]; }
};

bool is_duration(Role role) {
  return role == Role::ttft || role == Role::e2e || role == Role::tpot;
}

Row read_row(const Cells& cells) {
  Row row;
  for (const ColumnName& column : column_names) {
    std::optional<double>& value = row.values[static_cast<std::size_t>(column.role)];
    const std::optional<std::string> cell = value ? std::nullopt : cells(column.name);
    if (!cell) {
      continue;
    }
    double number = 0;
    const auto [end, error] = std::from_chars(cell->data(), cell->data() + cell->size(), number);
    if (error != std::errc{} || end != cell->data() + cell->size() || !std::isfinite(number)) {
      row.problem = std::string(column.name) + " is not a number: " + penstock::quoted(*cell);
    } else if (number < 0 && is_duration(column.role)) {
      row.problem = std::string(column.name) + " is negative: " + penstock::quoted(*cell);
    } else {
      value = number * column.scale;
    }
  }
  return row;
}

constexpr double most_tokens = 1e7;
constexpr double most_seconds = 8e6;  // the simulated clock's range, less some

bool is_length(const std::optional<double>& tokens) {
  return tokens && *tokens >= 1 && *tokens <= most_tokens;
}

/// The request of a row, or why it is none. `arrival` comes out in seconds of the file's clock.
std::string make_request(const Row& row, ServedRequest& out, double& arrival) {
  const auto input = row.at(Role::input);
  const auto output = row.at(Role::output);
  if (!is_length(input) || !is_length(output)) {
    return "a request needs its tokens: input_tokens and output_tokens, 1 to 10,000,000";
  }
  out.request.input_tokens = std::llround(*input);
  out.request.output_tokens = std::llround(*output);
  arrival = row.at(Role::arrival).value_or(0);
  const auto since = [&](Role moment, Role span) {
    const auto at = row.at(Role::arrival) ? row.at(moment) : std::nullopt;
    return at ? *at - arrival : row.at(span).value_or(-1);
  };
  const bool is_timed = row.at(Role::arrival).has_value();
  for (const auto& [moment, what] : {std::pair(Role::first_token, "its first token comes"),
                                     std::pair(Role::finish, "it ends")}) {
    if (is_timed && row.at(moment) && *row.at(moment) < arrival) {
      return fmt::format("{} {:.3g} s before it arrives", what, arrival - *row.at(moment));
    }
  }
  const double ttft = since(Role::first_token, Role::ttft);
  double e2e = since(Role::finish, Role::e2e);
  constexpr double rounding_s = 1e-3;
  if (ttft >= 0 && e2e >= 0 && e2e < ttft - rounding_s) {
    return fmt::format("it ends {:.3g} s before its first token", ttft - e2e);
  }
  if (e2e < 0 && ttft >= 0 && row.at(Role::tpot)) {
    e2e = ttft + *row.at(Role::tpot) * static_cast<double>(out.request.output_tokens - 1);
  }
  if (ttft < 0 && e2e < 0) {
    return "a request needs a measured time: first_token_s, finish_s, ttft_ms, e2e_ms or tpot_ms";
  }
  if (std::max(ttft, e2e) > most_seconds) {
    return "a request of more than 90 days: are its times of one clock, in seconds?";
  }
  out.ttft_ms = ttft < 0 ? -1 : 1e3 * ttft;
  out.e2e_ms = e2e < 0 ? -1 : 1e3 * e2e;
  return "";
}

/// Gathers rows; arrivals are exact only relative to the first one.
class Requests {
 public:
  explicit Requests(ErrorLog& errors) : errors_(errors) {}

  void add(const Cells& cells, const TextSpan& at) {
    const std::string status = cells("status").value_or("completed");
    if (status != "completed") {
      return;
    }
    const Row row = read_row(cells);
    ServedRequest one;
    double arrival = 0;
    std::string problem = row.problem.empty() ? make_request(row, one, arrival) : row.problem;
    if (problem.empty() && !arrivals_.empty() &&
        std::fabs(arrival - arrivals_.front()) > most_seconds) {
      problem = "it arrives more than 90 days from the first one";
    }
    if (!problem.empty()) {
      errors_.add(at, std::move(problem));
      return;
    }
    is_of_engine_ = is_of_engine_ || cells("queued_ts").has_value();
    is_timed_ = is_timed_ && row.at(Role::arrival).has_value();
    arrivals_.push_back(arrival);
    requests_.push_back(one);
  }

  void finish(Measurement& out) {
    const auto first = std::min_element(arrivals_.begin(), arrivals_.end());
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      requests_[i].request.arrival = SimTime{std::llround((arrivals_[i] - *first) * 1e12)};
    }
    out.requests = std::move(requests_);
    out.by_clients = !is_of_engine_;
    out.arrivals = is_timed_ ? Measurement::Arrivals::given : Measurement::Arrivals::unknown;
  }

 private:
  ErrorLog& errors_;
  std::vector<ServedRequest> requests_;
  std::vector<double> arrivals_;
  bool is_timed_ = true;
  bool is_of_engine_ = false;  ///< by the engine's own clock
};

}  // namespace

void read_request_lines(const std::string& text, ErrorLog& errors, Measurement& out) {
  out.format = "requests as JSON lines";
  Requests requests(errors);
  LineReader lines{std::string_view(text)};
  while (lines.next()) {
    const TextSpan at{lines.line(), lines.number(), 0, lines.line().size()};
    if (lines.line().find_first_not_of(" \t") == std::string_view::npos) {
      continue;
    }
    const auto object = nlohmann::json::parse(lines.line(), nullptr, false);
    if (!object.is_object()) {
      errors.add(at, "this is not a JSON object");
      continue;
    }
    requests.add(
        [&object](std::string_view name) -> std::optional<std::string> {
          const auto found = object.find(std::string(name));
          if (found == object.end() || found->is_null()) {
            return std::nullopt;
          }
          return found->is_string() ? found->get<std::string>() : found->dump();
        },
        at);
  }
  if (errors.empty()) {
    requests.finish(out);
  }
}

void read_csv(const std::string& text, ErrorLog& errors, Measurement& out) {
  CsvReader reader{LineReader{std::string_view(text)}};
  if (!reader.next()) {
    return;
  }
  const CsvHeader header(reader);
  if (header.find("measured_ms")) {
    read_kernels(reader, header, errors, out);
    return;
  }
  out.format = "requests as CSV";
  Requests requests(errors);
  while (reader.next()) {
    if (!reader.problem().empty() || reader.size() != header.size()) {
      errors.add(reader.row_span(), reader.problem().empty() ? "a row of another length than the "
                                                               "header's"
                                                             : std::string(reader.problem()));
      continue;
    }
    requests.add(
        [&](std::string_view name) -> std::optional<std::string> {
          const auto column = header.find(name);
          if (!column || reader.field(*column).empty()) {
            return std::nullopt;
          }
          return std::string(reader.field(*column));
        },
        reader.row_span());
  }
  if (errors.empty()) {
    requests.finish(out);
  }
}

}  // namespace penstock::calibrate
