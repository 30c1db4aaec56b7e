#include "tools/validation/names.h"

#include <algorithm>
#include <array>
#include <span>

namespace penstock {
namespace {

struct PublishedName {
  std::string_view published;
  std::string_view ours;
};

constexpr std::array<PublishedName, 45> models{
    {{"Llama-3.1-8B", "llama-3.1-8b"},
     {"Llama-3.1-8B-Instruct", "llama-3.1-8b"},
     {"DeepSeek-R1-Distill-Llama-8B", "llama-3.1-8b"},
     {"Meta-Llama-3-8B-Instruct", "llama-3-8b"},
     {"DeepSeek-R1-Distill-Llama-70B", "llama-3.1-70b"},
     {"Llama-3.1-Nemotron-70B-Instruct-HF-FP8-dynamic", "llama-3.1-70b"},
     {"DeepSeek-R1-Distill-Qwen-1.5B", "qwen2.5-1.5b"},
     {"DeepSeek-R1-Distill-Qwen-7B", "qwen2.5-7b"},
     {"DeepSeek-R1-Distill-Qwen-14B", "qwen2.5-14b"},
     {"DeepSeek-R1-Distill-Qwen-32B", "qwen2.5-32b"},
     {"phi-4", "phi-4-14b"},
     {"gemma-2-9b-it", "gemma-2-9b"},
     {"Llama-2-70B", "llama-2-70b"},
     {"Llama-3.1-70B", "llama-3.1-70b"},
     {"Llama-3.1-70B-Instruct", "llama-3.1-70b"},
     {"Llama-3.3-70B", "llama-3.3-70b"},
     {"Qwen3-8B", "qwen3-8b"},
     {"Qwen3-32B", "qwen3-32b"},
     {"Qwen3-30B-A3B-Instruct-2507", "qwen3-30b-a3b"},
     {"Qwen3-235B-A22B", "qwen3-235b-a22b"},
     {"Qwen3-235B-A22B-Instruct-2507-FP8", "qwen3-235b-a22b"},
     {"Qwen3.5-397B-A17B", "qwen3.5-397b-a17b"},
     {"Llama-4-Maverick-400B-A17B", "llama-4-maverick-17b-128e"},
     {"DeepSeek-V3-671B-A37B", "deepseek-v3"},
     {"Mixtral-8x7B", "mixtral-8x7b"},
     {"Mixtral-8x22B", "mixtral-8x22b"},
     {"Mistral-7B", "mistral-7b-v0.3"},
     {"gpt-oss-20b", "gpt-oss-20b"},
     {"gpt-oss-120b", "gpt-oss-120b"},
     {"DeepSeek-R1-0528", "deepseek-r1"},
     {"DeepSeek-V3.1", "deepseek-v3"},
     {"gemma-3-12b-it", "gemma-3-12b"},
     {"gemma-3-27b-it", "gemma-3-27b"},
     {"Llama-3.1-405B-Instruct", "llama-3.1-405b"},
     {"Llama-3.1-405B-Instruct-FP8", "llama-3.1-405b"},
     {"Llama-3.3-70B-Instruct", "llama-3.3-70b"},
     {"Llama-4-Maverick-17B-128E-Instruct-FP8", "llama-4-maverick-17b-128e"},
     {"Llama-4-Scout-17B-16E-Instruct", "llama-4-scout-17b-16e"},
     {"NVIDIA-Nemotron-Nano-9B-v2", "nemotron-nano-9b-v2"},
     {"Qwen3-14B", "qwen3-14b"},
     {"Qwen3-30B-A3B", "qwen3-30b-a3b"},
     {"Qwen3-235B-A22B-Instruct-2507", "qwen3-235b-a22b"},
     {"Qwen3-235B-A22B-Thinking-2507", "qwen3-235b-a22b"},
     {"Qwen3-235B-A22B-Thinking-2507-FP8", "qwen3-235b-a22b"},
     {"Qwen3-30B-A3B-Thinking-2507", "qwen3-30b-a3b"}}};
constexpr std::array<PublishedName, 11> gpus{{{"A100-SXM", "a100-80-sxm"},
                                              {"H100", "h100-sxm"},
                                              {"H100-PCIe", "h100-pcie"},
                                              {"H100-NVL?", "h100-nvl"},
                                              {"H200", "h200-sxm"},
                                              {"B200", "b200"},
                                              {"A100-PCIe", "a100-80-pcie"},
                                              {"L40S", "l40s"},
                                              {"GB200", "gb200"},
                                              {"RTX-4090", "rtx-4090"},
                                              {"RTXPRO6000", "rtx-pro-6000"}}};

std::string find_name(std::span<const PublishedName> names, std::string_view published) {
  const auto found = std::find_if(names.begin(), names.end(), [&](const PublishedName& name) {
    return name.published == published;
  });
  return found == names.end() ? "" : std::string(found->ours);
}

}  // namespace

std::string model_named(std::string_view published) { return find_name(models, published); }
std::string gpu_named(std::string_view published) { return find_name(gpus, published); }

bool is_moe(std::string_view model) {
  constexpr std::array<std::string_view, 6> signs{"-A",      "DeepSeek-V3", "DeepSeek-R1-0",
                                                  "gpt-oss", "Llama-4",     "Mixtral"};
  return std::any_of(signs.begin(), signs.end(), [&](std::string_view sign) {
    return model.find(sign) != std::string_view::npos;
  });
}

}  // namespace penstock
