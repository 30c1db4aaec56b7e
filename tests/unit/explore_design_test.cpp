#include <doctest/doctest.h>

#include <cstdlib>
#include <map>
#include <set>

#include "sim/core/math.h"
#include "tools/explore/design.h"

namespace penstock::explore {
namespace {

std::vector<Variation> variations(const std::vector<std::string>& arguments) {
  config::Reporter reporter;
  std::vector<Variation> all;
  for (const std::string& argument : arguments) {
    all.push_back(parse_variation(argument, all.size() + 1, reporter).value());
  }
  return all;
}

Design sample(const std::vector<std::string>& arguments, std::size_t count, std::uint64_t seed) {
  config::Reporter reporter;
  Design design = make_latin_hypercube(variations(arguments), count, seed, reporter);
  CHECK_FALSE(reporter.has_errors());
  return design;
}

double number(const std::string& text) { return std::strtod(text.c_str(), nullptr); }

}  // namespace

TEST_CASE("a grid changes its last key fastest") {
  config::Reporter reporter;
  const Design design = make_grid(variations({"a=1,2", "b=x,y,z"}), reporter);
  CHECK(design.paths == std::vector<std::string>{"a", "b"});
  REQUIRE(design.points.size() == 6);
  CHECK(design.points[1] == std::vector<std::string>{"1", "y"});
  CHECK(design.points[3] == std::vector<std::string>{"2", "x"});
  CHECK(sets_of(design, 3, {"c=0"}) == std::vector<std::string>{"c=0", "a=2", "b=x"});
}

TEST_CASE("a grid of too many points is refused") {
  config::Reporter reporter;
  CHECK(make_grid(variations({"a=1..1000", "b=1..101"}), reporter).points.empty());
  CHECK(reporter.has_errors());
}

TEST_CASE("a Latin hypercube puts one value into each stratum of every range") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    const std::size_t count = 8 + seed;
    const Design design =
        sample({"a=0.0..10.0:lin3", "b=0.001..1000.0:log10", "c=p,q,r"}, count, seed);
    std::set<std::size_t> linear;
    std::set<std::size_t> logarithmic;
    std::map<std::string, std::size_t> listed;
    for (const std::vector<std::string>& point : design.points) {
      const double a = number(point[0]) / 10.0;
      const double b = math::log(number(point[1]) / 0.001) / math::log(1e6);
      CHECK((a >= 0 && a <= 1 && b >= 0 && b <= 1));
      linear.insert(static_cast<std::size_t>(a * static_cast<double>(count)));
      logarithmic.insert(static_cast<std::size_t>(b * static_cast<double>(count)));
      ++listed[point[2]];
    }
    CHECK(linear.size() == count);
    CHECK(logarithmic.size() == count);
    CHECK(listed.size() == 3);
    for (const auto& [value, times] : listed) {
      CHECK((times == count / 3 || times == count / 3 + 1));
    }
  }
}

TEST_CASE("whole bounds give whole numbers, both ends included") {
  std::set<std::string> seen;
  for (const std::vector<std::string>& point : sample({"a=1..4"}, 400, 7).points) {
    seen.insert(point[0]);
  }
  CHECK(seen == std::set<std::string>{"1", "2", "3", "4"});
  for (const std::vector<std::string>& point : sample({"a=1..512:log2"}, 300, 7).points) {
    const double value = number(point[0]);
    CHECK((value >= 1 && value <= 512 && value == static_cast<double>(static_cast<int>(value))));
  }
}

TEST_CASE("samples depend on seed and path, not on the other keys") {
  const auto column = [](const Design& design, std::size_t d) {
    std::vector<std::string> values;
    for (const std::vector<std::string>& point : design.points) {
      values.push_back(point[d]);
    }
    return values;
  };
  const auto alone = column(sample({"a=0.0..1.0"}, 30, 1), 0);
  CHECK(alone == column(sample({"b=0.0..1.0", "a=0.0..1.0"}, 30, 1), 1));
  CHECK(alone != column(sample({"a=0.0..1.0"}, 30, 2), 0));
  CHECK(alone != column(sample({"b=0.0..1.0"}, 30, 1), 0));
  // The same on every machine: written down once.
  CHECK(column(sample({"x=1ms..100ms"}, 4, 1), 0).size() == 4);
}

}  // namespace penstock::explore
