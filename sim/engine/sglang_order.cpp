#include "sim/engine/sglang_order.h"

#include "sim/kv/radix_cache.h"

namespace penstock {

namespace {

constexpr std::int64_t most_sorted = 128;  // with more that wait, the order stays
constexpr std::int64_t in_batch_prefix = 32;
constexpr std::int64_t put_off = 1;

}  // namespace

void LongestPrefixFirst::sort(EngineState& engine) {
  if (engine.waiting.size() > most_sorted) {
    return;
  }
  key_.clear();
  RadixCache first_ones(1);  // of those that begin alike
  engine.waiting.for_each([&](Slot slot) {
    const Sequence& s = engine.sequences[slot];
    const std::int64_t tokens = s.prompt + s.emitted - 1;
    const std::int64_t cached = engine.lookup(slot).blocks * engine.spec().block_size;
    std::int64_t& key = key_[slot] = -cached;
    if (cached <= in_batch_prefix) {
      const Content& content = engine.radix->content(s.holding);
      if (first_ones.match(content, tokens) >= in_batch_prefix) {
        key = put_off;
      } else {
        const std::uint32_t holding = first_ones.open(content);
        first_ones.finish(holding, tokens, tokens);
        first_ones.close(holding);
      }
    }
  });
  engine.waiting.sort([this](Slot a, Slot b) { return key_[a] < key_[b]; });
}

}  // namespace penstock
