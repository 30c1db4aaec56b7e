#include <doctest/doctest.h>

#include <array>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "sim/cost/bill.h"
#include "tests/support/command.h"
#include "tests/support/document.h"
#include "tests/support/engine_probe.h"
#include "tests/support/shared.h"

/// docs/cost-worked-example.md: every figure of its tables is what the program says.
namespace penstock {
namespace {

using Json = nlohmann::ordered_json;
using test::number_in;
using test::page_table;
using test::PageTable;
using test::shows;

std::string worked_example() { return test::read_page("docs/cost-worked-example.md"); }

/// Rows of a CSV file without quotes.
std::vector<std::vector<std::string>> csv_rows(const std::filesystem::path& path) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream in(test::read_file(path));
  for (std::string line; std::getline(in, line);) {
    std::vector<std::string>& row = rows.emplace_back();
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) {
      row.push_back(cell);
    }
  }
  return rows;
}

/// The page's workload, run with each rule in the lead.
class ThreeRequests {
 public:
  ThreeRequests() {
    const std::string page = worked_example();
    std::ofstream(folder_.path() / "three.yaml") << test::fenced_block(page, "yaml");
    std::ofstream(folder_.path() / "three.csv") << test::fenced_block(page, "csv");
  }
  /// The folder of results.
  std::filesystem::path run(const std::string& rule) const {
    const auto out = folder_.path() / rule;
    const test::CommandResult result =
        test::run_penstock({"run", (folder_.path() / "three.yaml").string(), "--quiet", "-o",
                            out.string(), "--set", "cost.rule=" + rule});
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    return out;
  }

 private:
  test::TemporaryFolder folder_;
};

double column_sum(const PageTable& table, const std::string& column) {
  double sum = 0;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    sum += number_in(table.at(row, column));
  }
  return sum;
}

/// Dollars of ledger.csv under a rule, by token type; idle under "".
std::map<std::string, double> ledger_of(const std::filesystem::path& folder,
                                        const std::string& rule) {
  std::map<std::string, double> sums;
  for (const std::vector<std::string>& row : csv_rows(folder / "ledger.csv")) {
    if (row.at(3) == rule) {
      sums[row[1]] += std::stod(row.at(4));
    }
  }
  return sums;
}

/// Weights of 1 s a step and 10 ms a token of KV; 1,000 FLOP units a token, 500 a row, 10 a pair.
class ReadingModel final : public StepModel {
 public:
  StepCost cost(const StepLoad& load) override { return linear_->cost(load); }
  PeakTimes peak_times() const override {
    return {.token_flop = 1000, .row_flop = 500, .pair_flop = 10};
  }

 private:
  DecodeCost make_decode(std::int64_t n) override { return linear_->decode(n); }

  std::unique_ptr<StepModel> linear_ =
      probe::make_linear_model({.base = ps_per_s, .per_token = 0, .per_kv = ps_per_s / 100});
};

struct RunWithReads {
  Scenario scenario;
  Result result;
  TokenLog log;
};

RunWithReads run_with_reads() {
  RunWithReads run;
  run.scenario = probe::scenario({});
  run.scenario.prices.gpu_per_hour = 3600;
  probe::ListSource source(
      {probe::request(0, 32, 3), probe::request(0.5, 18, 3), probe::request(6, 50, 1)});
  SimulationOptions options;
  options.token_log = &run.log;
  options.make_model = [] { return std::make_unique<ReadingModel>(); };
  run.result = simulate(run.scenario, source, options);
  return run;
}

}  // namespace

TEST_CASE("worked example: steps, latencies and blocks are what a run says") {
  const std::string page = worked_example();
  const ThreeRequests three;
  const auto out = three.run("phase");
  const Json summary = Json::parse(test::read_file(out / "summary.json"));
  const PageTable steps = page_table(page, "step");
  CHECK(summary["utilization"]["steps"] == steps.rows.size());
  std::map<std::string, double> phase = ledger_of(out, "phase");
  CHECK(column_sum(steps, "input pays s") == doctest::Approx(phase["input"]));
  CHECK(column_sum(steps, "output pays s") == doctest::Approx(phase["output"]));

  const PageTable requests = page_table(page, "request");
  const auto rows = csv_rows(out / "requests.csv");
  REQUIRE(rows.size() == requests.rows.size() + 1);
  const double loaded = summary["cost"]["total"].get<double>() / (phase["input"] + phase["output"]);
  for (std::size_t r = 0; r < requests.rows.size(); ++r) {
    CHECK(shows(requests.at(r, "first token s"), std::stod(rows[r + 1].at(5))));
    CHECK(shows(requests.at(r, "finish s"), std::stod(rows[r + 1].at(6))));
    CHECK(shows(requests.at(r, "cost $"), std::stod(rows[r + 1].at(12))));
    CHECK(shows(requests.at(r, "busy s"), std::stod(rows[r + 1].at(12)) / loaded));
    for (const char* end : {"first token s", "finish s"}) {
      bool ends_a_step = false;
      for (std::size_t s = 0; s < steps.rows.size(); ++s) {
        ends_a_step = ends_a_step || steps.at(s, "to s") == requests.at(r, end);
      }
      CHECK(ends_a_step);
    }
  }
}

TEST_CASE("worked example: five rules split one bill") {
  const std::string page = worked_example();
  const ThreeRequests three;
  const PageTable rules = page_table(page, "rule");
  const PageTable shares = page_table(page, "rule of requests");
  REQUIRE(rules.rows.size() == shares.rows.size());
  for (std::size_t r = 0; r < rules.rows.size(); ++r) {
    const std::string& rule = rules.at(r, "rule");
    CAPTURE(rule);
    REQUIRE(shares.at(r, "rule of requests") == rule);
    const auto out = three.run(rule);
    std::map<std::string, double> ledger = ledger_of(out, rule);
    CHECK(shows(rules.at(r, "input busy $"), ledger["input"]));
    CHECK(shows(rules.at(r, "output busy $"), ledger["output"]));
    CHECK(shows(rules.at(r, "idle $"), ledger[""]));
    const Json summary = Json::parse(test::read_file(out / "summary.json"));
    const Json prices = summary["cost"]["rules"][rule];
    const double input = prices["input"].get<double>() / 1e6;
    const double output = prices["output"].get<double>() / 1e6;
    CHECK(shows(rules.at(r, "input $ a token"), input));
    CHECK(shows(rules.at(r, "output $ a token"), output));
    CHECK((input > 0 ? shows(rules.at(r, "output : input"), output / input)
                     : rules.at(r, "output : input") == "-"));
    const auto requests = csv_rows(out / "requests.csv");
    for (std::size_t id = 0; id < 3; ++id) {
      CHECK(shows(shares.at(r, "request " + std::to_string(id)),
                  std::stod(requests.at(id + 1).at(12))));
    }
  }
}

TEST_CASE("worked example: blocks held are what rule occupancy charges by") {
  const std::string page = worked_example();
  Scenario scenario = probe::scenario({});
  scenario.prices.rule = CostRule::occupancy;
  probe::ListSource source(
      {probe::request(0, 32, 3), probe::request(0.5, 18, 3), probe::request(6, 50, 1)});
  SimulationOptions options;
  options.make_model = [] { return probe::make_linear_model({}); };
  const Result result = simulate(scenario, source, options);
  // The second table of requests: block-seconds.
  const PageTable blocks = page_table(page.substr(page.find("## Rule occupancy")), "request");
  for (std::size_t id = 0; id < 3; ++id) {
    CHECK(shows(blocks.at(id, "blocks × s"),
                static_cast<double>(result.ledger.block_ps.at(id)) / ps_per_s));
  }
  const LedgerTotals::ClassAccounts& all = result.ledger.classes.front();
  CHECK(column_sum(blocks, "of the prompt") * ps_per_s == static_cast<double>(all.input_block_ps));
  CHECK(column_sum(blocks, "of the output") * ps_per_s == static_cast<double>(all.output_block_ps));
}

TEST_CASE("worked example: reads and FLOP by hand") {
  const std::string page = worked_example();
  const RunWithReads run = run_with_reads();
  const PageTable steps = page_table(page, "step of reads");
  REQUIRE(run.log.step_ends.size() == steps.rows.size() + 1);  // steps count from 1
  for (std::size_t s = 0; s < steps.rows.size(); ++s) {
    CHECK(shows(steps.at(s, "to s"), static_cast<double>(run.log.step_ends[s + 1].ps) / ps_per_s));
    const double reads =
        number_in(steps.at(s, "reads by prefill")) + number_in(steps.at(s, "reads by decode"));
    const double lasts = number_in(steps.at(s, "to s")) - number_in(steps.at(s, "from s"));
    CHECK(lasts == doctest::Approx(1 + reads / 100));
  }
  const PageTable causes = page_table(page, "cause");
  const PageTable rules = page_table(page, "rule with reads");
  std::map<std::string, std::map<std::string, double>> amounts;  // by "rule: token", cause
  std::map<std::string, double> busy;
  for (const LedgerRow& row : make_bill(run.scenario, run.result).ledger) {
    if (!row.token.empty()) {
      amounts[row.rule + ": " + row.token + " s"][row.cause] += static_cast<double>(row.nano) / 1e9;
      busy[row.rule + row.token] += static_cast<double>(row.nano) / 1e9;
    }
  }
  for (std::size_t c = 0; c < causes.rows.size(); ++c) {
    for (std::size_t column = 1; column < causes.head.size(); ++column) {
      CAPTURE(causes.head[column]);
      CHECK(shows(causes.rows[c].at(column), amounts[causes.head[column]][causes.at(c, "cause")]));
    }
  }
  for (std::size_t r = 0; r < rules.rows.size(); ++r) {
    const std::string& rule = rules.at(r, "rule with reads");
    CHECK(shows(rules.at(r, "input busy $"), busy[rule + "input"]));
    CHECK(shows(rules.at(r, "output busy $"), busy[rule + "output"]));
    CHECK(shows(rules.at(r, "output : input"),
                busy[rule + "output"] / 7 / (busy[rule + "input"] / 100)));
  }
  const PageTable work = page_table(page, "work");
  for (std::size_t w = 0; w < work.rows.size(); ++w) {
    CHECK(number_in(work.at(w, "units")) == 1000 * number_in(work.at(w, "tokens")) +
                                                500 * number_in(work.at(w, "sampled")) +
                                                10 * number_in(work.at(w, "pairs")));
  }
  const double units = column_sum(work, "units");
  CHECK(busy["flopsinput"] == doctest::Approx(7.06 * number_in(work.at(0, "units")) / units));
}

}  // namespace penstock
