#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tools/validation/measured.h"

namespace penstock {
namespace {

using nlohmann::json;

std::ifstream open(const std::filesystem::path& path) {
  std::ifstream in(path);
  if (!in) {
    throw std::runtime_error("cannot read " + path.string());
  }
  return in;
}

StepVector step_vector(const json& v) {
  StepVector out;
  out.system = {.model = v.at("model"),
                .weights = v.at("weights"),
                .kv_cache = v.at("kv"),
                .gpu = v.at("gpu"),
                .tensor_parallel = v.value("tp", 1),
                .engine = "",
                .data_parallel = v.value("dp", 1),
                .expert_parallel = v.value("ep", 1)};
  out.preset = v.at("engine");
  out.system.engine = "preset: " + out.preset;
  out.load.decodes = v.value("decode", std::int64_t{0});
  out.load.kv_sum = v.value("kv_sum", std::int64_t{0});
  out.load.kv_max = v.value("kv_max", std::int64_t{0});
  for (const json& chunk : v.value("chunks", json::array())) {
    out.chunks.push_back({.q = chunk.at(0), .context = chunk.at(1)});
  }
  out.load.sampled = out.load.decodes + static_cast<std::int64_t>(out.chunks.size());
  out.expected_ms = v.at("expected_ms");
  out.measured = v.value("measured", "");
  return out;
}

}  // namespace

std::vector<MeasuredRequest> read_measured_requests(const std::filesystem::path& path) {
  std::ifstream in = open(path);
  std::vector<json> lines;
  for (std::string line; std::getline(in, line);) {
    lines.push_back(json::parse(line));
  }
  const auto queued = [](const json& line) { return line.at("queued_ts").get<double>(); };
  std::stable_sort(lines.begin(), lines.end(),
                   [&](const json& a, const json& b) { return queued(a) < queued(b); });
  std::vector<MeasuredRequest> out;
  for (const json& line : lines) {
    const auto time = [&](const char* key) {
      return SimTime::from_seconds(line.at(key).get<double>() - queued(lines.front()));
    };
    MeasuredRequest& one = out.emplace_back();
    one.request.arrival = time("queued_ts");
    one.request.input_tokens = line.at("input_toks");
    one.request.output_tokens = line.at("output_toks");
    one.scheduled = time("scheduled_ts");
    one.first_token = time("first_token_ts");
    one.last_token = time("last_token_ts");
  }
  return out;
}

std::vector<StepVector> read_step_vectors(const std::filesystem::path& path) {
  std::ifstream in = open(path);
  std::vector<StepVector> out;
  const json file = json::parse(in);
  for (const json& v : file.at("vectors")) {
    out.push_back(step_vector(v));
  }
  return out;
}

}  // namespace penstock
