#include <doctest/doctest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/command.h"
#include "tests/support/shared.h"
#include "tools/explore/average.h"
#include "tools/explore/journal.h"
#include "tools/explore/pareto.h"
#include "tools/explore/statistics.h"
#include "tools/output/files.h"
#include "tools/output/sweep_output.h"

namespace penstock::explore {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

const Identity identity{{"workload file", std::string(64, 'a')}, {"--runs", "1"}};

Record record(std::size_t point) {
  Record r;
  r.point = point;
  r.summary = R"({"x":)" + std::to_string(point) + R"(,"y":[1.5,"a"]})";
  r.inputs = {{"trace.csv", "00ff"}};
  return r;
}

std::vector<std::size_t> points_of(Journal& journal) {
  std::vector<std::size_t> points;
  for (const Record& r : journal.take_records()) {
    points.push_back(r.point);
  }
  return points;
}

}  // namespace

TEST_CASE("intervals use the quantiles of Student's t") {
  // As printed in the usual tables of Student's t.
  for (const auto& known : {std::pair{1, 12.7062},
                            {2, 4.30265},
                            {5, 2.57058},
                            {10, 2.22814},
                            {30, 2.04227},
                            {31, 2.03951},
                            {40, 2.02108},
                            {60, 2.00030},
                            {120, 1.97993},
                            {100000, 1.95998}}) {
    CAPTURE(known.first);
    CHECK(student_t_975(known.first) == doctest::Approx(known.second).epsilon(3e-6));
  }
  CHECK(student_t_975(31) < student_t_975(30));
  const std::array values{1.0, 2.0, 3.0, 4.0};
  const Estimate e = estimate(values);
  CHECK(e.mean == 2.5);
  CHECK(e.half_width == doctest::Approx(3.182446 * 1.2909944 / 2).epsilon(1e-6));
  CHECK(estimate(std::array{7.0}).half_width == 0);
  CHECK(estimate(std::array{7.0, 7.0, 7.0}).half_width == 0);
}

TEST_CASE("the Pareto front holds what nothing beats") {
  using Points = std::vector<std::optional<Tradeoff>>;
  const auto front = [](const Points& points) { return pareto_front(points); };
  using Front = std::vector<std::size_t>;
  CHECK(front({Tradeoff{1, 9}, Tradeoff{2, 5}, Tradeoff{3, 6}, Tradeoff{4, 1}}) == Front{0, 1, 3});
  CHECK(front({Tradeoff{1, 1}, Tradeoff{1, 1}, Tradeoff{1, 2}, Tradeoff{2, 1}}) == Front{0, 1});
  CHECK(front({std::nullopt, Tradeoff{5, 5}}) == Front{1});
  CHECK(front({}).empty());
}

TEST_CASE("runs of a point become means with intervals") {
  const std::array<std::string, 2> runs{
      R"({"a":{"n":1,"same":"s","other":"x"},"met":true,"none":null,"list":[{"v":1}],)"
      R"("reasons":{"none":"why"},"warnings":["w"]})",
      R"({"a":{"n":3,"same":"s","other":"y"},"met":false,"none":null,"list":[{"v":2}],)"
      R"("reasons":{},"warnings":["w","z"]})"};
  const Average average = average_of(runs);
  const Json json = Json::parse(average.summary);
  CHECK(json["a"]["n"] == 2.0);
  CHECK(json["a"]["same"] == "s");
  CHECK(json["a"]["other"].is_null());
  CHECK(json["met"] == false);
  CHECK(json["list"][0]["v"] == 1.5);
  CHECK(json["reasons"]["none"] == "why");
  CHECK(json["reasons"].contains("a.other"));
  CHECK(json["warnings"].size() == 2);
  CHECK(
      Json::parse(average.ci95) ==
      Json::parse(R"({"a":{"n":)" + Json(estimate(std::array{1.0, 3.0}).half_width).dump() + "}}"));
}

TEST_CASE("a record comes back from its line, a damaged line does not") {
  Record r = record(3);
  r.run = 2;
  const std::string line = to_line(r);
  const auto back = record_of_line(line);
  REQUIRE(back.has_value());
  CHECK(back->point == 3);
  CHECK(back->run == 2);
  CHECK(back->summary == r.summary);
  CHECK(back->inputs == r.inputs);
  CHECK(to_line(*back) == line);
  r.status = PointStatus::infeasible;
  r.reason = "\"no\"\n";
  CHECK(record_of_line(to_line(r))->reason == r.reason);
  for (std::size_t i = 0; i < line.size(); ++i) {
    std::string damaged = line;
    damaged[i] = damaged[i] == '7' ? '8' : '7';
    CHECK_FALSE(record_of_line(damaged).has_value());
    CHECK_FALSE(record_of_line(line.substr(0, i)).has_value());
  }
}

TEST_CASE("a journal goes on after a torn line, wherever it was torn") {
  const test::TemporaryFolder folder;
  const fs::path target = folder.path() / "out";
  const fs::path file = target / Journal::file_name;
  {
    Journal journal(target, identity, Journal::Mode::fresh);
    journal.append(record(1));
    journal.append(record(0));
  }
  const std::string whole = test::read_file(file);
  const std::array<Record, 2> both{record(1), record(0)};
  CHECK(whole == journal_text(identity, both));
  for (std::size_t size = 0; size <= whole.size(); size += 7) {
    CAPTURE(size);
    std::ofstream(file, std::ios::trunc | std::ios::binary) << whole.substr(0, size);
    std::vector<std::size_t> points;
    {
      Journal journal(target, identity, Journal::Mode::resume);
      CHECK(journal.damaged() == 0);
      points = points_of(journal);
      for (std::size_t next = points.size(); next < 2; ++next) {
        journal.append(both[next]);
      }
    }
    CHECK(test::read_file(file) == whole);
  }
}

TEST_CASE("a journal knows its sweep, its lines and its owner") {
  const test::TemporaryFolder folder;
  const fs::path target = folder.path() / "out";
  const fs::path file = target / Journal::file_name;
  {
    Journal journal(target, identity, Journal::Mode::fresh);
    journal.append(record(0));
    journal.append(record(1));
    CHECK_THROWS_AS(Journal(target, identity, Journal::Mode::resume), output::IoError);
  }
  CHECK_THROWS_AS(Journal(target, identity, Journal::Mode::fresh), output::IoError);
  const Identity other{{"workload file", std::string(64, 'b')}, {"--runs", "5"}};
  std::string message;
  try {
    const Journal journal(target, other, Journal::Mode::resume);
  } catch (const OtherSweep& error) {
    message = error.what();
  }
  CHECK(message.find("the workload file has changed; --runs was `1`, now `5`") !=
        std::string::npos);
  std::string text = test::read_file(file);
  text[text.find("\"point\":0") + 8] = '9';
  std::ofstream(file, std::ios::trunc | std::ios::binary) << text;
  fs::create_directory(target / ".penstock-abcdef");
  {
    Journal journal(target, identity, Journal::Mode::resume);
    CHECK(journal.damaged() == 1);
    CHECK(points_of(journal) == std::vector<std::size_t>{1});
    CHECK_FALSE(fs::exists(target / ".penstock-abcdef"));
  }
  {
    Journal journal(target, other, Journal::Mode::replace);
    CHECK(points_of(journal).empty());
  }
  std::ofstream(file, std::ios::trunc) << "something else";
  CHECK_THROWS_AS(Journal(target, identity, Journal::Mode::resume), output::IoError);
  CHECK(test::read_file(file) == "something else");
}

TEST_CASE("varied keys get the shortest names that tell them apart") {
  using Names = std::vector<std::string>;
  CHECK(output::short_names({"engine.max_num_seqs", "cluster.replicas"}) ==
        Names{"max_num_seqs", "replicas"});
  CHECK(output::short_names({"workload.classes[0].rate", "workload.classes[1].rate", "seed"}) ==
        Names{"classes[0].rate", "classes[1].rate", "seed"});
}

}  // namespace penstock::explore
