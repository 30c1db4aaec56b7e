#include "tests/support/tidy.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "tests/support/shared.h"

namespace penstock::test {
namespace {

namespace fs = std::filesystem;

/// Calls visit(path from the root, content) for each file of our folders.
template <typename Visit>
void for_each_file(Visit visit) {
  for (const char* folder : {"sim", "config", "workloads", "tools", "tests"}) {
    const fs::path root = source_dir() / folder;
    if (!fs::exists(root)) {
      continue;
    }
    for (auto entry = fs::recursive_directory_iterator(root); entry != fs::end(entry); ++entry) {
      const std::string name = entry->path().filename().string();
      if (entry->is_directory() && (name == "node_modules" || name == "corpus" || name[0] == '.')) {
        entry.disable_recursion_pending();
      } else if (entry->is_regular_file()) {
        visit(entry->path().lexically_relative(source_dir()).string(), entry->path());
      }
    }
  }
}

bool ends_with_one_of(const std::string& path, std::initializer_list<std::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&](std::string_view ending) { return path.ends_with(ending); });
}

void report(const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    ADD_FAIL_CHECK_AT(finding.path.c_str(), finding.line, finding.message);
  }
}

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) {
    out += text;
  }
  return out;
}

std::string first_message(const std::vector<Finding>& findings) {
  return findings.empty() ? "" : findings.front().message;
}

}  // namespace

TEST_CASE("the tree keeps the rules of docs/style.md") {
  for_each_file([](const std::string& path, const fs::path& file) {
    if (ends_with_one_of(path, {".cpp", ".h"})) {
      report(tidy_cpp(path, read_file(file)));
    }
    if (path.starts_with("config/catalog/") && path.ends_with(".yaml")) {
      report(tidy_catalog(path, read_file(file)));
    }
    if (ends_with_one_of(path, {".cpp", ".h", ".cmake", "CMakeLists.txt", ".sh", ".yaml"})) {
      report(tidy_markers(path, read_file(file)));
    }
  });
}

TEST_CASE("tidy finds an include against the direction") {
  CHECK(tidy_cpp("sim/x.cpp", "#include <vector>\n#include \"sim/y.h\"\n").empty());
  CHECK(tidy_cpp("sim/x.cpp", "#include <boost/heap/d_ary_heap.hpp>\n").empty());
  CHECK(tidy_cpp("sim/x.cpp", "// #include <fmt/core.h>\n").empty());
  for (const char* header : {"<fmt/core.h>", "<unistd.h>", "<chrono>", "\"config/x.h\"", "\"y.h\"",
                             "\"penstock_version.h\"", "\"tools/output/json.h\""}) {
    CAPTURE(header);
    const auto found = tidy_cpp("sim/x.cpp", "\n#  include " + std::string(header) + "\n");
    REQUIRE(found.size() == 1);
    CHECK(found[0].line == 2);
  }
  CHECK(tidy_cpp("workloads/x.cpp", "#include <fmt/core.h>\n#include \"sim/y.h\"\n").empty());
  CHECK(tidy_cpp("workloads/x.cpp", "#include \"config/y.h\"\n").size() == 1);
  CHECK(tidy_cpp("config/x.cpp", "#include \"workloads/y.h\"\n").size() == 1);
  CHECK(tidy_cpp("tools/x.cpp", "#include \"penstock_version.h\"\n").empty());
  CHECK(tidy_cpp("tools/x.cpp", "#include \"tests/support/shared.h\"\n").size() == 1);
}

TEST_CASE("tidy finds words that make results differ between machines") {
  CHECK(tidy_cpp("tools/x.cpp", "std::normal_distribution<double> d;\n").size() == 1);
  CHECK(tidy_cpp("tools/x.cpp", "// std::normal_distribution\nauto s = \"std::random_device\";\n")
            .empty());
  CHECK(tidy_cpp("sim/x.cpp", "const char* s = getenv(name);\n").size() == 1);
  CHECK(tidy_cpp("tools/x.cpp", "const char* s = getenv(name);\n").empty());
}

TEST_CASE("tidy finds long files, long lines, headers without a guard, odd names") {
  CHECK(tidy_cpp("sim/x.cpp", repeated("\n", 400)).empty());
  CHECK(tidy_cpp("sim/x.cpp", repeated("\n", 401)).size() == 1);
  CHECK(tidy_cpp("sim/x.cpp", "// " + repeated("é", 97) + "\n").empty());
  CHECK(tidy_cpp("sim/x.cpp", "// " + repeated("é", 98) + "\n").size() == 1);
  CHECK(tidy_cpp("sim/x.h", "#pragma once\n").empty());
  CHECK(tidy_cpp("sim/x.h", "\n#pragma once\n").size() == 1);
  CHECK(tidy_cpp("sim/BlockPool.cpp", "\n").size() == 1);
}

TEST_CASE("tidy finds functions of more than 60 lines, and takes tables for what they are") {
  const std::string long_body = "{\n" + repeated("  f();  // }\n", 59) + "}\n";
  const std::string good_body = "{\n" + repeated("  if (x) { f('}', 1'000); }\n", 58) + "}\n";
  const auto lines = [](const std::string& code) {
    return first_message(tidy_function_length("x.cpp", blank_comments_and_literals(code)));
  };
  const std::string found = "a function of 61 lines (at most 60)";
  CHECK(lines("namespace a {\nvoid f() " + good_body + "void g() " + good_body + "}\n") == "");
  CHECK(lines("namespace a {\nvoid f() " + long_body + "}\n") == found);
  CHECK(lines("struct A : B {\n private:\n  int f() const " + long_body + "};\n") == found);
  CHECK(lines("A::A(int x) : a_{x}, b_(x) " + long_body) == found);
  CHECK(lines("template <class T = int>\nbool operator==(T a, X b = {}) " + long_body) == found);
  CHECK(lines("constexpr std::array table{\n" + repeated("  A{1, f(2)},\n", 70) + "};\n") == "");
  CHECK(lines("const std::map<int, int> table = {\n" + repeated("{1, 2},\n", 70) + "};\n") == "");
  CHECK(lines("enum class A {\n" + repeated("  a,\n", 70) + "};\n") == "");
  CHECK(lines("auto s = R\"x(" + repeated("{\n", 70) + ")x\";\nvoid f() " + good_body) == "");
}

TEST_CASE("tidy finds a catalogue entry without a source") {
  CHECK(tidy_catalog("x.yaml", "name: a\nsource: b\ndate: 2025-01-01\n").empty());
  CHECK(tidy_catalog("x.yaml", "name: a\nprices:\n  - source: b\n    date: c\n").empty());
  CHECK(first_message(tidy_catalog("x.yaml", "name: a\ndate: b\n")) == "no `source:`");
}

TEST_CASE("tidy finds markers without an issue number") {
  const std::string marker = "TO" + std::string("DO");
  CHECK(tidy_markers("x.cpp", "// " + marker + "(#12): later\n").empty());
  CHECK(tidy_markers("x.cpp", "// " + marker + " #12: later\n").empty());
  CHECK(tidy_markers("x.cpp", "// " + marker + ": see #12\n").size() == 1);
  CHECK(tidy_markers("x.cpp", "mkdtemp(\"penstock-XXXXXX\")\n").empty());
}

}  // namespace penstock::test
