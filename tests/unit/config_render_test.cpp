#include <doctest/doctest.h>

#include "config/render.h"
#include "config/text.h"

namespace penstock::config {
namespace {

Diagnostic at(std::string line, long column, long length) {
  Diagnostic d;
  d.message = "wrong";
  d.file = "w.yaml";
  d.line = 14;
  d.column = column;
  d.length = length;
  d.source_line = std::move(line);
  return d;
}

TEST_CASE("a diagnostic shows its line, a caret and its notes") {
  Diagnostic d = at("    max_num_batched_token: 8192", 5, 21);
  d.message = "unknown key `max_num_batched_token`";
  d.label = "did you mean `max_num_batched_tokens`?";
  d.notes = {"keys are spelled as vLLM spells them"};
  CHECK(render({d}, false) == R"(error: unknown key `max_num_batched_token`
  --> w.yaml:14:5
14 |     max_num_batched_token: 8192
   |     ^^^^^^^^^^^^^^^^^^^^^ did you mean `max_num_batched_tokens`?
   = note: keys are spelled as vLLM spells them
1 error; nothing was run
)");
}

TEST_CASE("a caret stands under its character after tabs and wide characters") {
  CHECK(render_one(at("\ta: 日本 x", 8, 1), false) == R"(error: wrong
  --> w.yaml:14:8
14 |     a: 日本 x
   |             ^
)");
  CHECK(render_one(at("e\xCC\x81: x", 5, 1), false) ==  // e and a combining accent: one column
        "error: wrong\n  --> w.yaml:14:5\n14 | e\xCC\x81: x\n   |    ^\n");
}

TEST_CASE("a caret past the end of a line is drawn") {
  CHECK(render_one(at("ab", 3, 0), false) == R"(error: wrong
  --> w.yaml:14:3
14 | ab
   |   ^
)");
}

TEST_CASE("a long line is cut around its caret") {
  Diagnostic d = at(std::string(300, 'x') + "HERE" + std::string(300, 'y'), 301, 4);
  const std::string text = render_one(d, false);
  CHECK(text.find("14 | …xxxxx") != std::string::npos);
  CHECK(text.find("xHEREy") != std::string::npos);
  CHECK(text.find("y…\n") != std::string::npos);
  CHECK(text.find("^^^^\n") != std::string::npos);
  for (const std::string_view line : split(text, '\n')) {
    CHECK(count_characters(line) < 140);
  }
}

TEST_CASE("what the user wrote cannot send control codes to the terminal") {
  Diagnostic d = at("a: \x1b[31mred", 4, 3);
  d.message = "bad \x1b]0;title\x07";
  const std::string text = render_one(d, false);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find('\x07') == std::string::npos);
}

TEST_CASE("colour is on demand") {
  CHECK(render({at("a", 1, 1)}, true).find("\033[1;31merror") == 0);
  CHECK(render({at("a", 1, 1)}, false).find('\033') == std::string::npos);
}

TEST_CASE("the closing line counts errors and warnings") {
  Diagnostic error;
  error.message = "x";
  Diagnostic warning = error;
  warning.severity = Diagnostic::Severity::warning;
  CHECK(render({warning}, false) == "warning: x\n");
  CHECK(render({error, error}, false) == "error: x\nerror: x\n2 errors; nothing was run\n");
  CHECK(render({error, warning}, false) ==
        "error: x\nwarning: x\n1 error and 1 warning; nothing was run\n");
  CHECK(render(Diagnostics{}, false).empty());
}

TEST_CASE("near names are found, far ones are not") {
  const std::vector<std::string_view> names{"max_num_seqs", "max_model_len", "block_size"};
  CHECK(did_you_mean("max_num_seq", names) == "did you mean `max_num_seqs`?");
  CHECK(did_you_mean("MAX_NUM_SEQS", names) == "did you mean `max_num_seqs`?");
  CHECK(did_you_mean("blocksize", names) == "did you mean `block_size`?");
  CHECK(did_you_mean("max", names) == "did you mean `max_num_seqs` or `max_model_len`?");
  CHECK(did_you_mean("ma", names).empty());
  CHECK(did_you_mean("temperature", names).empty());
  CHECK(did_you_mean("", names).empty());
  CHECK(did_you_mean(std::string(1000, 'm'), names).empty());
  CHECK(edit_distance("abcd", "acbd") == 1);  // neighbours swapped
  CHECK(edit_distance("", "abc") == 3);
}

TEST_CASE("UTF-8 is told from what is not") {
  CHECK(is_utf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
  CHECK_FALSE(is_utf8("\xC3"));
  CHECK_FALSE(is_utf8("\xC0\x80"));          // overlong
  CHECK_FALSE(is_utf8("\xED\xA0\x80"));      // surrogate
  CHECK_FALSE(is_utf8("\xF4\x90\x80\x80"));  // past U+10FFFF
  CHECK(count_characters("a\xC3\xA9") == 2);
}

TEST_CASE("numbers are grouped and sizes named for people") {
  CHECK(group_digits(0) == "0");
  CHECK(group_digits(-1234567) == "-1,234,567");
  CHECK(group_digits(999) == "999");
  CHECK(gib_text(79.65 * 1024 * 1024 * 1024) == "79.65 GiB");
  CHECK(number_text(0.9) == "0.9");
  CHECK(number_text(131072) == "131072");
}

}  // namespace
}  // namespace penstock::config
