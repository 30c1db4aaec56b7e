#include <algorithm>
#include <vector>

#include "sim/core/assert.h"
#include "sim/engine/engine_state.h"

/// The engine's side of the host-memory tier (scheduler-semantics 4.6).
namespace penstock {

std::int64_t EngineState::lookup_host(const PrefixCache::Hit& hit) const {
  const Sequence& s = sequences[waiting.head()];
  if (!host) {
    return 0;
  }
  const std::vector<std::uint64_t>& keys = (*pool.cache())[s.holding].keys;
  const std::int64_t limit = std::min((s.prompt + s.emitted - 1) / spec_.block_size,
                                      static_cast<std::int64_t>(keys.size()));
  if (hit.blocks >= limit) {
    return 0;
  }
  const std::int64_t found = host->match(std::span(keys).first(static_cast<std::size_t>(limit)));
  return std::max<std::int64_t>(0, found - hit.blocks);
}

bool EngineState::load_head(const PrefixCache::Hit& hit, std::int64_t blocks) {
  const Slot slot = waiting.head();
  Sequence& s = sequences[slot];
  const std::vector<std::uint64_t>& keys = (*pool.cache())[s.holding].keys;
  const std::int64_t all = hit.blocks + blocks;
  const SimTime ready = host->load({keys.begin(), keys.begin() + all}, blocks, now_);
  hold(s);
  if (hit.blocks > 0) {
    pool.touch(s.holding, hit);
  }
  PENSTOCK_ASSERT(pool.allocate(blocks));
  s.blocks = all;
  s.computed = hit.blocks * spec_.block_size;
  s.from_host = blocks * spec_.block_size;
  if (ready <= now_) {
    loaded(s);
    return true;
  }
  waiting.pop_head();
  s.state = SequenceState::loading;
  loading.push_back({ready, slot});
  return false;
}

/// The blocks have come: they can be hit, and the sequence goes on behind them.
void EngineState::loaded(Sequence& s) {
  s.computed = s.blocks * spec_.block_size;
  pool.cache()->publish(s.holding, s.blocks);
}

void EngineState::take_loaded() {
  host->advance(now_);
  std::size_t ready = 0;
  for (; ready < loading.size() && loading[ready].ready <= now_; ++ready) {
    Sequence& s = sequences[loading[ready].slot];
    loaded(s);
    s.state = SequenceState::waiting;
  }
  for (std::size_t i = ready; i > 0; --i) {  // the first one comes to stand first
    waiting.push_preempted(loading[i - 1].slot);
  }
  loading.erase(loading.begin(), loading.begin() + static_cast<std::ptrdiff_t>(ready));
}

bool EngineState::give_back_loaded(Slot spared, std::uint32_t turn) {
  if (!host) {
    return false;
  }
  Slot last = no_slot;
  waiting.for_each(
      [&](Slot slot) { last = slot != spared && sequences[slot].blocks > 0 ? slot : last; });
  if (last == no_slot) {
    return false;
  }
  Sequence& s = sequences[last];
  hold(s);
  release_blocks(s, s.computed, turn, true);
  s.computed = 0;
  s.from_host = 0;
  return true;
}

SimTime EngineState::next_load() const {
  const SimTime load = loading.empty() ? SimTime::never() : loading.front().ready;
  return host && !waiting.empty() ? std::min(load, host->next_store()) : load;
}

}  // namespace penstock
