#pragma once

#include <string>

#include "config/schema.h"

namespace penstock::cli {

/// The schema of a file as JSON Schema (draft 07, what editors understand): names, kinds, choices,
/// ranges of plain numbers and the spelling of units. What depends on several keys at once only
/// Penstock itself checks.
std::string json_schema(config::Schema schema, const std::string& title);

}  // namespace penstock::cli
