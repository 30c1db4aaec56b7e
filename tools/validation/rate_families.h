#pragma once

#include <string>
#include <vector>

#include "tools/validation/families.h"

/// Published systems under requests that come at a rate, or all at once.
namespace penstock {

/// A point of vllm-cost-meter that can be simulated, played on this GPU; the label names it within
/// its family.
Run play_cost_meter(const PublishedPoint& point, const std::string& gpu);
std::string cost_meter_label(const PublishedPoint& point);

/// A point of llm-inference-benchmarks: 200 ShareGPT prompts at a rate.
Run play_short_chats(const PublishedPoint& point);

/// Simulates all points that can be.
std::vector<ComparedFamily> compare_rate_families(const std::vector<PublishedPoint>& points);

}  // namespace penstock
