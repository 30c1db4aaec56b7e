#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "config/render.h"
#include "config/yaml.h"

namespace penstock::config {
namespace {

struct Parsed {
  std::optional<Node> root;
  Diagnostics diagnostics;
  std::string text;  ///< all diagnostics as printed
};

Parsed parse(std::string text) {
  Reporter reporter;
  Parsed parsed;
  parsed.root = parse_yaml(std::make_shared<const Source>("w.yaml", std::move(text)), reporter);
  parsed.diagnostics = reporter.take();
  parsed.text = render(parsed.diagnostics, false);
  return parsed;
}

std::string first_message(const Parsed& parsed) {
  return parsed.diagnostics.empty() ? "" : parsed.diagnostics.front().message;
}

TEST_CASE("a tree keeps order, text and positions") {
  const Parsed p = parse("b: 1\na:\n  - x\n  - {é: 'q'}\n");
  REQUIRE(p.root);
  CHECK(p.text.empty());
  REQUIRE(p.root->members.size() == 2);
  CHECK(p.root->members[0].key == "b");
  CHECK(p.root->members[1].key == "a");
  const Node& list = p.root->members[1].value;
  REQUIRE(list.items.size() == 2);
  CHECK(list.items[0].span.line == 3);
  CHECK(list.items[0].span.column == 5);
  const Member& inner = list.items[1].members.at(0);
  CHECK(inner.key == "é");
  CHECK(inner.key_span.length == 1);
  CHECK(inner.value.span.column == 9);  // in characters: é is one
  CHECK(inner.value.span.length == 3);
  CHECK(inner.value.quoted);
}

TEST_CASE("scalars are kept as written: YAML converts nothing") {
  const Parsed p = parse("a: 012\nb: no\nc: .nan\nd: 1_000\ne: 0x10\nf: 12:30:45\n");
  REQUIRE(p.root);
  for (const char* text : {"012", "no", ".nan", "1_000", "0x10", "12:30:45"}) {
    CAPTURE(text);
    CHECK(std::any_of(p.root->members.begin(), p.root->members.end(),
                      [text](const Member& m) { return m.value.text == text; }));
  }
}

TEST_CASE("a key given twice is refused") {
  CHECK(parse("a: 1\nb: 2\na: 3\n").text == R"(error: `a` is given twice
  --> w.yaml:3:1
3 | a: 3
  | ^ first given in line 1
1 error; nothing was run
)");
  CHECK(first_message(parse("{a: 1, 'a': 2}")) == "`a` is given twice");
}

TEST_CASE("anchors, aliases, merge keys and tags are refused, all at once") {
  const Parsed p = parse("a: &x {k: 1}\nb: *x\nc:\n  <<: {k: 2}\nd: !!int 5\n");
  CHECK(p.diagnostics.size() == 4);
  CHECK(p.text.find("anchors (`&x`) are not supported") != std::string::npos);
  CHECK(p.text.find("aliases (`*name`) are not supported") != std::string::npos);
  CHECK(p.text.find("merge keys (`<<`) are not supported") != std::string::npos);
  CHECK(p.text.find("tags (`tag:yaml.org,2002:int`) are not supported") != std::string::npos);
}

TEST_CASE("an expanding chain of aliases is harmless") {
  std::string text = "a0: &a0 [x]\n";
  for (int i = 1; i < 60; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before + ", " + before +
            "]\n";
  }
  CHECK(parse(text).diagnostics.size() > 60);
}

TEST_CASE("a second document is refused") {
  CHECK(parse("a: 1\n---\nb: 2\n").text == R"(error: a second YAML document starts here
  --> w.yaml:2:1
2 | ---
  | ^ one file is one workload
1 error; nothing was run
)");
  CHECK(parse("%YAML 1.2\n---\na: 1\n...\n").text.empty());
}

TEST_CASE("what is not YAML is said in words that help") {
  CHECK(first_message(parse("a:\n\tb: 1\n")) == "a tab cannot indent YAML: use spaces");
  CHECK(parse("a:\n\tb: 1\n").diagnostics[0].column == 1);
  CHECK(parse("a:\n  \tb: 1\n").diagnostics[0].column == 3);
  CHECK(first_message(parse("a: [1, 2\n")) == "a `[` is not closed");
  CHECK(first_message(parse("a: {b: 1\nc: 2\n")) == "a `{` is not closed");
  CHECK(first_message(parse("a: \"x\nb: 2\n")) == "a quote is not closed");
  CHECK(first_message(parse("a: 'it''s\nb: 2\n")) == "a quote is not closed");
  CHECK(first_message(parse("a: b: c\n")) == "a `key: value` is not allowed here");
  CHECK(first_message(parse("a: @x\n")) == "this character cannot start a value: put it in quotes");
  CHECK(first_message(parse("a:\n   b: 1\n  c: 2\n")) ==
        "this map is not closed or not indented evenly");
  CHECK(first_message(parse("? [x, y]\n: 1\n")) == "a key must be a single word");
  CHECK(parse("a: 'it''s'\nb: \"\\\"\"\n").text.empty());
}

TEST_CASE("bytes that are not text are refused where they stand") {
  CHECK(parse(std::string("a: 1\nb: \0x", 10)).text == R"(error: not a text file
  --> w.yaml:2:4
  = note: byte 0x00 here; a workload file is UTF-8 text
1 error; nothing was run
)");
  CHECK(first_message(parse("\xFF\xFE"
                            "a")) == "not a text file");
  CHECK(first_message(parse("a: \xC3(")) == "not a text file");
}

TEST_CASE("nesting has a limit that no input gets past") {
  CHECK(first_message(parse("a: " + std::string(100000, '['))) ==
        "nested more than 24 levels deep");
  std::string steps;
  for (int i = 0; i < 1000; ++i) {
    steps += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  }
  CHECK(first_message(parse(steps)) == "nested more than 24 levels deep");
  std::string dashes;
  for (int i = 0; i < 3000; ++i) {
    dashes += "- ";
  }
  CHECK(first_message(parse(dashes)) == "nested more than 24 levels deep");
}

TEST_CASE("an empty text is a document without a value") {
  for (const char* text : {"", "\n\n", "# only a comment\n", "---\n"}) {
    const Parsed p = parse(text);
    REQUIRE(p.root);
    CHECK(p.root->is_null());
    CHECK(p.text.empty());
  }
}

TEST_CASE("files that cannot be read are reported") {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / "penstock-config-yaml-test";
  fs::create_directories(folder);
  const auto message = [](const fs::path& path) {
    Reporter reporter;
    const SourcePtr source = read_source(path.string(), "w.yaml", {}, reporter);
    CHECK(!source);
    return render(reporter.take(), false);
  };
  CHECK(message(folder / "none.yaml") ==
        "error: cannot read the file: there is no such file\n  --> w.yaml\n"
        "1 error; nothing was run\n");
  CHECK(message(folder) ==
        "error: cannot read the file: it is a folder\n  --> w.yaml\n1 error; nothing was run\n");
  std::ofstream(folder / "long.yaml") << std::string(max_source_bytes + 1, '#');
  CHECK(message(folder / "long.yaml").find("longer than 16 MiB") != std::string::npos);
  std::ofstream(folder / "bom.yaml") << "\xEF\xBB\xBF"
                                        "a: 1\r\nb: 2\r\n";
  Reporter reporter;
  const SourcePtr source = read_source((folder / "bom.yaml").string(), "w.yaml", {}, reporter);
  REQUIRE(source);
  CHECK(source->line(1) == "a: 1");
  fs::remove_all(folder);
}

TEST_CASE("very many values are refused") {
  std::string text = "a: [";
  for (std::size_t i = 0; i < max_nodes; ++i) {
    text += "1,";
  }
  CHECK(first_message(parse(text + "1]")) == "more than 500,000 values");
}

TEST_CASE("a very long line takes no square time") {
  std::string text = "a: [";
  for (int i = 0; i < 200'000; ++i) {
    text += "é,";
  }
  const Parsed p = parse(text + "x]\n");  // minutes if each item counted from the line's start
  REQUIRE(p.root);
  CHECK(p.root->members[0].value.items.back().span.column == 400'005);
}

TEST_CASE("of very many mistakes the first are kept") {
  std::string text;
  for (int i = 0; i < 3000; ++i) {
    text += "a: 1\n";
  }
  const Parsed p = parse(text);
  CHECK(p.diagnostics.size() == 500);
  CHECK(p.diagnostics.back().notes ==
        std::vector<std::string>{"these are the first 500 mistakes: there are more"});
}

}  // namespace
}  // namespace penstock::config
