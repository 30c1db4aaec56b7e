#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace penstock {

/// CUDA graphs replay fixed sizes: a step of at most the largest captured token count is padded to
/// the next captured one; larger steps run as they are.
class Padding {
 public:
  Padding() = default;
  /// `sizes`: captured token counts, ascending; empty = no padding.
  explicit Padding(const std::vector<std::int64_t>& sizes) {
    for (const std::int64_t size : sizes) {
      while (static_cast<std::int64_t>(padded_.size()) <= size) {
        padded_.push_back(size);
      }
    }
  }

  std::int64_t padded(std::int64_t tokens) const {
    const auto index = static_cast<std::size_t>(tokens);
    return index < padded_.size() ? padded_[index] : tokens;
  }

 private:
  std::vector<std::int64_t> padded_;  ///< by token count
};

}  // namespace penstock
