#include "tools/output/cost_tree.h"

#include <doctest/doctest.h>

#include <sstream>

#include "tests/support/document.h"
#include "tests/support/sample_run.h"
#include "tools/output/table.h"
#include "tools/output/text.h"

namespace penstock::output {
namespace {

using test::number_in;
using test::SampleRun;

/// A run printed; keeps what RunOutput refers to.
struct PricedRun {
  explicit PricedRun(SampleRun made)
      : run(std::move(made)), summary(summarize(run.scenario, run.result)) {}
  RunOutput output() const {
    RunOutput out{run.scenario, run.result, summary, {}, "{}", "", {}, {}, 0};
    out.cost_tree = true;
    return out;
  }
  SampleRun run;
  Summary summary;
};

std::size_t line_width(const std::string& screen, const std::string& start) {
  std::istringstream in(screen);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(start)) {
      return columns(line);
    }
  }
  FAIL("no line ", start);
  return 0;
}

}  // namespace

TEST_CASE("the bill as a tree: leaves sum to branches and branches to the bill, idle spread") {
  const PricedRun priced(test::sample_run());
  const std::vector<CostTreeRow> rows = cost_tree_rows(priced.output());
  CHECK(cost_tree_head(priced.output()) ==
        std::vector<std::string>{"GPU-h", "× $3.60", "$/M", "share"});
  CHECK(cost_tree_basis(priced.output()) == "rule phase; $3.60 per GPU-hour: given in the file");
  REQUIRE(rows.front().name == "bill");
  CHECK(rows.front().values.at(1) == "$0.02");
  double types = 0;
  double leaves = 0;
  double idle = 0;
  for (const CostTreeRow& row : rows) {
    types += row.depth == 1 ? number_in(row.values.at(1)) : 0;
    leaves += row.depth == 2 ? number_in(row.values.at(1)) : 0;
    idle += row.name == "idle" ? number_in(row.values.at(1)) : 0;
  }
  CHECK(types == doctest::Approx(0.02).epsilon(0.01));  // three digits are shown
  CHECK(leaves == doctest::Approx(0.02).epsilon(0.01));
  CHECK(idle == doctest::Approx(0.004).epsilon(0.01));
  // 3.25 of 7.5 busy seconds are input: $0.02 × 3.25 / 7.5, 2 GPUs × 10 s × 3.25 / 7.5.
  CHECK(rows.at(1).name == "input");
  CHECK(rows.at(1).values.at(1) == "$0.00867");
  CHECK(number_in(rows.at(1).values.at(0)) ==
        doctest::Approx(20.0 / 3600 * 3.25 / 7.5).epsilon(0.01));
}

TEST_CASE("accounts carry their GPU time, which sums to all of it") {
  const PricedRun priced(test::sample_run());
  double hours = 0;
  for (const BillAccount& account : priced.summary.bill.accounts) {
    const double of_this = account_gpu_hours(priced.output(), account);
    CHECK(of_this * 3.60 == doctest::Approx(static_cast<double>(account.nano) / 1e9).epsilon(1e-6));
    hours += of_this;
  }
  CHECK(hours == doctest::Approx(priced.summary.bill.gpu_hours));
}

TEST_CASE("where no token pays the tree has one branch, with all of the time") {
  SampleRun run = test::sample_run();
  run.result.ledger.classes.assign(2, {});
  run.result.ledger.idle = run.result.ledger.wall;
  run.result.requests.clear();
  const std::vector<CostTreeRow> rows = cost_tree_rows(PricedRun(std::move(run)).output());
  REQUIRE(rows.size() == 3);
  CHECK(rows[1].name == "no token");
  CHECK(rows[2].name == "idle");
  CHECK(rows[2].values == std::vector<std::string>{"0.00556", "$0.02", "-", "100 %"});
}

TEST_CASE("names of wide characters keep the columns of the table") {
  CHECK(columns("\xe6\x97\xa5\xe6\x9c\xac") == 4);
  CHECK(pad_left("\xe8\xaa\x9e", 4) == "  \xe8\xaa\x9e");
  const std::string name = "\xe8\x81\x8a\xe5\xa4\xa9";  // two characters, four columns
  const PricedRun priced(test::sample_run(name));
  const std::string screen = run_table(priced.output(), false);
  CHECK(line_width(screen, "   " + name) == line_width(screen, "   code"));
  CHECK(line_width(screen, "   " + name) == line_width(screen, " classes"));
}

}  // namespace penstock::output
