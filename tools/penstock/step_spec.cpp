#include "tools/penstock/step_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>

#include "config/text.h"
#include "tools/penstock/command.h"

namespace penstock::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 5> keys{"decode", "kv_sum", "kv_max", "window_sum",
                                               "chunks"};
constexpr std::int64_t most_sequences = 1'000'000;
constexpr std::int64_t most_tokens = 1'000'000'000'000;
constexpr std::size_t most_chunks = 100'000;

[[noreturn]] void fail(const std::string& message, const std::string& hint = "") {
  throw UsageError("--step: " + message,
                   hint.empty() ? R"(for example '{"decode": 8, "kv_sum": 4000, "kv_max": 900, )"
                                  R"("chunks": [[512, 0]]}')"
                                : hint);
}

Json parse_object(const std::string& text) {
  std::set<std::string> seen;
  std::optional<std::string> repeated;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::key && depth == 1 &&
        !seen.insert(parsed.get<std::string>()).second) {
      repeated = parsed.get<std::string>();
    }
    return true;
  };
  Json json;
  try {
    json = Json::parse(text, watch);
  } catch (const Json::parse_error& error) {
    fail(fmt::format("not JSON, at character {}: `{}`", error.byte, config::excerpt(text)));
  }
  if (repeated) {
    fail(fmt::format("`{}` is given twice", config::excerpt(*repeated)));
  }
  if (!json.is_object()) {
    fail("a JSON object is needed");
  }
  for (const auto& item : json.items()) {
    if (std::find(keys.begin(), keys.end(), item.key()) == keys.end()) {
      fail(fmt::format("unknown key `{}`", config::excerpt(item.key())),
           config::did_you_mean(item.key(), keys));
    }
  }
  return json;
}

std::int64_t whole(const Json& value, const std::string& what, std::int64_t least,
                   std::int64_t most) {
  const bool fits =
      value.is_number_integer() && (!value.is_number_unsigned() ||
                                    value.get<std::uint64_t>() <= static_cast<std::uint64_t>(most));
  if (!fits || value.get<std::int64_t>() < least || value.get<std::int64_t>() > most) {
    fail(fmt::format("{} is a whole number from {} to {}, not {}", what, least, most,
                     config::excerpt(value.dump(-1, ' ', true, Json::error_handler_t::replace))));
  }
  return value.get<std::int64_t>();
}

std::int64_t whole_or_zero(const Json& json, const char* key, std::int64_t most) {
  return json.contains(key) ? whole(json[key], fmt::format("`{}`", key), 0, most) : 0;
}

std::vector<Chunk> parse_chunks(const Json& json) {
  std::vector<Chunk> chunks;
  if (!json.contains("chunks")) {
    return chunks;
  }
  if (!json["chunks"].is_array() || json["chunks"].size() > most_chunks) {
    fail("`chunks` is a list of [new tokens, tokens before them]");
  }
  for (const Json& chunk : json["chunks"]) {
    if (!chunk.is_array() || chunk.size() != 2) {
      fail("each of `chunks` is [new tokens, tokens before them]");
    }
    chunks.push_back({whole(chunk[0], "a chunk's new tokens", 1, most_sequences),
                      whole(chunk[1], "a chunk's tokens before", 0, 1'000'000'000)});
  }
  return chunks;
}

void check_decodes(const Json& json, StepLoad& load) {
  if (load.decodes == 0) {
    if (load.kv_sum != 0 || load.kv_max != 0) {
      fail("`kv_sum` and `kv_max` need `decode` sequences");
    }
    return;
  }
  if (load.kv_sum < load.decodes) {
    fail(fmt::format("`kv_sum` = {} is too small: each of {} sequences holds at least one token",
                     load.kv_sum, load.decodes));
  }
  const std::int64_t even = (load.kv_sum + load.decodes - 1) / load.decodes;
  if (!json.contains("kv_max")) {
    load.kv_max = even;
  }
  if (load.kv_max < even || load.kv_max > load.kv_sum - (load.decodes - 1)) {
    fail(fmt::format("`kv_max` = {} cannot be the longest of {} sequences that hold {} tokens",
                     load.kv_max, load.decodes, load.kv_sum));
  }
}

}  // namespace

StepSpec parse_step(const std::string& text) {
  const Json json = parse_object(text);
  StepSpec spec;
  spec.chunks = parse_chunks(json);
  spec.load.decodes = whole_or_zero(json, "decode", most_sequences);
  spec.load.kv_sum = whole_or_zero(json, "kv_sum", most_tokens);
  spec.load.kv_max = whole_or_zero(json, "kv_max", most_tokens);
  spec.load.window_sum = whole_or_zero(json, "window_sum", most_tokens);
  check_decodes(json, spec.load);
  if (spec.load.window_sum > spec.load.kv_sum) {
    fail("`window_sum` is a sum of shorter lengths than `kv_sum`");
  }
  if (spec.load.decodes == 0 && spec.chunks.empty()) {
    fail("an empty step: give `decode` sequences, `chunks`, or both");
  }
  spec.load.sampled = spec.load.decodes + static_cast<std::int64_t>(spec.chunks.size());
  return spec;
}

StepLoad step_load(const StepSpec& spec) {
  StepLoad load = spec.load;
  load.chunks = spec.chunks;
  return load;
}

}  // namespace penstock::cli
