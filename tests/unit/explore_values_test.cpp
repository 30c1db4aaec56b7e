#include <doctest/doctest.h>

#include <fstream>

#include "tests/support/command.h"
#include "tools/explore/decimal.h"
#include "tools/explore/values.h"

namespace penstock::explore {
namespace {

using Values = std::vector<std::string>;

/// The values of `key=text`; the first error where there is one.
Values values(const std::string& text) {
  config::Reporter reporter;
  const auto variation = parse_variation("key=" + text, 1, reporter);
  const Values result = variation ? values_of(*variation, reporter) : Values{};
  return reporter.has_errors() ? Values{"error"} : result;
}

Diagnostic error_of(const std::string& argument) {
  config::Reporter reporter;
  const auto variation = parse_variation(argument, 2, reporter);
  if (variation) {
    values_of(*variation, reporter);
  }
  const Diagnostics all = reporter.take();
  REQUIRE_FALSE(all.empty());
  return all.front();
}

}  // namespace

TEST_CASE("lists keep what brackets and quotes hold together") {
  CHECK(values("1,2,4") == Values{"1", "2", "4"});
  CHECK(values(" 1 , 2 ") == Values{"1", "2"});
  CHECK(values("[1, 2],[3]") == Values{"[1, 2]", "[3]"});
  CHECK(values("{a: 1, b: [2, 3]},x") == Values{"{a: 1, b: [2, 3]}", "x"});
  CHECK(values(R"('a,b',"c,\"d",e)") == Values{"'a,b'", R"("c,\"d")", "e"});
  CHECK(values("don't,isn't") == Values{"don't", "isn't"});
  CHECK(values("4,2,4,2..4") == Values{"4", "2", "3"});
}

TEST_CASE("ranges hold their end only if they hit it") {
  CHECK(values("1..4") == Values{"1", "2", "3", "4"});
  CHECK(values("0.5..3") == Values{"0.5", "1.5", "2.5"});
  CHECK(values("10..100:step30") == Values{"10", "40", "70", "100"});
  CHECK(values("10..100:step40") == Values{"10", "50", "90"});
  CHECK(values("0.1..0.5:step0.1") == Values{"0.1", "0.2", "0.3", "0.4", "0.5"});
  CHECK(values("1..512:log2").size() == 10);
  CHECK(values("1..512:log2").back() == "512");
  CHECK(values("1..500:log2").back() == "256");
  CHECK(values("0.1..1.6:log2") == Values{"0.1", "0.2", "0.4", "0.8", "1.6"});
  CHECK(values("0.001..1000:log10").size() == 7);
  CHECK(values("1.0..1.331:log1.1").size() == 4);
  CHECK(values("1..10:log1.5") == Values{"1", "2", "3", "5", "8"});
  CHECK(values("10..100:lin4") == Values{"10", "40", "70", "100"});
  CHECK(values("0.0..1.0:lin5") == Values{"0", "0.25", "0.5", "0.75", "1"});
  CHECK(values("0..1:lin5") == Values{"error"});
  CHECK(values("-2..2:step2") == Values{"-2", "0", "2"});
  CHECK(values("1..4:log2,16,20..21") == Values{"1", "2", "4", "16", "20", "21"});
}

TEST_CASE("numbers of a range may carry a unit") {
  CHECK(values("10ms..30ms:step10ms") == Values{"10ms", "20ms", "30ms"});
  CHECK(values("10ms..30ms:step10") == Values{"10ms", "20ms", "30ms"});
  CHECK(values("$1/h..$4/h:step$1.5/h") == Values{"$1/h", "$2.5/h", "$4/h"});
  CHECK(values("50%..90%:lin3") == Values{"50%", "70%", "90%"});
  CHECK(values("1e3..3e3:step1e3") == Values{"1000", "2000", "3000"});
  CHECK(values("../a.json,x/../b") == Values{"../a.json", "x/../b"});
  CHECK(values("'1..3'") == Values{"'1..3'"});
}

TEST_CASE("a file gives a value a line") {
  const test::TemporaryFolder folder;
  const std::string path = (folder.path() / "values.txt").string();
  std::ofstream(path) << "# prices\n$1/h\n\n  $2/h  # two\r\n{a: 1, b: '#'}\n1..3";
  CHECK(values("@" + path) == Values{"$1/h", "$2/h", "{a: 1, b: '#'}", "1..3"});
  CHECK(values("0,@" + path).size() == 5);
  std::ofstream(path, std::ios::trunc) << "# nothing\n";
  CHECK(values("@" + path) == Values{"error"});
  CHECK(error_of("key=@" + path + ".not").message.find("there is no such file") !=
        std::string::npos);
}

TEST_CASE("what is wrong with --vary is told with its column") {
  const auto check = [](const std::string& argument, long column, const std::string& part) {
    CAPTURE(argument);
    const Diagnostic d = error_of(argument);
    CHECK(d.file == "--vary[2]");
    CHECK(d.column == column);
    CHECK((d.message + " " + d.label).find(part) != std::string::npos);
  };
  check("a=1,,2", 5, "missing");
  check("a=", 3, "missing");
  check("a=1,", 5, "missing");
  check("a=1..", 6, "no upper end");
  check("a=..3", 3, "no lower end");
  check("a=x..y", 3, "goes in quotes");
  check("a=3..1", 3, "lower");
  check("a=1ms..2s", 3, "write both in ms");
  check("a=1..2ms", 3, "1ms..2ms");
  check("a=1..9:foo2", 8, ":log2");
  check("a=1..9:step0", 8, "above 0");
  check("a=1..9:log1", 8, "above 1");
  check("a=0..9:log2", 8, "above 0");
  check("a=1..9:lin1", 8, "2 or more");
  check("a=[1,2", 3, "left open");
  check("a='1", 3, "left open");
  check("a=1..1000000", 3, "100,000 values");
  check("a=1..9999999999999999", 6, "no number");
}

TEST_CASE("decimal numbers are exact") {
  CHECK(decimal_text(parse_measure("0.10")->number) == "0.1");
  CHECK(decimal_text(parse_measure("-1.250")->number) == "-1.25");
  CHECK(parse_measure("1e-3")->number.value() == 0.001);
  CHECK(parse_measure("$2.50/h")->prefix == "$");
  CHECK(parse_measure("$2.50/h")->suffix == "/h");
  CHECK_FALSE(parse_measure("abc").has_value());
  CHECK_FALSE(parse_measure("1-8").has_value());
  CHECK_FALSE(parse_measure("1.2.3").has_value());
  CHECK_FALSE(parse_measure(".").has_value());
}

}  // namespace penstock::explore
