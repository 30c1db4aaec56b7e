#pragma once

#include <string_view>
#include <vector>

#include "tools/validation/families.h"

/// Published systems that ran on other engines than vLLM V1.
namespace penstock {

/// Why a point of such an engine cannot be simulated; empty if it can.
std::string_view why_not_engine(const PublishedPoint& point);

/// Simulates those that can be.
std::vector<ComparedFamily> compare_engine_families(const std::vector<PublishedPoint>& points);

}  // namespace penstock
