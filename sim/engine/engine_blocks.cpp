// The blocks of a replica's sequences, and what the prefix cache knows of them.

#include <algorithm>

#include "sim/core/assert.h"
#include "sim/core/rng.h"
#include "sim/engine/engine_state.h"

namespace penstock {

PrefixCache::Hit EngineState::lookup_head() {
  const Sequence& s = sequences[waiting.head()];
  if (s.holding == PrefixCache::none) {
    return {};
  }
  publish_due(next_admission_);
  return pool.cache()->lookup(s.holding, full_blocks(s.prompt + s.emitted - 1, spec_.block_size));
}

void EngineState::expect_publication(Slot slot) {
  const Sequence& s = sequences[slot];
  if (s.holding == PrefixCache::none) {
    return;
  }
  const PrefixCache::Holding& holding = (*pool.cache())[s.holding];
  if (holding.blocks.size() < holding.keys.size()) {
    const auto positions = static_cast<std::int64_t>(holding.blocks.size() + 1) * spec_.block_size;
    const std::int64_t step =
        pace_.steps_for(positions * pace_.unit - s.base) + (spec_.async_scheduling ? 1 : 0);
    if (step <= s.finish) {
      publications_.push({step, s.admission, slot});
    }
  }
}

void EngineState::publish_due(std::uint32_t admission) {
  const Publication until{step_, admission, no_slot};
  while (!publications_.empty() && until > publications_.top()) {
    const Publication due = publications_.top();
    publications_.pop();
    const Sequence& s = sequences[due.slot];
    const bool goes_on = s.state == SequenceState::decoding || s.state == SequenceState::draining;
    if (goes_on && !elsewhere(s) && s.holding != PrefixCache::none &&
        s.admission == due.admission) {
      pool.cache()->publish(s.holding, full_blocks(known_positions(s, due.step), spec_.block_size));
      expect_publication(due.slot);
    }
  }
}

std::int64_t EngineState::next_publication() const {
  return publications_.empty() ? INT64_MAX : publications_.top().step;
}

void EngineState::release_blocks(Sequence& s, std::int64_t positions, std::uint32_t turn,
                                 bool returns) {
  PrefixCache* cache = pool.cache();
  const std::int64_t full = std::min(full_blocks(positions, spec_.block_size), s.blocks);
  if (cache != nullptr && s.holding == PrefixCache::none && returns && full > 0) {
    s.holding = cache->open({});  // it may hit its own blocks
  }
  if (s.holding == PrefixCache::none) {
    pool.release(s.blocks);
  } else {
    publish_due(turn);
    cache->publish(s.holding, full);
    if (host) {
      const PrefixCache::Holding& holding = (*cache)[s.holding];
      const auto named = static_cast<std::ptrdiff_t>(holding.blocks.size());
      host->store({holding.keys.begin(), holding.keys.begin() + named}, now_);
    }
    pool.release(s.holding, s.blocks, full, returns);
  }
  s.blocks = 0;
  pool.release(s.fixed_blocks);
  s.fixed_blocks = 0;
}

std::int64_t EngineState::blocks_of(const Sequence& s, std::int64_t step) const {
  return s.state == SequenceState::decoding ? blocks_in(s, step - 1) : s.blocks;
}

std::int64_t EngineState::draw_steps(Sequence& s, std::int64_t tokens) const {
  const std::uint64_t key = mix_bits(seed_ + 0x73706563756c6174) ^ mix_bits(s.id);
  s.decode_tokens = tokens;
  s.decode_steps =
      acceptance_->draw_steps(tokens, mix_bits(key + static_cast<std::uint64_t>(tokens)));
  return s.decode_steps;
}

void EngineState::close_holding(Sequence& s) {
  if (s.holding != PrefixCache::none) {
    pool.cache()->close(s.holding);
    s.holding = PrefixCache::none;
  }
}

}  // namespace penstock
