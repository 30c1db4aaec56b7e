#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/workload_text.h"
#include "workloads/trace.h"

namespace penstock {
namespace {

using test::trace_errors;
using Texts = std::vector<std::string>;

const std::string header = "TIMESTAMP,ContextTokens,GeneratedTokens\n";

std::vector<TraceRow> good_rows(std::string_view text) {
  ErrorLog errors("t.csv");
  auto rows = test::read_trace(text, errors);
  CHECK(test::brief(errors.diagnostics()) == Texts{});
  return rows;
}

void check_rows(std::string_view text) {
  const auto rows = good_rows(text);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].time.ps == 0);
  CHECK(rows[0].input_tokens == 374);
  CHECK(rows[0].output_tokens == 44);
  CHECK(rows[1].time.ps == 4'314'579'000'000);
  CHECK(rows[1].input_tokens == 396);
  CHECK(rows[1].output_tokens == 109);
}

}  // namespace

TEST_CASE("Azure's traces of 2023, 2024 and 2025 are read, whatever the line ends and columns") {
  check_rows(
      "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n"
      "2023-11-16 18:15:50.9951690,396,109");
  check_rows(
      "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10 00:00:00+00:00,374,44\n"
      "2024-05-10 00:00:04.314579+00:00,396,109\n");
  check_rows(
      "\xEF\xBB\xBF\nTIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n"
      "2025-01-01T23:59:58Z,3,374,44\n\n2025-01-02T00:00:02.314579Z,,396,109\n\n");
  check_rows(
      "GeneratedTokens, \"ContextTokens\" ,TIMESTAMP\n44,\"374\",\"2023-11-16 18:15:46\"\n"
      "109, 396 ,2023-11-16 18:15:50.314579000\n");
}

TEST_CASE("rows of one time keep their order") {
  const auto rows = good_rows(header + "2023-11-16 18:15:46,1,1\n2023-11-16 18:15:46,2,1\n");
  REQUIRE(rows.size() == 2);
  CHECK(rows[1].time.ps == 0);
  CHECK(rows[1].input_tokens == 2);
}

TEST_CASE("an unreadable value is named with its column, place and text") {
  CHECK(trace_errors(header + "2023-11-16 18:15:46,abc,44\n") ==
        Texts{"t.csv:2:21+3: ContextTokens `abc` is not a whole number of tokens"});
  CHECK(trace_errors(header + "2023-11-16 18:15:46, 12.5,44\n") ==
        Texts{"t.csv:2:22+4: ContextTokens `12.5` is not a whole number of tokens"});
  CHECK(trace_errors(header + "2023-11-16 18:15:46,1,\n") ==
        Texts{"t.csv:2:23+0: GeneratedTokens is empty"});
  CHECK(trace_errors(header + "2023-13-16 18:15:46,1,1\n") ==
        Texts{"t.csv:2:1+19: TIMESTAMP `2023-13-16 18:15:46` cannot be read (no such month)"});
  CHECK(trace_errors(header + ",1,1\n") == Texts{"t.csv:2:1+0: TIMESTAMP is empty"});
  CHECK(trace_errors(header + "1700158546,1,1\n") ==
        Texts{"t.csv:2:1+10: TIMESTAMP `1700158546` cannot be read (no date like 2023-11-16)"});
}

TEST_CASE("columns count characters, not bytes") {
  CHECK(trace_errors("name," + header + "\xC3\xA9\xC3\xA9,2023-11-16 18:15:46,\xE2\x82\xAC,1\n") ==
        Texts{"t.csv:2:24+1: ContextTokens `\xE2\x82\xAC` is not a whole number of tokens"});
  CHECK(trace_errors("name," + header + "\xC3\xFF,2023-11-16 18:15:46,\x01\xFF,1\n") ==
        Texts{"t.csv:2:24+2: ContextTokens `??` is not a whole number of tokens"});
}

TEST_CASE("rows of zero tokens are left out and counted, impossible lengths are refused") {
  const std::string text = header +
                           "2023-11-16 18:15:46,0,5\n2023-11-16 18:15:47,5,0\n"
                           "2023-11-16 18:15:48,5,1\n";
  ErrorLog errors("t.csv");
  const auto reader = test::open_text(LineReader(text), errors);
  TraceRow row;
  CHECK(reader->next(row));
  CHECK(row.time.ps == 2 * ps_per_s);
  CHECK_FALSE(reader->next(row));
  CHECK(reader->empty_rows() == 2);
  CHECK(reader->bad_rows() == 0);
  CHECK(errors.empty());
  CHECK(trace_errors(header + "2023-11-16 18:15:46,-0,-3\n") ==
        Texts{"t.csv:2:24+2: GeneratedTokens `-3` is below 0"});
  CHECK(trace_errors(header + "2023-11-16 18:15:46,10000000,10000001\n") ==
        Texts{"t.csv:2:30+8: GeneratedTokens `10000001` is more than 10,000,000 tokens"});
  CHECK(trace_errors(header + "2023-11-16 18:15:46,99999999999999999999999999,1\n") ==
        Texts{"t.csv:2:21+26: ContextTokens `99999999999999999999999999` is more than 10,000,000 "
              "tokens"});
}

TEST_CASE("rows before the first one have times below 0") {
  const auto rows = good_rows(header + "2023-11-16 18:15:46,1,1\n2023-11-16 18:15:44.5,1,1\n");
  REQUIRE(rows.size() == 2);
  CHECK(rows[1].time.ps == -1'500'000'000'000);
}

TEST_CASE("a trace of more than 100 days is refused, one of exactly 100 days is not") {
  const std::string start = header + "2024-01-01 00:00:00,1,1\n";
  CHECK(good_rows(start + "2024-04-10 00:00:00,1,1\n")[1].time == SimTime::max());
  CHECK(trace_errors(start + "2024-04-10 00:00:00.000000000001,1,1\n2025-01-01 00:00:00,1,1\n") ==
        Texts{"t.csv:3:1+32: TIMESTAMP `2024-04-10 00:00:00.000000000001` is more than 100 days "
              "after line 2"});
  CHECK(trace_errors(start + "2023-12-01 00:00:00,1,1\n2024-04-01 00:00:00,1,1\n") ==
        Texts{"t.csv:4:1+19: TIMESTAMP `2024-04-01 00:00:00` is more than 100 days after line 3"});
  CHECK(trace_errors(start + "2023-09-01 00:00:00,1,1\n") ==
        Texts{"t.csv:3:1+19: TIMESTAMP `2023-09-01 00:00:00` is more than 100 days before line 2"});
  CHECK(trace_errors(header + "0000-01-01 00:00:00,1,1\n9999-12-31 23:59:59,1,1\n").size() == 1);
}

TEST_CASE("rows of the wrong shape are refused") {
  CHECK(trace_errors(header + "2023-11-16 18:15:46,1\n2023-11-16 18:15:47\n"
                              "2023-11-16 18:15:47,1,1,1\n") ==
        Texts{"t.csv:2:1+21: the row has 2 fields, the header 3",
              "t.csv:3:1+19: the row has 1 field, the header 3",
              "t.csv:4:1+25: the row has 4 fields, the header 3"});
  CHECK(trace_errors(header + "2023-11-16 18:15:46,\"1,1\n") ==
        Texts{"t.csv:2:21+4: a quoted field is not closed on its line"});
}

TEST_CASE("all errors come at once, at most 20 in full") {
  std::string text = header;
  for (int i = 0; i < 25; ++i) {
    text += "2023-11-16 18:15:46,x,1\n";
  }
  auto errors = trace_errors(text);
  REQUIRE(errors.size() == 21);
  CHECK(errors[0] == "t.csv:2:21+1: ContextTokens `x` is not a whole number of tokens");
  CHECK(errors[19] == "t.csv:21:21+1: ContextTokens `x` is not a whole number of tokens");
  CHECK(errors[20] == "t.csv: and 5 more errors in this file");
  errors = trace_errors(text.substr(0, header.size() + std::size_t{24} * 21));
  CHECK(errors.back() == "t.csv: and 1 more error in this file");
  CHECK(trace_errors(text.substr(0, header.size() + std::size_t{24} * 20)).size() == 20);
}

TEST_CASE("a file that is no trace is refused with the formats that are") {
  ErrorLog errors("t.csv");
  CHECK(test::read_trace("arrived_at,num_prefill_tokens\n0.1,5\n", errors).empty());
  const auto diagnostics = errors.diagnostics();
  REQUIRE(diagnostics.size() == 1);
  CHECK(test::brief(diagnostics[0]) ==
        "t.csv:1:1+29: not a trace in a known format: the first line is "
        "`arrived_at,num_prefill_tokens`");
  CHECK(diagnostics[0].source_line == "arrived_at,num_prefill_tokens");
  REQUIRE(diagnostics[0].notes.size() == trace_formats().size());
  CHECK(diagnostics[0].notes[0] ==
        "known format `azure`: Azure LLM inference CSV: TIMESTAMP, ContextTokens, "
        "GeneratedTokens");
}

TEST_CASE("files of other kinds are refused in one line") {
  const auto first_note = [](std::string_view text) {
    ErrorLog errors("t.csv");
    test::read_trace(text, errors);
    REQUIRE(errors.count() == 1);
    return errors.diagnostics()[0].notes[0];
  };
  CHECK(first_note(std::string_view("\x28\xB5\x2F\xFD\0", 5)) ==
        "the file is packed with zstd: unpack it first");
  CHECK(first_note("PK\x03\x04") == "the file is a zip archive: unpack it first");
  CHECK(first_note(std::string_view("\xFF\xFET\0", 4)) == "the file is UTF-16: save it as UTF-8");
  CHECK(first_note("folder/" + std::string(250, '\0') + "ustar and so on") ==
        "the file is a tar archive: unpack it first");
  CHECK(trace_errors("") == Texts{"t.csv: the trace is an empty file"});
  CHECK(trace_errors("\xEF\xBB\xBF") == Texts{"t.csv: the trace is an empty file"});
  CHECK(trace_errors("\n\n") ==
        Texts{"t.csv:1:1+0: not a trace in a known format: the first line is ``"});
  CHECK(trace_errors(std::string(100, '\x7F')) ==
        Texts{"t.csv:1:1+100: not a trace in a known format: the first line is `" +
              std::string(40, '?') + "…`"});
  CHECK(trace_errors(std::string(2'000'000, 'x')) ==
        Texts{"t.csv:1:1+0: the line is longer than 1,048,576 bytes: the file is no text, or no "
              "trace"});
  CHECK(trace_errors(header + "2023-11-16 18:15:46,1,1\n" + std::string(2'000'000, 'x')) ==
        Texts{"t.csv:3:1+0: the line is longer than 1,048,576 bytes: the file is no text, or no "
              "trace"});
}

TEST_CASE("other separators, dates and units are named where they show") {
  ErrorLog semicolons("t.csv");
  test::read_trace("arrival_s;input_tokens;output_tokens\n1;2;3\n", semicolons);
  REQUIRE(semicolons.count() == 1);
  CHECK(semicolons.diagnostics()[0].notes.front() ==
        "columns are separated by commas, not by semicolons");
  ErrorLog tabs("t.csv");
  test::open_text(LineReader("TIMESTAMP\tContextTokens\n"), tabs, "azure");
  CHECK(tabs.diagnostics()[0].label == "columns are separated by commas, not by tabs");
  ErrorLog date("t.csv");
  test::read_trace("arrival_s,input_tokens,output_tokens\n2024-01-01T00:00:00Z,2,3\n", date);
  CHECK(date.diagnostics()[0].notes.back() ==
        "dates are read from columns that you name, with `time: timestamp`");
  const auto notes_of = [](std::string_view first) {
    ErrorLog errors("t.csv");
    const std::string text =
        "arrival_s,input_tokens,output_tokens\n" + std::string(first) + ",2,3\n";
    const auto reader = test::open_text(LineReader(text), errors);
    TraceRow row;
    CHECK(reader->next(row));
    return reader->notes().size();
  };
  CHECK(notes_of("1704067200") == 0);
  CHECK(notes_of("1704067200000") == 1);  // milliseconds since 1970
}

TEST_CASE("a format that is given is not guessed: its missing columns are named") {
  CHECK(trace_errors("TIMESTAMP,Tokens,Tokens\n", "azure") ==
        Texts{"t.csv:1:1+23: the header has no column `ContextTokens`",
              "t.csv:1:1+23: the header has no column `GeneratedTokens`"});
  CHECK(trace_errors("TIMESTAMP,ContextTokens,GeneratedTokens,TIMESTAMP\n", "azure") ==
        Texts{"t.csv:1:1+9: the header has two columns `TIMESTAMP`"});
  CHECK(trace_errors("\n\n", "azure") == Texts{"t.csv: the trace has no header"});
  CHECK(trace_errors("\"TIMESTAMP\n", "azure") ==
        Texts{"t.csv:1:1+10: a quoted field is not closed on its line"});
}

TEST_CASE("a format that does not exist gets the nearest one and the list") {
  const Diagnostic near = unknown_trace_format("azur");
  CHECK(near.message == "workload.trace.format: there is no trace format `azur`");
  REQUIRE(near.notes.size() == trace_formats().size() + 1);
  CHECK(near.notes[0] == "did you mean `azure`?");
  CHECK(unknown_trace_format("servegen-pool").notes.size() == trace_formats().size());
  CHECK(find_trace_format("azure") == &trace_formats()[0]);
  CHECK(find_trace_format("azur") == nullptr);
}

TEST_CASE("long source lines are cut, and left out where the place would be lost") {
  ErrorLog errors("t.csv");
  const std::string wide(300, 'n');
  test::read_trace("TIMESTAMP,ContextTokens,GeneratedTokens,note\n2023-11-16 18:15:46,x,1," + wide +
                       "\n2023-11-16 18:15:46,1,1,\"" + wide,
                   errors);
  const auto diagnostics = errors.diagnostics();
  REQUIRE(diagnostics.size() == 2);
  CHECK(diagnostics[0].source_line == "2023-11-16 18:15:46,x,1," + std::string(216, 'n') + "…");
  CHECK(diagnostics[1].source_line.empty());
  CHECK(diagnostics[1].column == 25);
}

TEST_CASE("a read that fails midway is an input/output error") {
  ErrorLog errors("t.csv");
  std::string text = header;
  for (int i = 0; i < 1000; ++i) {
    text += "2023-11-16 18:15:46,1,1\n";
  }
  const auto reader = test::open_text(
      LineReader(std::make_unique<test::PieceBytes>(text, 512, "Input/output error")), errors);
  REQUIRE(reader != nullptr);
  TraceRow row;
  while (reader->next(row)) {
  }
  CHECK_FALSE(reader->next(row));
  CHECK(reader->failed());
  REQUIRE(errors.count() == 1);
  CHECK(errors.diagnostics()[0].kind == Diagnostic::Kind::io);
  CHECK(errors.diagnostics()[0].message == "cannot read the trace: Input/output error");
}

}  // namespace penstock
