#include "workloads/servegen_files.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "workloads/csv.h"
#include "workloads/json_array.h"
#include "workloads/json_lines.h"
#include "workloads/limits.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_dataset_bytes = std::size_t{1} << 28;
constexpr std::string_view name_begin = "chunk-";
constexpr std::string_view name_end = "-trace.csv";

/// The whole text as a number of this kind; nothing if it is none.
template <typename Number>
std::optional<Number> number_in(std::string_view text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end ? std::optional(value) : std::nullopt;
}

/// Logs an error in a file of the folder.
void report(const std::string& file, long line, const std::string& message, ErrorLog& errors) {
  const std::string at = line > 0 ? file + ", line " + std::to_string(line) : file;
  errors.add(Diagnostic::Kind::input, at + ": " + message);
}

/// Takes a row `t,rate,cv,pattern,shape,scale`; null, or what is wrong with it.
const char* take_window(const CsvReader& csv, std::vector<ServeGenWindow>& windows) {
  if (!csv.problem().empty() || csv.size() != 6) {
    return "a row has 6 fields: time, rate, cv, pattern, shape, scale";
  }
  const auto start = number_in<double>(csv.field(0));
  const auto rate = number_in<double>(csv.field(1));
  if (!start || *start < 0 || *start > 1e9 || !rate || !(*rate >= 0 && *rate <= max_rate_per_s)) {
    return "the time and the rate must be numbers from 0 on";
  }
  ServeGenWindow window{.start_s = static_cast<std::int64_t>(*start), .rate = *rate};
  if (!windows.empty() && window.start_s <= windows.back().start_s) {
    return "the windows must be in order of time";
  }
  if (*rate > 0) {
    const auto shape = number_in<double>(csv.field(4));
    window.is_weibull = csv.field(3) == "Weibull";
    if (!window.is_weibull && csv.field(3) != "Gamma") {
      return "the pattern must be Gamma or Weibull";
    }
    if (!shape || !(*shape >= 0.01 && *shape <= 1e6) || (window.is_weibull && *shape < 0.05)) {
      return "the shape must be a number from 0.01 (Weibull: 0.05) to 1,000,000";
    }
    window.shape = *shape;
  }
  windows.push_back(window);
  return nullptr;
}

bool read_windows(const fs::path& path, ServeGenClient& client, ErrorLog& errors) {
  const std::string file = path.filename().string();
  CsvReader csv{LineReader(open_file(path.string()))};
  while (csv.next()) {
    if (const char* problem = take_window(csv, client.windows)) {
      report(file, csv.lines().number(), problem, errors);
      return false;
    }
  }
  if (!csv.lines().read_failure().empty() || csv.lines().line_too_long()) {
    report(file, 0, "cannot be read: " + csv.lines().read_failure(), errors);
    return false;
  }
  return true;
}

/// The windows of lengths that have some, as texts: (start, object).
using Windows = std::vector<std::pair<std::int64_t, JsonMember>>;

/// True if a window of a dataset is not empty: some colon has a number before it.
bool has_counts(std::string_view text) {
  std::size_t colon = text.find(':');
  while (colon != std::string_view::npos && (text[colon - 1] < '0' || text[colon - 1] > '9')) {
    colon = text.find(':', colon + 1);
  }
  return colon != std::string_view::npos;
}

/// Those that [from, to) needs.
void keep_needed(Windows& all, std::int64_t from_s, std::int64_t to_s) {
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const auto after = [&all](std::int64_t s) {
    return std::find_if(all.begin(), all.end(), [s](const auto& one) { return one.first > s; });
  };
  auto first = after(from_s);
  auto last = after(to_s - 1);
  first -= first == all.begin() ? 0 : 1;
  last += first == last && last != all.end() ? 1 : 0;
  all = Windows(first, last);
}

const JsonMember* member_of(const std::vector<JsonMember>& members, std::string_view key) {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [key](const JsonMember& one) { return one.key == key; });
  return found == members.end() ? nullptr : &*found;
}

bool read_lengths(const fs::path& path, std::int64_t from_s, std::int64_t to_s,
                  ServeGenClient& client, ErrorLog& errors) {
  const std::string file = path.filename().string();
  JsonLines json(
      LineReader(std::make_unique<JsonArrayLines>(LineReader(open_file(path.string())),
                                                  std::make_shared<JsonArrayLines::Beginnings>()),
                 most_dataset_bytes));
  if (!json.next() || !json.problem().empty()) {
    report(file, 0, "cannot be read: no JSON object", errors);
    return false;
  }
  Windows windows;
  for (const JsonMember& member : json.members()) {
    const auto start = number_in<std::int64_t>(member.key);
    if (!start || member.kind != JsonMember::Kind::object) {
      report(file, 0, "the keys must be the starts of windows, in seconds", errors);
      return false;
    }
    if (has_counts(member.text)) {
      windows.emplace_back(*start, member);
    }
  }
  keep_needed(windows, from_s, to_s);
  for (const auto& [start, member] : windows) {
    std::vector<JsonMember> fields;
    const bool is_object = json.open(member, fields);
    const JsonMember* const input = member_of(fields, "input_tokens");
    const JsonMember* const output = member_of(fields, "output_tokens");
    auto inputs = input ? parse_servegen_lengths(input->text) : std::nullopt;
    auto outputs = output ? parse_servegen_lengths(output->text) : std::nullopt;
    if (!is_object || !inputs || !outputs) {
      report(file, 0,
             "the window " + std::to_string(start) +
                 " has no `input_tokens` and `output_tokens` such as \"{12: 0.25, 90: 0.75}\"",
             errors);
      return false;
    }
    client.lengths[start] = {std::move(*inputs), std::move(*outputs)};
  }
  return true;
}

}  // namespace

std::int64_t ServeGenLengths::at(double p) const {
  const auto found = std::upper_bound(up_to.begin(), up_to.end(), p);
  return tokens[static_cast<std::size_t>(std::min(found - up_to.begin(), std::ssize(up_to) - 1))];
}

std::vector<std::int64_t> servegen_clients(const std::string& folder) {
  std::vector<std::int64_t> numbers;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(name_begin) && name.ends_with(name_end) &&
        name.size() > name_begin.size() + name_end.size()) {
      const auto number = number_in<std::int64_t>(std::string_view(name).substr(
          name_begin.size(), name.size() - name_begin.size() - name_end.size()));
      if (number && *number >= 0) {
        numbers.push_back(*number);
      }
    }
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::optional<ServeGenClient> read_servegen_client(const std::string& folder, std::int64_t number,
                                                   std::int64_t from_s, std::int64_t to_s,
                                                   ErrorLog& errors) {
  const std::string name = std::string(name_begin) + std::to_string(number);
  const fs::path dataset = fs::path(folder) / (name + "-dataset.json");
  ServeGenClient client{.number = number, .windows = {}, .lengths = {}};
  std::error_code error;
  const bool has_lengths = fs::exists(dataset, error);
  if (!read_windows(fs::path(folder) / (name + std::string(name_end)), client, errors) ||
      (has_lengths && !read_lengths(dataset, from_s, to_s, client, errors))) {
    return std::nullopt;
  }
  return client;
}

std::optional<ServeGenLengths> parse_servegen_lengths(std::string_view text) {
  ServeGenLengths lengths;
  std::vector<std::pair<std::int64_t, double>> weights;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto take = [&at, end](char wanted) {
    while (at != end && *at == ' ') {
      ++at;
    }
    const bool is_there = at != end && *at == wanted;
    at += is_there ? 1 : 0;
    return is_there;
  };
  bool is_good = take('{');
  while (is_good && !take('}')) {
    std::int64_t tokens = 0;
    double weight = 0;
    take(' ');
    const auto count = std::from_chars(at, end, tokens);
    at = count.ptr;
    is_good = count.ec == std::errc{} && tokens >= 0 && tokens <= max_request_tokens && take(':');
    take(' ');
    const auto share = std::from_chars(at, end, weight);
    at = share.ptr;
    is_good = is_good && share.ec == std::errc{} && weight >= 0 && weight <= 1e12;
    weights.emplace_back(tokens, weight);
    if (!take(',')) {
      is_good = is_good && take('}');
      break;
    }
  }
  std::sort(weights.begin(), weights.end());
  double sum = 0;
  for (const auto& [tokens, weight] : weights) {
    sum += weight;
  }
  if (!is_good || at != end || !(sum > 0)) {
    return std::nullopt;
  }
  double so_far = 0;
  for (const auto& [tokens, weight] : weights) {
    so_far += weight;
    lengths.tokens.push_back(tokens);
    lengths.up_to.push_back(so_far / sum);
  }
  lengths.up_to.back() = 1;
  return lengths;
}

}  // namespace penstock
