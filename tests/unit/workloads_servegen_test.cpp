#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/command.h"
#include "tests/support/workload_text.h"
#include "workloads/replay.h"
#include "workloads/servegen_files.h"
#include "workloads/trace_scan.h"

/// ServeGen folders: clients that requests are drawn from.
namespace penstock {
namespace {

using Texts = std::vector<std::string>;

class Clients {
 public:
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_.path() / name) << text;
  }
  std::string path() const { return folder_.path().string(); }

  /// Two hours of a client that sends 5/s and rests every other 10 minutes; another at 1/s.
  void fill() const {
    std::string trace;
    for (int window = 0; window < 12; ++window) {
      trace += window % 2 == 0 ? fmt::format("{},5,1,Gamma,1,0.2\n", window * 600)
                               : fmt::format("{},0,0,,0,0\n", window * 600);
    }
    write("chunk-0-trace.csv", trace);
    write("chunk-0-dataset.json",
          R"({"0": {"input_tokens": "{}", "output_tokens": "{}"},
  "3600": {"input_tokens": "{100: 0.25, 300: 0.75}", "output_tokens": "{7: 1.0}"}})");
    write("chunk-7-trace.csv", "0,1,2,Weibull,0.6,1\n600,1,2,Weibull,0.6,1\n");
    write("chunk-7-dataset.json",
          R"({"0": {"input_tokens": "{50: 2, 60: 2}", "output_tokens": "{0: 1, 9: 3}"}})");
    write("chunk-9-trace.csv", "0,2,1,Gamma,1,0.5\n");
  }

 private:
  test::TemporaryFolder folder_;
};

struct Drawn {
  Texts errors;
  Texts notes;
  std::vector<std::int64_t> inputs;
  std::vector<double> times;
  std::uint64_t empty = 0;
};

Drawn draw(const std::string& folder, const TraceOptions::Draw& how = {}) {
  ErrorLog errors("folder");
  TraceOptions options;
  options.draw = how;
  Drawn drawn;
  const auto scan = scan_trace(TraceInput(folder), options, errors, [&drawn](const TraceRow& row) {
    drawn.inputs.push_back(row.input_tokens);
    drawn.times.push_back(row.time.seconds());
  });
  drawn.errors = test::brief(errors.diagnostics());
  if (scan) {
    drawn.notes = notes_on(*scan, errors);
    drawn.empty = scan->empty_rows;
  }
  return drawn;
}

}  // namespace

TEST_CASE("a ServeGen folder: rates by window, lengths from the latest window that has some") {
  const Clients clients;
  clients.fill();
  const Drawn all = draw(clients.path());
  CHECK(all.errors == Texts{});
  REQUIRE(all.notes.size() == 3);
  CHECK(all.notes[0] == "requests are drawn from 2 clients, input and output independently");
  // Client 9 would send 1,200 of 20,400.
  CHECK(all.notes[1] == "1 client without lengths, with 5.9 % of the requests, is left out");
  std::size_t of_first = 0;
  std::size_t long_ones = 0;
  double in_rests = 0;
  for (std::size_t i = 0; i < all.inputs.size(); ++i) {
    const bool is_first = all.inputs[i] >= 100;
    of_first += is_first ? 1 : 0;
    long_ones += all.inputs[i] == 300 ? 1 : 0;
    const bool rests = static_cast<int>((all.times[i] + 1) / 600) % 2 == 1;
    in_rests += is_first && rests && std::fmod(all.times[i] + 1, 600) > 2 ? 1 : 0;
    CHECK((i == 0 || all.times[i] >= all.times[i - 1]));
  }
  CHECK(in_rests == 0);
  CHECK(std::abs(static_cast<double>(of_first) - 18'000) < 4 * std::sqrt(18'000));
  CHECK(std::abs(static_cast<double>(long_ones) / static_cast<double>(of_first) - 0.75) < 0.015);
  // A quarter of client 7's answers are empty.
  const double seventh = static_cast<double>(all.inputs.size() - of_first + all.empty);
  CHECK(std::abs(seventh - 1200) < 8 * std::sqrt(1200));  // std over mean of its gaps: 1.8
  CHECK(std::abs(static_cast<double>(all.empty) / seventh - 0.25) < 0.06);
}

TEST_CASE("a ServeGen folder is drawn anew for a seed, within a window, up to a number") {
  const Clients clients;
  clients.fill();
  const TraceOptions::Draw hour{
      .seed = 1, .start = SimTime::from_seconds(1200), .duration = SimTime::from_seconds(900)};
  const Drawn one = draw(clients.path(), hour);
  CHECK(std::abs(static_cast<double>(one.inputs.size()) - 3000) < 4 * std::sqrt(3000));
  CHECK(one.times.back() < 900);
  CHECK(draw(clients.path(), hour).inputs == one.inputs);
  TraceOptions::Draw other = hour;
  other.seed = 2;
  CHECK(draw(clients.path(), other).inputs != one.inputs);
  other = hour;
  other.requests = 50;
  CHECK(draw(clients.path(), other).inputs ==
        std::vector(one.inputs.begin(), one.inputs.begin() + 50));
  // As a workload's trace: the window is not cut a second time.
  TraceSpec spec;
  spec.start = hour.start;
  spec.duration = hour.duration;
  ErrorLog errors("folder");
  std::vector<std::string> notes;
  CHECK(load_replay(spec, 1, TraceInput(clients.path()), errors, notes).requests ==
        one.inputs.size());
}

TEST_CASE("what is wrong with a ServeGen folder is said by file and line") {
  const Clients clients;
  CHECK(draw(clients.path()).errors ==
        Texts{"folder: the trace is a folder without a file such as chunk-0-trace.csv"});
  clients.fill();
  const auto error = [&clients](const std::string& name, const std::string& text) {
    clients.write(name, text);
    const Texts errors = draw(clients.path()).errors;
    return errors.empty() ? std::string("none") : errors[0];
  };
  CHECK(error("chunk-7-dataset.json", "{\"0\": {\"input_tokens\": \"{5: x}\"}}") ==
        "folder: chunk-7-dataset.json: the window 0 has no `input_tokens` and `output_tokens` such "
        "as \"{12: 0.25, 90: 0.75}\"");
  CHECK(error("chunk-7-dataset.json", "[]") ==
        "folder: chunk-7-dataset.json: cannot be read: no JSON object");
  CHECK(error("chunk-0-trace.csv", "0,1,1,Gamma,1,1\n600,1,1,Pareto,1,1\n") ==
        "folder: chunk-0-trace.csv, line 2: the pattern must be Gamma or Weibull");
  CHECK(
      error("chunk-0-trace.csv", "0,1,1,Gamma,nan,1\n") ==
      "folder: chunk-0-trace.csv, line 1: the shape must be a number from 0.01 (Weibull: 0.05) to "
      "1,000,000");
  CHECK(error("chunk-0-trace.csv", "600,1,1,Gamma,1,1\n0,1,1,Gamma,1,1\n") ==
        "folder: chunk-0-trace.csv, line 2: the windows must be in order of time");
  CHECK(error("chunk-0-trace.csv", "600,1\n") ==
        "folder: chunk-0-trace.csv, line 1: a row has 6 fields: time, rate, cv, pattern, shape, "
        "scale");
}

TEST_CASE("ServeGen's lengths are Python dicts, of any weight") {
  const auto lengths = parse_servegen_lengths("{12: 3, 5: 1e0}");
  REQUIRE(lengths);
  CHECK(lengths->at(0.2) == 5);
  CHECK(lengths->at(0.3) == 12);
  CHECK(lengths->at(0.999999) == 12);
  for (const char* text : {"", "{}", "{5}", "{5: 1", "{5: 1} ", "{-5: 1}", "{5: -1}", "{5: 0}"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_servegen_lengths(text));
  }
}

}  // namespace penstock
