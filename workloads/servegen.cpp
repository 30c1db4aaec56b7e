#include "workloads/servegen.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

#include "sim/core/math.h"
#include "sim/core/rng.h"
#include "workloads/gaps.h"
#include "workloads/servegen_files.h"
#include "workloads/special.h"

namespace penstock {
namespace {

constexpr std::int64_t window_s = 600;

/// A gap of mean 1.
double draw_gap(const ServeGenWindow& window, Rng& rng) {
  if (!window.is_weibull) {
    return draw_gamma(window.shape, rng) / window.shape;
  }
  const double unit = math::pow(rng.exponential(1), 1 / window.shape);
  return unit / math::exp(log_gamma(1 + 1 / window.shape));
}

/// One client's requests, one after the other.
class ServeGenProcess {
 public:
  ServeGenProcess(ServeGenClient client, std::uint64_t seed, std::int64_t start_s)
      : client_(std::move(client)),
        arrivals_(seed, fmt::format("servegen/{}", client_.number)),
        inputs_(seed, fmt::format("servegen/{}/input", client_.number)),
        outputs_(seed, fmt::format("servegen/{}/output", client_.number)),
        now_s_(static_cast<double>(start_s)) {
    while (window_ < client_.windows.size() &&
           client_.windows[window_].start_s + window_s <= start_s) {
      ++window_;
    }
  }

  /// Goes on to the next request; false if the windows end before it.
  bool advance() {
    double gap = -1;  // in gaps of mean 1; below 0: not drawn yet
    for (; window_ < client_.windows.size(); ++window_) {
      const ServeGenWindow& window = client_.windows[window_];
      const auto start = static_cast<double>(window.start_s);
      now_s_ = std::max(now_s_, start);
      if (window.rate <= 0) {
        continue;
      }
      gap = gap < 0 ? draw_gap(window, arrivals_) : gap;
      const double room = (start + window_s - now_s_) * window.rate;
      if (gap < room) {
        now_s_ += gap / window.rate;
        return true;
      }
      gap -= room;
    }
    return false;
  }

  double now_s() const { return now_s_; }

  void draw_lengths(TraceRow& row) {
    auto mix = client_.lengths.upper_bound(static_cast<std::int64_t>(now_s_));
    mix = mix == client_.lengths.begin() ? mix : std::prev(mix);
    const double input = inputs_.uniform();
    const double output = outputs_.uniform();
    row.input_tokens = mix->second.input.at(input);
    row.output_tokens = mix->second.output.at(output);
  }

 private:
  ServeGenClient client_;
  Rng arrivals_;
  Rng inputs_;
  Rng outputs_;
  std::size_t window_ = 0;
  double now_s_;
};

class ServeGenReader final : public TraceReader {
 public:
  ServeGenReader(const TraceOptions::Draw& draw, std::vector<std::string> notes)
      : left_(draw.requests), notes_(std::move(notes)) {
    const bool is_bounded = draw.duration < SimTime::never();
    end_s_ = is_bounded ? (draw.start + draw.duration).seconds() : 1e18;
  }

  void add(ServeGenProcess process) {
    processes_.push_back(std::move(process));
    push(processes_.size() - 1);
  }

  bool failed() const override { return false; }
  std::vector<std::string> notes() const override { return notes_; }

 private:
  using Due = std::pair<double, std::size_t>;

  Outcome read(TraceRow& row) override {
    if (left_ == 0 || due_.empty()) {
      return Outcome::end;
    }
    const auto [at_s, client] = due_.top();
    due_.pop();
    first_s_ = first_s_.value_or(at_s);
    row.has_time = true;
    row.time = SimTime{std::llround((at_s - *first_s_) * 1e6) * 1'000'000};  // whole microseconds
    processes_[client].draw_lengths(row);
    left_ -= row.input_tokens > 0 && row.output_tokens > 0 ? 1 : 0;
    push(client);
    return Outcome::row;
  }

  void push(std::size_t client) {
    if (processes_[client].advance() && processes_[client].now_s() < end_s_) {
      due_.emplace(processes_[client].now_s(), client);
    }
  }

  std::vector<ServeGenProcess> processes_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::uint64_t left_;
  double end_s_ = 0;
  std::optional<double> first_s_;
  std::vector<std::string> notes_;
};

double requests_of(const ServeGenClient& client) {
  double sum = 0;
  for (const ServeGenWindow& window : client.windows) {
    sum += window.rate * window_s;
  }
  return sum;
}

}  // namespace

std::unique_ptr<TraceReader> open_servegen(const std::string& folder, const TraceOptions& options,
                                           ErrorLog& errors) {
  const std::vector<std::int64_t> numbers = servegen_clients(folder);
  if (numbers.empty()) {
    errors.add(Diagnostic::Kind::input,
               "the trace is a folder without a file such as chunk-0-trace.csv",
               {"a folder is read as ServeGen's clients: chunk-N-trace.csv, chunk-N-dataset.json"});
    return nullptr;
  }
  const auto start_s = static_cast<std::int64_t>(options.draw.start.seconds());
  const bool is_bounded = options.draw.duration < SimTime::never();
  const std::int64_t end_s =
      is_bounded
          ? static_cast<std::int64_t>((options.draw.start + options.draw.duration).seconds()) + 1
          : INT64_MAX;
  std::vector<ServeGenProcess> processes;
  std::size_t without = 0;
  double all = 0;
  double left_out = 0;
  for (const std::int64_t number : numbers) {
    auto client = read_servegen_client(folder, number, start_s, end_s, errors);
    if (!client) {
      return nullptr;
    }
    const double requests = requests_of(*client);
    all += requests;
    if (client->lengths.empty()) {
      ++without;
      left_out += requests;
      continue;
    }
    processes.emplace_back(std::move(*client), options.draw.seed, start_s);
  }
  std::vector<std::string> notes{
      fmt::format("requests are drawn from {} clients, input and output independently",
                  grouped(processes.size()))};
  if (without > 0) {
    notes.push_back(
        fmt::format("{} client{} without lengths, with {:.1f} % of the requests, {} left "
                    "out",
                    grouped(without), without == 1 ? "" : "s", all > 0 ? 100 * left_out / all : 0,
                    without == 1 ? "is" : "are"));
  }
  auto reader = std::make_unique<ServeGenReader>(options.draw, std::move(notes));
  for (ServeGenProcess& process : processes) {
    reader->add(std::move(process));
  }
  return reader;
}

}  // namespace penstock
