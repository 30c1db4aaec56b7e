#include "config/schema.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/command.h"

namespace penstock {
namespace {

using SchemaJson = nlohmann::json;

/// Whether a JSON Schema names the key at a dotted path: `x[]` an item, `x.*` any name.
bool names(const SchemaJson& schema, const std::string& path) {
  if (path.empty()) {
    return true;
  }
  if (schema.contains("anyOf")) {
    for (const SchemaJson& one : schema["anyOf"]) {
      if (names(one, path)) {
        return true;
      }
    }
    return false;
  }
  if (path.starts_with("[]")) {
    const std::size_t skip = path.size() > 2 && path[2] == '.' ? 3 : 2;
    return schema.contains("items") && names(schema["items"], path.substr(skip));
  }
  const std::size_t end = std::min(path.find_first_of(".["), path.size());
  const std::string name = path.substr(0, end);
  const std::size_t skip = end < path.size() && path[end] == '.' ? end + 1 : end;
  if (name == "*") {
    return schema.contains("additionalProperties") &&
           names(schema["additionalProperties"], path.substr(skip));
  }
  return schema.contains("properties") && schema["properties"].contains(name) &&
         names(schema["properties"][name], path.substr(skip));
}

}  // namespace

TEST_CASE("the JSON Schema names every key of the workload file, and no other") {
  const test::CommandResult result = test::run_penstock({"schema", "--json-schema"});
  REQUIRE(result.exit_code == 0);
  const SchemaJson schema = SchemaJson::parse(result.out);
  CHECK(schema["$schema"] == "http://json-schema.org/draft-07/schema#");
  for (const config::Key& key : config::workload_schema()) {
    CAPTURE(key.path);
    CHECK(names(schema, std::string(key.path)));
  }
  CHECK_FALSE(names(schema, "engine.max_num_sequences"));
  CHECK(schema["additionalProperties"] == false);
  const SchemaJson& engine = schema["properties"]["engine"]["properties"];
  CHECK(engine["scheduling_policy"]["enum"] == SchemaJson{"fcfs", "priority"});
  CHECK(engine["max_num_seqs"]["minimum"] == 1);
  CHECK(engine["enable_prefix_caching"]["type"] == "boolean");
  CHECK(schema["required"] == SchemaJson{"model", "workload"});
}

TEST_CASE("schema takes one form at a time") {
  CHECK(test::run_penstock({"schema", "--markdown", "--json-schema"}).exit_code == 2);
}

}  // namespace penstock
