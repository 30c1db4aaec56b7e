#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tools/validation/families.h"

/// Published systems that ran on other engines than vLLM V1.
namespace penstock {

/// Why a point of such an engine cannot be simulated; empty if it can.
std::string_view why_not_engine(const PublishedPoint& point);

/// The system of such a point; `more` stands in its `engine: {...}` behind the preset.
System engine_system(const PublishedPoint& point, std::string_view more);

/// How many requests of these lengths a run of NVIDIA's tables has (perf-overview.md).
std::size_t offline_requests(std::int64_t input, std::int64_t output);
/// Equal requests that are all there at 0, so many.
Run play_offline(const PublishedPoint& point, std::int64_t input, std::int64_t output);

/// The version of TensorRT-LLM that a point is of: "v1.0".
std::string_view offline_version(const PublishedPoint& point);

/// Simulates those that can be.
std::vector<ComparedFamily> compare_engine_families(const std::vector<PublishedPoint>& points);

}  // namespace penstock
