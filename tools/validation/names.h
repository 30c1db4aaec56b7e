#pragma once

#include <string>
#include <string_view>

/// What publications call a model or a GPU, and what the catalogue calls it.
namespace penstock {

/// The catalogue's name; empty if this program knows none. Fine-tuned models have the shapes of
/// what they were made from.
std::string model_named(std::string_view published);
std::string gpu_named(std::string_view published);

/// Whether a model has routed experts, by its published name.
bool is_moe(std::string_view model);

}  // namespace penstock
