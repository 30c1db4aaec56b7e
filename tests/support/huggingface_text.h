#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/huggingface.h"
#include "config/render.h"

/// A config.json as text, for the tests of config/.
namespace penstock::test {

/// What came of a config.json.
struct Parsed {
  std::optional<config::HuggingFaceModel> model;
  Diagnostics diagnostics;
  std::string text;
  std::vector<std::string> notes;
};

inline Parsed parse_config(const std::string& json) {
  config::Reporter reporter;
  Parsed parsed;
  parsed.model = config::parse_huggingface(
      std::make_shared<const config::Source>("config.json", json), "mine", reporter);
  parsed.diagnostics = reporter.take();
  parsed.text = config::render(parsed.diagnostics, false);
  parsed.notes = reporter.take_notes();
  return parsed;
}

/// A config.json of `type` with the shape of Llama-3.1-8B and these further members.
inline std::string llama_config(const std::string& type, const std::string& more = "") {
  return "{\n  \"model_type\": \"" + type + R"(",
  "hidden_size": 4096,
  "intermediate_size": 14336,
  "max_position_embeddings": 131072,
  "num_attention_heads": 32,
  "num_hidden_layers": 32,
  "num_key_value_heads": 8,
  "vocab_size": 128256)" +
         (more.empty() ? "" : ",\n  " + more) + "\n}\n";
}

}  // namespace penstock::test
