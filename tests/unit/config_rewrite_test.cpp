#include <doctest/doctest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "config/resolved.h"
#include "config/rewrite.h"
#include "config/yaml.h"
#include "tests/support/command.h"
#include "tests/support/config_text.h"
#include "tests/support/shared.h"

namespace penstock::config {
namespace {

using Sets = std::vector<std::string>;

std::string rewritten(const std::string& text, const Sets& sets = {}) {
  return rewrite(text, "w.yaml", {.sets = sets, .without = {}, .folder = ""});
}

TEST_CASE("a rewritten file is laid out as people lay it out") {
  CHECK(rewrite(R"(# A mix.
model: llama-3.1-70b   # a name
cluster: {gpu: h100-sxm, tensor_parallel: 4}
workload:
  duration: 30min
  classes:
    - {name: chat, rate: 12/s, lengths: azure-conv-2023, slo: {ttft: 500ms, tpot: 40ms}}
    - name: code
      rate: 6/s
      lengths: {input: {lognormal: {mean: 2000, p95: 7300}}, output: {quantiles: {p5: 6, p50: 13}}}
plan: {gpus: [h100-sxm]}
prices: {gpu: {h100-sxm: $2.10/h, l40s: $0.90/h}}
)",
                "w.yaml",
                {.sets = {"cluster.replicas=3", "slo.ttft=300ms", "engine.cuda_graph_sizes=[1, 2]"},
                 .without = {"plan"},
                 .folder = ""}) == R"(model: llama-3.1-70b
cluster:
  gpu: h100-sxm
  tensor_parallel: 4
  replicas: 3
workload:
  duration: 30min
  classes:
    - {name: chat, rate: 12/s, lengths: azure-conv-2023, slo: {ttft: 500ms, tpot: 40ms}}
    - name: code
      rate: 6/s
      lengths:
        input: {lognormal: {mean: 2000, p95: 7300}}
        output: {quantiles: {p5: 6, p50: 13}}
prices:
  gpu: {h100-sxm: $2.10/h, l40s: $0.90/h}
slo:
  ttft: 300ms
engine:
  cuda_graph_sizes: [1, 2]
)");
}

/// Text, kinds and quotes of a tree.
std::string outline(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return "~";
    case Node::Kind::scalar:
      return (node.quoted ? "'" : "<") + node.text + (node.quoted ? "'" : ">");
    case Node::Kind::sequence:
    case Node::Kind::map:
      break;
  }
  std::string text = node.is_map() ? "{" : "[";
  for (const Node& item : node.items) {
    text += outline(item) + ",";
  }
  for (const Member& member : node.members) {
    text += member.key + ":" + outline(member.value) + ",";
  }
  return text + (node.is_map() ? "}" : "]");
}

std::string outline(const std::string& text) {
  Reporter reporter;
  const auto root = parse_yaml(std::make_shared<const Source>("w.yaml", text), reporter);
  CHECK(reporter.size() == 0);
  return root ? outline(*root) : "nothing";
}

TEST_CASE("scalars keep their spelling and their quotes") {
  const std::string text = R"(a: no
b: 012
c: "8"
d: 99%
e: $2.5/h
f: 'a: b # c'
g: a:b#c
h: "line\nbreak \"quoted\" \\ \t\x85 é 漢 😀"
i: [1e6, -5, .5, 0x10, ~, null, "null", '', 'true', yes, 1_000, 2026-01-01, "- x", "{", a b]
j: {"a: b": 1, "": 2, 'null': 3, "<<": 4, "? q": {x: [], y: {}}}
k: >-
  folded
  text
l: |
  kept
  text
m:
n: plain text
  over two lines
o: "%x"
p: [[1, [2, 3]], [{a: [{b: c}]}, []]]
q: ['1', "012", "no", "~"]
"?x": '@y'
'*a': '&b'
'!t': "`"
)";
  CHECK(outline(rewritten(text)) == outline(text));
  CHECK(outline(rewritten("{a: {b: {c: 8/s, d: [99%, -1, $2/h, a:b, x y]}}}\n")) ==
        outline("{a: {b: {c: 8/s, d: [99%, -1, $2/h, a:b, x y]}}}\n"));
  CHECK(outline(rewritten("a: 1\n", {"b.c=no", "b.d=\"8\"", "e=[1, 'x: y']", "f="})) ==
        outline("{a: 1, b: {c: no, d: '8'}, e: [1, 'x: y'], f: }"));
}

TEST_CASE("what is long, deep or nothing is written too") {
  const std::string words(200, 'x');
  const std::string text = "a: {b: [" + words + ", {c: " + words + "}], d: '" + words + "'}\n";
  CHECK(outline(rewritten(text)) == outline(text));
  std::string deep = "a: ";
  for (int i = 0; i < 10; ++i) {
    deep += "[{k: ";
  }
  deep += words;
  for (int i = 0; i < 10; ++i) {
    deep += "}]";
  }
  CHECK(outline(rewritten(deep)) == outline(deep));
  CHECK(rewritten("a: [") == "");
  CHECK(outline(rewritten("")) == "~");
}

TEST_CASE("a rewritten file loads as the old one does with its overrides") {
  const Sets sets{"cluster.replicas=2", "engine.max_num_seqs=64", "workload.rate_scale=1.5",
                  "prices.gpu=$3/h", "slo={ttft: 1s, attainment: 95%}"};
  for (const auto& entry : std::filesystem::directory_iterator(test::source_dir() / "workloads")) {
    if (entry.path().extension() != ".yaml") {
      continue;
    }
    const std::string path = entry.path().string();
    CAPTURE(path);
    const std::string text = test::read_file(entry.path());
    LoadOptions options;
    options.sets = sets;
    const Loaded with_sets = load_scenario_from_text(text, path, options);
    const std::string again = rewrite(
        text, path, {.sets = sets, .without = {}, .folder = entry.path().parent_path().string()});
    const Loaded loaded = load_scenario_from_text(again, path, {});
    CHECK(loaded.ok == with_sets.ok);
    CHECK(to_json(loaded.scenario).dump() == to_json(with_sets.scenario).dump());
  }
}

TEST_CASE("relative paths hold from the new folder") {
  namespace fs = std::filesystem;
  const test::TemporaryFolder temporary;
  const fs::path root = fs::canonical(temporary.path());
  for (const char* folder : {"in/model", "out/deeper", "in/m2"}) {
    fs::create_directories(root / folder);
  }
  for (const char* name : {"in/t.csv", "in/model/config.json", "in/m2/config.json"}) {
    std::ofstream(root / name) << "{}\n";
  }
  const auto turned = [&root](const std::string& text, const std::string& folder,
                              const Sets& sets = {}) {
    return rewrite(text, (root / "in" / "w.yaml").string(),
                   {.sets = sets, .without = {}, .folder = (root / folder).string()});
  };
  const std::string text = "model: ./model\nworkload:\n  trace: {file: t.csv}\n";
  CHECK(turned(text, "in") == text);
  CHECK(turned(text, "out/deeper") ==
        "model: ../../in/model\nworkload:\n  trace: {file: ../../in/t.csv}\n");
  CHECK(turned(text, ".") == "model: in/model\nworkload:\n  trace: {file: in/t.csv}\n");
  CHECK(turned("model: model/config.json\n", "in/model") == "model: config.json\n");
  CHECK(turned("model: ../in/m2\n", "in") == "model: ../in/m2\n");
  CHECK(turned("model: llama-3.1-8b\n", "out") == "model: llama-3.1-8b\n");
  CHECK(turned("model: meta-llama/Llama-3.1-8B\n", "out") == "model: meta-llama/Llama-3.1-8B\n");
  const std::string absolute = "model: " + (root / "in/model/config.json").string() + "\n";
  CHECK(turned(absolute, "out") == absolute);
  // A path of --set starts in the current folder.
  const std::string here = fs::relative(fs::current_path(), root / "out").string();
  CHECK(turned(text, "out", {"workload.trace.file=data/x.csv"}) ==
        "model: ../in/model\nworkload:\n  trace: {file: " + here + "/data/x.csv}\n");
  const std::string again = (root / "out" / "w.yaml").string();
  const Loaded loaded = load_scenario_from_text(turned(text, "out"), again, {});
  CHECK(fs::equivalent(loaded.scenario.workload.trace->path, root / "in" / "t.csv"));
}

TEST_CASE("a file is rewritten for some of its classes, at their rates") {
  CHECK(rewrite(R"(workload:
  rate: 10/s
  rate_scale: 2
  classes:
    - {name: chat, share: 60%, rate_scale: 3, lengths: azure-conv-2023}
    - {name: code, share: 40%, lengths: azure-code-2023}
  trace: {file: /tmp/t.csv, rate_scale: 2}
)",
                "w.yaml", {.sets = {}, .without = {}, .folder = "", .classes = {{"chat", 36}}}) ==
        R"(workload:
  classes:
    - {name: chat, lengths: azure-conv-2023, rate: 36/s}
)");
}

}  // namespace
}  // namespace penstock::config
