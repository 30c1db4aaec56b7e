#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "sim/core/rng.h"
#include "tests/support/workload_text.h"
#include "workloads/csv.h"
#include "workloads/limits.h"

namespace penstock {
namespace {

using Row = std::vector<std::string>;

std::vector<Row> rows_of(CsvReader csv) {
  std::vector<Row> rows;
  while (csv.next()) {
    Row row;
    if (!csv.problem().empty()) {
      row.push_back("! " + std::string(csv.problem()));
    }
    for (std::size_t i = 0; csv.problem().empty() && i < csv.size(); ++i) {
      row.emplace_back(csv.field(i));
    }
    rows.push_back(row);
  }
  return rows;
}

std::vector<Row> rows_of(std::string_view text) { return rows_of(CsvReader(LineReader(text))); }

std::vector<std::string> lines_of(LineReader lines) {
  std::vector<std::string> all;
  while (lines.next()) {
    all.emplace_back(lines.line());
    CHECK(lines.number() == static_cast<long>(all.size()));
  }
  return all;
}

}  // namespace

TEST_CASE("lines end with LF or CR LF, and the last one need not end") {
  using Lines = std::vector<std::string>;
  CHECK(lines_of(LineReader("a\nb\n")) == Lines{"a", "b"});
  CHECK(lines_of(LineReader("a\r\nb")) == Lines{"a", "b"});
  CHECK(lines_of(LineReader("a\r\n\r\n\nb\r")) == Lines{"a", "", "", "b"});
  CHECK(lines_of(LineReader("\n")) == Lines{""});
  CHECK(lines_of(LineReader("")).empty());
  CHECK(lines_of(LineReader("a\rb")) == Lines{"a\rb"});
  CHECK(lines_of(LineReader("\xEF\xBB\xBF"
                            "a\n\xEF\xBB\xBF")) == Lines{"a", "\xEF\xBB\xBF"});
  CHECK(lines_of(LineReader("\xEF\xBB\xBF")).empty());
}

TEST_CASE("a text read in pieces of any size has the same lines as in memory") {
  std::string text = "\xEF\xBB\xBF";
  for (int i = 0; i < 3000; ++i) {
    text += std::string(static_cast<std::size_t>(i % 37), 'x') + (i % 3 == 0 ? "\r\n" : "\n");
  }
  text += "the end";
  const auto expected = lines_of(LineReader(text));
  CHECK(expected.size() == 3001);
  for (const std::size_t piece : {1U, 2U, 7U, 4096U, 1U << 20U}) {
    CHECK(lines_of(LineReader(std::make_unique<test::PieceBytes>(text, piece))) == expected);
  }
}

TEST_CASE("lines that cross the end of the buffer come out whole") {
  std::string text;
  std::vector<std::string> expected;
  for (int i = 0; i < 7; ++i) {
    expected.emplace_back(std::size_t{300'000} + static_cast<std::size_t>(i),
                          static_cast<char>('a' + i));
    text += expected.back() + "\n";
  }
  CHECK(lines_of(LineReader(std::make_unique<test::PieceBytes>(text, 100'000))) == expected);
  CHECK(lines_of(LineReader(std::make_unique<test::PieceBytes>(text, 1U << 30U))) == expected);
}

TEST_CASE("a line that is too long ends the text, in memory and in pieces") {
  const std::string text = "short\n" + std::string(max_line_bytes, 'x') + "\nshort\n";
  for (const bool in_memory : {true, false}) {
    LineReader lines =
        in_memory ? LineReader(text) : LineReader(std::make_unique<test::PieceBytes>(text, 65'536));
    CHECK(lines.next());
    CHECK_FALSE(lines.next());
    CHECK_FALSE(lines.next());
    CHECK(lines.line_too_long());
    CHECK(lines.number() == 1);
  }
  const std::string fits = std::string(max_line_bytes - 1, 'x') + "\n";
  CHECK(lines_of(LineReader(std::make_unique<test::PieceBytes>(fits, 65'536))).size() == 1);
}

TEST_CASE("a failed read ends the lines and says why") {
  const std::string text(10'000, '\n');
  LineReader lines(std::make_unique<test::PieceBytes>(text, 1000, "Input/output error"));
  CHECK(lines.read_failure().empty());
  int count = 0;
  while (lines.next()) {
    ++count;
  }
  CHECK(count == 10'000);
  CHECK(lines.read_failure() == "Input/output error");

  LineReader missing(open_file("no/such/file.csv"));
  CHECK_FALSE(missing.next());
  CHECK(missing.read_failure() == "No such file or directory");
  LineReader folder(open_file("."));
  CHECK_FALSE(folder.next());
  CHECK(folder.read_failure() == "Is a directory");
}

TEST_CASE("fields are split at commas, blanks around them and blank lines are dropped") {
  CHECK(rows_of("a,b,c\r\n\r\n  \t\n1, 2 ,\t3") ==
        std::vector<Row>{{"a", "b", "c"}, {"1", "2", "3"}});
  CHECK(rows_of(",,") == std::vector<Row>{{"", "", ""}});
  CHECK(rows_of("a") == std::vector<Row>{{"a"}});
  CHECK(rows_of("a b,c\"d") == std::vector<Row>{{"a b", "c\"d"}});
  CHECK(rows_of("").empty());
}

TEST_CASE("lines of every length are split at every comma, with quotes in them and without") {
  constexpr std::string_view letters = ",,ab \t7";
  Rng rng(1, "csv");
  for (std::size_t length = 1; length < 70; ++length) {
    for (int repeat = 0; repeat < 20; ++repeat) {
      std::string line = "x";
      while (line.size() < length) {
        line += letters[rng.below(letters.size())];
      }
      Row expected;
      std::string quoted_line;
      std::size_t begin = 0;
      while (begin <= line.size()) {
        const std::size_t end = std::min(line.find(',', begin), line.size());
        const std::string field = line.substr(begin, end - begin);
        const std::size_t first = std::min(field.find_first_not_of(" \t"), field.size());
        expected.push_back(field.substr(first, field.find_last_not_of(" \t") + 1 - first));
        quoted_line += (begin > 0 ? ",\"" : "\"") + expected.back() + "\"";
        begin = end + 1;
      }
      const std::vector<Row> rows(1, expected);
      CHECK_MESSAGE(rows_of(line) == rows, line);
      CHECK_MESSAGE(rows_of(quoted_line) == rows, line);
    }
  }
}

TEST_CASE("quoted fields keep commas, blanks and doubled quotes") {
  CHECK(rows_of(R"("a,b", " c ","")") == std::vector<Row>{{"a,b", " c ", ""}});
  CHECK(rows_of(R"("say ""x""","""",a)") == std::vector<Row>{{"say \"x\"", "\"", "a"}});
  CHECK(rows_of(R"(a,"b""c""" ,"d""")") == std::vector<Row>{{"a", "b\"c\"", "d\""}});
  CHECK(rows_of("\"a\",\n\"b\"") == std::vector<Row>{{"a", ""}, {"b"}});
}

TEST_CASE("bad quotes spoil their own row only") {
  const std::string open = "! a quoted field is not closed on its line";
  CHECK(rows_of("a,\"b\nc") == std::vector<Row>{{open}, {"c"}});
  CHECK(rows_of("\"\"\"\nc") == std::vector<Row>{{open}, {"c"}});
  CHECK(rows_of("\"") == std::vector<Row>{{open}});
  CHECK(rows_of("\"a\"b,c\nd") ==
        std::vector<Row>{{"! text after the closing quote of a field"}, {"d"}});
}

TEST_CASE("a field knows its place, quotes included and blanks left out") {
  CsvReader csv(LineReader("\n a, \"b\"\"\" ,c\n\"x"));
  REQUIRE(csv.next());
  CHECK(csv.span(0).number == 2);
  CHECK(csv.span(0).begin == 1);
  CHECK(csv.span(0).end == 2);
  CHECK(csv.span(1).begin == 4);
  CHECK(csv.span(1).end == 9);
  CHECK(csv.span(2).begin == 11);
  CHECK(csv.span(2).end == 12);
  CHECK(csv.row_span().end == csv.row_span().line.size());
  REQUIRE(csv.next());
  CHECK(csv.problem_span().number == 3);
  CHECK(csv.problem_span().begin == 0);
  CHECK(csv.problem_span().end == 2);
  CHECK_FALSE(csv.next());
}

TEST_CASE("a header finds columns by name and notices doubles") {
  CsvReader csv(LineReader("\xEF\xBB\xBF\"time\",in,out,in\n"));
  REQUIRE(csv.next());
  const CsvHeader header(csv);
  CHECK(header.size() == 4);
  CHECK(header.find("time") == 0U);
  CHECK(header.find("in") == 1U);
  CHECK(header.is_duplicate("in"));
  CHECK_FALSE(header.is_duplicate("out"));
  CHECK_FALSE(header.find("In"));
  CHECK_FALSE(header.find(""));
}

TEST_CASE("garbage of any kind is split without harm") {
  std::uint64_t state = 1;
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (int k = 0; k < 60; ++k) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      text += "\"\",\r\n ab\xFF\0"[(state >> 33U) % 10];
    }
    CsvReader csv{LineReader(text)};
    while (csv.next()) {
      for (std::size_t f = 0; csv.problem().empty() && f < csv.size(); ++f) {
        CHECK(csv.span(f).begin <= csv.span(f).end);
        CHECK(csv.span(f).end <= csv.span(f).line.size());
        CHECK(csv.field(f).size() <= csv.span(f).end - csv.span(f).begin);
      }
    }
  }
}

}  // namespace penstock
