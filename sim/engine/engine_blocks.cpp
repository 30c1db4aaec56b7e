// The blocks of a replica's sequences, and what the prefix cache knows of them.

#include <algorithm>

#include "sim/core/assert.h"
#include "sim/core/rng.h"
#include "sim/engine/engine_state.h"

namespace penstock {

void EngineState::open_holding(Sequence& s, const Content& content) {
  const std::int64_t positions = s.prompt + s.output - 1;
  PrefixCache* cache = pool.cache();
  if (host || radix) {  // all its blocks have names there, those too that nobody else can ask for
    Content all = content;
    all.push_back({mix_bits(s.id + 0x7072697661746521), 0, positions});
    s.holding =
        radix ? radix->open(all) : cache->open(block_keys(all, positions, spec_.block_size));
  } else if (cache != nullptr && !content.empty()) {
    s.holding = cache->open(block_keys(content, positions, spec_.block_size));
  }
}

void EngineState::close_holding(Sequence& s) {
  if (s.holding == PrefixCache::none) {
    return;
  }
  if (radix) {
    radix->close(s.holding);
  } else {
    pool.cache()->close(s.holding);
  }
  s.holding = PrefixCache::none;
}

PrefixCache::Hit EngineState::lookup_head() { return lookup(waiting.head()); }

PrefixCache::Hit EngineState::lookup(Slot slot) {
  const Sequence& s = sequences[slot];
  if (s.holding == PrefixCache::none) {
    return {};
  }
  const std::int64_t tokens = s.prompt + s.emitted - 1;
  if (radix) {
    return radix->lookup(s.holding, tokens);
  }
  publish_due(next_admission_);
  return pool.cache()->lookup(s.holding, full_blocks(tokens, spec_.block_size));
}

void EngineState::take_hit(Slot slot, const PrefixCache::Hit& hit) {
  const Sequence& s = sequences[slot];
  if (radix) {
    radix->lock(s.holding);
    PENSTOCK_ASSERT(pool.allocate(hit.free));
    return;
  }
  if (hit.blocks > 0) {
    pool.touch(s.holding, hit);
    shared_blocks += hit.blocks - hit.free;
  }
  if (s.holding != PrefixCache::none && caches_late_) {
    awaited_.push_back({slot, s.admission, hit.blocks});
  }
}

void EngineState::publish_chunk(Slot slot, bool completes) {
  const Sequence& s = sequences[slot];
  if (!caches_late_) {
    publish_due(s.admission);
    pool.cache()->publish(s.holding, full_blocks(s.computed, spec_.block_size));
  } else if (completes || radix) {
    computed_.push_back({slot, s.admission, s.computed});
  }
}

bool EngineState::goes_on(Slot slot, std::uint32_t admission) const {
  const Sequence& s = sequences[slot];
  return s.id != no_request && s.admission == admission && s.holding != PrefixCache::none &&
         s.state != SequenceState::waiting;
}

void EngineState::store(const std::vector<Computed>& all) {
  for (const Computed& one : all) {
    if (!goes_on(one.slot, one.admission)) {
      continue;
    }
    const std::uint32_t holding = sequences[one.slot].holding;
    if (radix) {
      pool.release(radix->store(holding, one.positions));
    } else {
      pool.cache()->publish(holding, full_blocks(one.positions, spec_.block_size));
    }
  }
}

void EngineState::store_computed() {
  if (radix) {
    radix->trim(pool.free());
  }
  store(computed_before_);
  computed_before_.clear();
  std::swap(computed_before_, computed_);
  if (!spec_.async_scheduling || last_step_end <= now_) {  // none in flight
    store(computed_before_);
    computed_before_.clear();
  }
  std::erase_if(awaited_, [this](const Awaited& one) {
    return !goes_on(one.slot, one.admission) ||
           (*pool.cache())[sequences[one.slot].holding].blocks.size() >
               static_cast<std::size_t>(one.block);
  });
}

bool EngineState::is_being_computed(Slot slot, const PrefixCache::Hit& hit) const {
  // Block `block` of a sequence, if it is one of the full ones of its first `tokens` tokens.
  const auto key_of = [this](const Sequence& s, std::int64_t block, std::int64_t tokens) {
    const std::vector<std::uint64_t>& keys = (*pool.cache())[s.holding].keys;
    const auto at = static_cast<std::size_t>(block);
    return block < full_blocks(tokens, spec_.block_size) && at < keys.size() ? &keys[at] : nullptr;
  };
  const Sequence& s = sequences[slot];
  if (s.holding == PrefixCache::none) {
    return false;
  }
  const std::uint64_t* wanted = key_of(s, hit.blocks, s.prompt + s.emitted - 1);
  return wanted != nullptr &&
         std::any_of(awaited_.begin(), awaited_.end(), [&](const Awaited& one) {
           const Sequence& other = sequences[one.slot];
           const std::uint64_t* key =
               goes_on(one.slot, one.admission) ? key_of(other, one.block, other.target) : nullptr;
           return key != nullptr && *key == *wanted;
         });
}

void EngineState::expect_publication(Slot slot) {
  const Sequence& s = sequences[slot];
  if (s.holding == PrefixCache::none || caches_late_) {
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
  if (looks_at_queue) {
    return 0;
  }
  return publications_.empty() ? INT64_MAX : publications_.top().step;
}

void EngineState::release_blocks(Sequence& s, std::int64_t positions, std::uint32_t turn,
                                 bool returns) {
  if (radix) {
    radix->trim(pool.free());
    // Who was lucky with its drafts holds less than it has emitted.
    const std::int64_t stored = std::min(positions, s.blocks * spec_.block_size);
    pool.release(returns ? radix->drop(s.holding, s.blocks)
                         : radix->finish(s.holding, s.blocks, stored));
  } else {
    release_pool_blocks(s, positions, turn, returns);
  }
  s.blocks = 0;
  pool.release(s.fixed_blocks);
  s.fixed_blocks = 0;
}

void EngineState::release_pool_blocks(Sequence& s, std::int64_t positions, std::uint32_t turn,
                                      bool returns) {
  PrefixCache* cache = pool.cache();
  const std::int64_t full = std::min(full_blocks(positions, spec_.block_size), s.blocks);
  if (cache != nullptr && s.holding == PrefixCache::none && returns && full > 0) {
    s.holding = cache->open({});  // it may hit its own blocks
  }
  if (s.holding == PrefixCache::none) {
    pool.release(s.blocks);
    return;
  }
  publish_due(turn);
  cache->publish(s.holding, full);
  if (host) {
    const PrefixCache::Holding& holding = (*cache)[s.holding];
    const auto named = static_cast<std::ptrdiff_t>(holding.blocks.size());
    host->store({holding.keys.begin(), holding.keys.begin() + named}, now_);
  }
  const std::int64_t free = pool.free();
  pool.release(s.holding, s.blocks, full, returns);
  shared_blocks -= s.blocks - (pool.free() - free);
}

std::int64_t EngineState::blocks_of(const Sequence& s, std::int64_t step) const {
  return s.state == SequenceState::decoding ? blocks_in(s, step - 1) : s.blocks;
}

std::int64_t EngineState::draw_steps(const Sequence& s, std::int64_t tokens) const {
  const std::uint64_t key = mix_bits(seed_ + 0x73706563756c6174) ^ mix_bits(s.id);
  const std::int64_t steps =
      acceptance_->draw_steps(tokens, mix_bits(key + static_cast<std::uint64_t>(tokens)));
  if (spec_.scheduler != "tensorrt_llm") {
    return steps;
  }
  // Nobody is so unlucky as to grow beyond the pool: no evict never takes blocks back.
  const std::int64_t last = s.prompt + s.output;
  const std::int64_t pool_tokens =
      (pool.usable() - spec_.per_sequence.blocks(last)) * spec_.block_size;
  const std::int64_t room = pool_tokens - (last - 1 - tokens) - pace_.ahead;
  const std::int64_t in_vain = spec_.finishes_late() ? 1 : 0;
  return std::min(steps, full_blocks(room * pace_.unit, pace_.advance) - in_vain);
}

std::int64_t EngineState::longest_held(const Sequence& s) const {
  const std::int64_t known = s.prompt + s.emitted;
  const std::int64_t steps = draw_steps(s, s.prompt + s.output - 1 - known);
  const std::int64_t in_vain = spec_.finishes_late() ? 1 : 0;
  return known + pace_.ahead + blocks_for((steps + in_vain) * pace_.advance, pace_.unit);
}

}  // namespace penstock
