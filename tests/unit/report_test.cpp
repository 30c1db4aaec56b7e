#include "tools/report/report.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/command.h"
#include "tests/support/shared.h"
#include "tools/output/text_plot.h"
#include "tools/report/html.h"
#include "tools/report/page.h"
#include "tools/report/result_files.h"
#include "tools/report/run_report.h"

namespace penstock::report {
namespace {

namespace fs = std::filesystem;
using test::has;
using test::read_file;
using test::run_penstock;

constexpr const char* small_mix = R"(model: llama-3.1-8b
cluster: {gpu: h100-sxm, replicas: 2}
workload:
  requests: 400
  warmup: 2s
  classes:
    - {name: 'NAME', rate: 12/s, lengths: {input: {uniform: [50, 900]}, output: {uniform: [2, 90]}}}
    - {name: code, rate: 5/s, lengths: {input: 3000, output: 12}, slo: {ttft: 1s}}
slo: {ttft: 300ms, tpot: 30ms}
)";

/// Runs a small mix into `folder`/out with a report.
test::CommandResult run_mix(const fs::path& folder, const std::string& name = "chat") {
  std::string text = small_mix;
  text.replace(text.find("NAME"), 4, name);
  std::ofstream(folder / "w.yaml") << text;
  return run_penstock(
      {"run", (folder / "w.yaml").string(), "-o", (folder / "out").string(), "--report", "-q"});
}

/// The JSON of a script element.
Json island(const std::string& page, const std::string& id) {
  const std::string head = "<script type=\"application/json\" id=\"" + id + "\">";
  const std::size_t start = page.find(head);
  REQUIRE(start != std::string::npos);
  const std::size_t from = start + head.size();
  return Json::parse(page.substr(from, page.find("</script>", from) - from));
}

}  // namespace

TEST_CASE("text in a page is no markup, and text in a script cannot end it") {
  CHECK(escape("a<b>&\"'") == "a&lt;b&gt;&amp;&quot;&#39;");
  CHECK(escape(std::string("\x01\xff é", 5)) == "\xef\xbf\xbd\xef\xbf\xbd é");
  const Json evil{{"</script><!--", "\xe2\x80\xa8\xe2\x80\xa9&<>"}, {"n", 0.1}};
  const std::string text = script_json(evil);
  CHECK(text.find_first_of("<>&") == std::string::npos);
  CHECK(text.find("\xe2") == std::string::npos);
  CHECK(Json::parse(text) == evil);
  // The digest of "abc", FIPS 180-4, in base64.
  CHECK(script_hash("abc") == "'sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='");
}

TEST_CASE("thinning keeps the first row, the last, and every spike") {
  Data data{.columns = {{"t", "t", ""}, {"a", "a", ""}, {"b", "b", ""}}};
  for (int i = 0; i < 10'000; ++i) {
    data.rows.push_back(Json::array({i, i == 5001 ? 99.0 : 1.0, i == 7003 ? -5.0 : i % 7 * 0.1}));
  }
  CHECK(thin(data, 400) == 10'000);
  CHECK(data.rows.size() <= 402);
  const auto holds = [&](int t) {
    return std::any_of(data.rows.begin(), data.rows.end(),
                       [t](const Json& row) { return row[0] == t; });
  };
  CHECK(holds(0));
  CHECK(holds(5001));
  CHECK(holds(7003));
  CHECK(holds(9999));
  Data few{.columns = data.columns, .rows = Json::array({Json::array({1, 2, 3})})};
  CHECK(thin(few, 400) == 1);
  CHECK(few.rows.size() == 1);
}

TEST_CASE("a report is one file, the same from the folder alone, with the summary's numbers") {
  const test::TemporaryFolder folder;
  REQUIRE(run_mix(folder.path()).exit_code == 0);
  const fs::path out = folder.path() / "out";
  const std::string page = read_file(out / "report.html");
  CHECK(make_report(out) == page);
  CHECK(page.size() < 2'500'000);
  for (const char* outside : {"src=\"http", "href=\"http", "url(", "@import"}) {
    CHECK_FALSE(has(page.substr(0, page.find("<script")), outside));
  }
  const Json summary = Json::parse(read_file(out / "summary.json"));
  CHECK(island(page, "summary") == summary);
  // Every number in a cell that names its place is the one in the summary.
  std::size_t cells = 0;
  const std::string mark = " data-path=\"";
  for (std::size_t at = page.find(mark); at != std::string::npos; at = page.find(mark, at + 1)) {
    const std::size_t from = at + mark.size();
    const std::string pointer = page.substr(from, page.find('"', from) - from);
    const std::size_t tag = page.rfind('<', at);
    const std::string attributes = page.substr(tag, at - tag);
    const Json::json_pointer place(pointer);
    const Json value = summary.contains(place) ? summary.at(place) : Json(nullptr);
    CAPTURE(pointer);
    const std::size_t number = attributes.find("data-v=\"");
    const bool is_known = number != std::string::npos && attributes[number + 8] != '"';
    CHECK(is_known == value.is_number());
    if (is_known && value.is_number()) {
      CHECK(std::stod(attributes.substr(number + 8)) == value.get<double>());
    }
    ++cells;
  }
  CHECK(cells > 80);
}

TEST_CASE("the percentiles of a report's requests are the summary's") {
  const test::TemporaryFolder folder;
  REQUIRE(run_mix(folder.path()).exit_code == 0);
  const Json summary = Json::parse(read_file(folder.path() / "out" / "summary.json"));
  const auto classes = read_latencies(folder.path() / "out" / "requests.csv", 2);
  REQUIRE(classes.size() == 2);
  for (const auto& [name, latencies] : classes) {
    const Json& of_class = summary["classes"][name];
    for (const auto& [key, values] :
         {std::pair("ttft_ms", &latencies.ttft), std::pair("tpot_ms", &latencies.tpot),
          std::pair("e2e_ms", &latencies.e2e)}) {
      const std::string metric = key;
      CAPTURE(metric);
      REQUIRE(values->size() == of_class[key]["count"].get<std::size_t>());
      for (const auto& [quantile, share] :
           {std::pair("p50", 0.5), std::pair("p99", 0.99), std::pair("max", 1.0)}) {
        CHECK(quantile_of(*values, share) ==
              doctest::Approx(of_class[key][quantile].get<double>()).epsilon(1e-9));
      }
    }
  }
}

TEST_CASE("what the GPUs do adds up to the time that they are busy, in every interval") {
  const test::TemporaryFolder folder;
  REQUIRE(run_mix(folder.path()).exit_code == 0);
  const Json summary = Json::parse(read_file(folder.path() / "out" / "summary.json"));
  const double duration = summary["duration_s"].get<double>();
  double busy = 0;
  for (const Interval& one : read_timeseries(folder.path() / "out" / "timeseries.csv", duration)) {
    double sum = 0;
    for (const double share : one.bound) {
      CHECK(share >= 0);
      sum += share;
    }
    CHECK(sum == doctest::Approx(one.busy).epsilon(1e-6));
    busy += sum * one.length_s;
  }
  CHECK(busy / duration ==
        doctest::Approx(summary["utilization"]["busy"].get<double>()).epsilon(1e-6));
}

TEST_CASE("the flows of the bill add up under every rule") {
  const test::TemporaryFolder folder;
  REQUIRE(run_mix(folder.path()).exit_code == 0);
  const fs::path out = folder.path() / "out";
  const Json summary = Json::parse(read_file(out / "summary.json"));
  const Json dollar = island(read_file(out / "report.html"), "data")["charts"]["dollar"];
  std::map<std::string, double> into, from;  // by rule and node
  double bill = 0;
  for (const Json& row : dollar["data"]["rows"]) {
    const std::string rule = row[0];
    from[rule + row[1].get<std::string>()] += row[3].get<double>();
    into[rule + row[2].get<std::string>()] += row[3].get<double>();
    bill += row[1] == "bill" ? row[3].get<double>() : 0;
  }
  CHECK(dollar["variants"].size() == summary["cost"]["rules"].size());
  CHECK(bill / static_cast<double>(dollar["variants"].size()) ==
        doctest::Approx(summary["cost"]["total"].get<double>()).epsilon(1e-8));
  for (const auto& [node, amount] : from) {
    if (into.count(node) > 0) {  // causes: the rounding of each rule to nano-dollars
      const std::string cause = node;
      CAPTURE(cause);
      CHECK(amount == doctest::Approx(into[node]).epsilon(1e-6));
    }
  }
}

TEST_CASE("a class that is called like markup stays a name") {
  const test::TemporaryFolder folder;
  REQUIRE(run_mix(folder.path(), "</script><img src=x onerror=alert(1)>").exit_code == 0);
  const std::string page = read_file(folder.path() / "out" / "report.html");
  CHECK_FALSE(has(page, "</script><img"));
  CHECK_FALSE(has(page, "<img"));
  CHECK(has(page, "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"));
}

TEST_CASE("report says what it cannot make a page of") {
  const test::TemporaryFolder folder;
  CHECK(run_penstock({"report", (folder.path() / "nothing").string()}).exit_code == 74);
  const test::CommandResult empty = run_penstock({"report", folder.path().string()});
  CHECK(empty.exit_code == 3);
  CHECK(has(empty.err, "holds no result"));
  std::ofstream(folder.path() / "summary.json") << "[1]";
  CHECK(run_penstock({"report", folder.path().string()}).exit_code == 3);
  REQUIRE(run_mix(folder.path()).exit_code == 0);
  const fs::path out = folder.path() / "out";
  std::ofstream(out / "timeseries.csv", std::ios::app) << "1,2\n";
  const test::CommandResult damaged = run_penstock({"report", out.string()});
  CHECK(damaged.exit_code == 3);
  CHECK(has(damaged.err, "`timeseries.csv` is damaged at line"));
  CHECK(run_penstock({"run", "workloads/chat.yaml", "--report"}).exit_code == 2);
}

TEST_CASE("a result without a report takes an older page away") {
  const test::TemporaryFolder folder;
  REQUIRE(run_mix(folder.path()).exit_code == 0);
  const std::string file = (folder.path() / "w.yaml").string();
  const std::string out = (folder.path() / "out").string();
  CHECK(fs::exists(folder.path() / "out" / "report.html"));
  REQUIRE(run_penstock({"run", file, "-o", out, "--force", "-q"}).exit_code == 0);
  CHECK_FALSE(fs::exists(folder.path() / "out" / "report.html"));
}

TEST_CASE("sweep, plan and comparison make pages too") {
  const test::TemporaryFolder folder;
  REQUIRE(run_mix(folder.path()).exit_code == 0);
  const std::string file = (folder.path() / "w.yaml").string();
  const std::string sweep = (folder.path() / "sweep").string();
  REQUIRE(run_penstock({"sweep", file, "--vary", "engine.max_num_seqs=4,16,64", "--vary",
                        "cluster.replicas=1,2", "-q", "-o", sweep, "--report"})
              .exit_code == 0);
  const std::string page = read_file(folder.path() / "sweep" / "report.html");
  const Json charts = island(page, "data")["charts"];
  for (const char* id : {"landscape", "map", "pareto", "parallel"}) {
    CHECK(charts.contains(id));
  }
  CHECK(has(page, "The workload file"));
  const std::string other = (folder.path() / "other").string();
  REQUIRE(run_penstock({"run", file, "--set", "cluster.replicas=1", "-q", "-o", other}).exit_code ==
          0);
  const std::string first = (folder.path() / "out").string();
  const std::string target = (folder.path() / "c.html").string();
  REQUIRE(run_penstock({"report", first, other, "-o", target}).exit_code == 0);
  CHECK(has(read_file(folder.path() / "c.html"), "What is different, and by how much?"));
  CHECK(run_penstock({"report", first, sweep}).exit_code == 3);
}

TEST_CASE("plots of text: bars from 0, logarithmic where they must be, plain characters if asked") {
  const output::BarPlot plot{"tok/s", {1, 2, std::nullopt, 4}, {"a", "b", "c", "d"}};
  const std::vector<std::string> lines = output::draw_bars(plot, false);
  REQUIRE(lines.size() == 7);
  CHECK(lines[0] == "         tok/s");
  CHECK(has(lines[1], "4.00 ┤"));
  CHECK(has(lines[1], "██████"));
  CHECK(has(lines[5], "0 ┤██████"));
  CHECK(has(lines[5], "×"));
  for (const std::string& line : output::draw_bars(plot, true)) {
    CHECK(std::all_of(line.begin(), line.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
  }
  CHECK(output::draw_bars({"none", {0, std::nullopt}, {}}, false).empty());
  CHECK(has(output::draw_bars({"wide", {1, 1000}, {}}, false)[0], "(log)"));
}

TEST_CASE("run --plot shows distributions below the table") {
  const std::vector<std::string> run{"run", "workloads/chat.yaml", "--set",
                                     "workload.requests=200"};
  const std::string plain = run_penstock(run).out;
  auto with_plots = run;
  with_plots.emplace_back("--plot");
  const std::string shown = run_penstock(with_plots).out;
  CHECK(shown.starts_with(plain));
  for (const char* part :
       {"TTFT ms, share of requests", "TPOT ms, share", "latency s, share", "█"}) {
    CHECK(has(shown, part));
  }
  with_plots.emplace_back("--ascii");
  CHECK_FALSE(has(run_penstock(with_plots).out.substr(plain.size()), "█"));
}

}  // namespace penstock::report
