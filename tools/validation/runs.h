#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/metrics/summary.h"
#include "sim/request_source.h"
#include "sim/result.h"
#include "sim/scenario.h"

namespace penstock {

/// A system under test, in the words of a workload file.
struct System {
  std::string model;
  std::string weights = "bf16";
  std::string kv_cache = "bf16";
  std::string gpu;
  int tensor_parallel = 1;
  std::string engine;  ///< what stands inside `engine: {...}`
  int pipeline_parallel = 1;
  int data_parallel = 1;
  int expert_parallel = 1;
};

struct Run {
  Scenario scenario;
  Result result;
  Summary summary;
};

/// A workload to stand where none is played.
inline constexpr std::string_view no_workload =
    "{requests: 1, classes: [{name: default, rate: 1/s, lengths: {input: 1, output: 1}}]}";

/// The scenario of a system and of what stands in `workload: ...`. `must_fit` as in
/// config::LoadOptions. Throws std::runtime_error, with what is wrong, if there is none.
Scenario load_system(const System& system, std::string_view workload = no_workload,
                     bool must_fit = true);

/// Plays the scenario's own workload. Throws std::runtime_error if it cannot be opened.
Run play(const Scenario& scenario);
/// Plays these requests, which are in order of arrival.
Run play(const Scenario& scenario, std::vector<Request> requests);

/// `count` Poisson arrivals of equal requests, stretched so that the last one comes at count /
/// rate_per_s: what `vllm bench serve` sends.
std::vector<Request> poisson_requests(std::uint64_t count, double rate_per_s,
                                      std::int64_t input_tokens, std::int64_t output_tokens);

}  // namespace penstock
