#include "sim/kv/radix_cache.h"

#include <algorithm>

#include "sim/core/assert.h"
#include "sim/core/rng.h"
#include "sim/kv/block_size.h"

namespace penstock {
namespace {

std::uint64_t mix_in(std::uint64_t key, std::uint64_t value) {
  return mix_bits((key ^ value) + 0x9e3779b97f4a7c15);
}

/// The same tokens in as few spans as can be: equal tokens are equal spans.
Content joined(const Content& content) {
  Content out;
  for (const ContentSpan& span : content) {
    if (!out.empty() && out.back().stream == span.stream &&
        out.back().first + out.back().tokens == span.first) {
      out.back().tokens += span.tokens;
    } else {
      out.push_back(span);
    }
  }
  return out;
}

std::int64_t length(const Content& content) {
  std::int64_t tokens = 0;
  for (const ContentSpan& span : content) {
    tokens += span.tokens;
  }
  return tokens;
}

}  // namespace

RadixCache::RadixCache(std::int64_t page) : page_(page) {
  nodes_.emplace_back();
  nodes_[root].locks = 1;  // stays
}

std::uint32_t RadixCache::open(const Content& content) {
  Holding holding;
  holding.content = joined(content);
  if (spare_holdings_.empty()) {
    holdings_.push_back(std::move(holding));
    return static_cast<std::uint32_t>(holdings_.size() - 1);
  }
  const std::uint32_t index = spare_holdings_.back();
  spare_holdings_.pop_back();
  holdings_[index] = std::move(holding);
  return index;
}

void RadixCache::close(std::uint32_t index) {
  PENSTOCK_ASSERT(holdings_[index].node == root);
  holdings_[index] = {};
  spare_holdings_.push_back(index);
}

void RadixCache::Place::advance(std::int64_t tokens) {
  for (at += tokens; span < content->size() && at >= (*content)[span].tokens; ++span) {
    at -= (*content)[span].tokens;
  }
}

std::uint64_t RadixCache::child_key(std::uint32_t node, Place place) const {
  std::uint64_t key = mix_bits(node);
  for (std::int64_t left = page_; left > 0;) {
    const ContentSpan& span = (*place.content)[place.span];
    const std::int64_t taken = std::min(left, span.tokens - place.at);
    key =
        mix_in(mix_in(mix_in(key, span.stream), static_cast<std::uint64_t>(span.first + place.at)),
               static_cast<std::uint64_t>(taken));
    left -= taken;
    place.advance(taken);
  }
  return key;
}

std::int64_t RadixCache::common(const Content& label, Place place, std::int64_t limit) {
  Place own{&label};
  std::int64_t same = 0;
  while (same < limit && own.span < label.size()) {
    const ContentSpan& a = label[own.span];
    const ContentSpan& b = (*place.content)[place.span];
    if (a.stream != b.stream || a.first + own.at != b.first + place.at) {
      break;
    }
    const std::int64_t run = std::min(a.tokens - own.at, b.tokens - place.at);
    same += run;
    own.advance(run);
    place.advance(run);
  }
  return std::min(same, limit);
}

Content RadixCache::slice(Place place, std::int64_t tokens) {
  Content out;
  while (tokens > 0) {
    const ContentSpan& span = (*place.content)[place.span];
    const std::int64_t taken = std::min(tokens, span.tokens - place.at);
    out.push_back({span.stream, span.first + place.at, taken});
    tokens -= taken;
    place.advance(taken);
  }
  return out;
}

void RadixCache::note_leaf(std::uint32_t node, bool is_leaf) {
  if (is_leaf) {
    leaves_.insert({nodes_[node].used, node});
  } else {
    leaves_.erase({nodes_[node].used, node});
  }
}

void RadixCache::use(std::uint32_t index) {
  Node& node = nodes_[index];
  if (is_evictable_leaf(node)) {
    note_leaf(index, false);
    node.used = clock_;
    note_leaf(index, true);
  } else {
    node.used = clock_;
  }
}

std::uint32_t RadixCache::add_child(std::uint32_t parent, Content label, std::int64_t pages) {
  std::uint32_t index = 0;
  if (spare_nodes_.empty()) {
    index = static_cast<std::uint32_t>(nodes_.size());
    nodes_.emplace_back();
  } else {
    index = spare_nodes_.back();
    spare_nodes_.pop_back();
    nodes_[index] = {};
  }
  Node& above = nodes_[parent];
  if (is_evictable_leaf(above)) {
    note_leaf(parent, false);
  }
  ++above.children;
  Node& node = nodes_[index];
  node.label = std::move(label);
  node.pages = pages;
  node.parent = parent;
  node.used = clock_;
  children_[child_key(parent, {&node.label})] = index;
  evictable_ += pages;
  note_leaf(index, true);
  return index;
}

void RadixCache::split(std::uint32_t index, std::int64_t pages) {
  // A new node comes between it and its parent; it keeps its children, and whoever uses it.
  const std::int64_t tokens = pages * page_;
  Node upper;
  upper.label = slice({&nodes_[index].label}, tokens);
  upper.pages = pages;
  upper.parent = nodes_[index].parent;
  upper.children = 1;
  upper.locks = nodes_[index].locks;
  upper.used = nodes_[index].used;
  std::uint32_t above = 0;
  if (spare_nodes_.empty()) {
    above = static_cast<std::uint32_t>(nodes_.size());
    nodes_.push_back(std::move(upper));
  } else {
    above = spare_nodes_.back();
    spare_nodes_.pop_back();
    nodes_[above] = std::move(upper);
  }
  Node& lower = nodes_[index];
  children_[child_key(lower.parent, {&nodes_[above].label})] = above;
  Place rest{&lower.label};
  rest.advance(tokens);
  lower.label = slice(rest, (lower.pages - pages) * page_);
  lower.pages -= pages;
  lower.parent = above;
  children_[child_key(above, {&lower.label})] = index;
}

RadixCache::Walk RadixCache::walk(const Content& content, std::int64_t pages) {
  Walk at{root, 0, {&content}};
  while (at.pages < pages) {
    const auto child = children_.find(child_key(at.node, at.place));
    if (child == children_.end()) {
      break;
    }
    const std::uint32_t next = child->second;
    use(next);
    const std::int64_t limit = std::min(nodes_[next].pages, pages - at.pages);
    const std::int64_t same =
        full_blocks(common(nodes_[next].label, at.place, limit * page_), page_);
    PENSTOCK_ASSERT(same > 0);
    at.pages += same;
    at.place.advance(same * page_);
    if (same < nodes_[next].pages) {
      split(next, same);
      at.node = nodes_[next].parent;
      break;
    }
    at.node = next;
  }
  return at;
}

std::int64_t RadixCache::match(const Content& content, std::int64_t tokens) const {
  const Content all = joined(content);
  const std::int64_t pages = full_blocks(std::min(tokens, length(all)), page_);
  Walk at{root, 0, {&all}};
  while (at.pages < pages) {
    const auto child = children_.find(child_key(at.node, at.place));
    if (child == children_.end()) {
      break;
    }
    const Node& next = nodes_[child->second];
    const std::int64_t limit = std::min(next.pages, pages - at.pages);
    const std::int64_t same = full_blocks(common(next.label, at.place, limit * page_), page_);
    at.pages += same;
    at.place.advance(same * page_);
    if (same < next.pages) {
      break;
    }
    at.node = child->second;
  }
  return at.pages;
}

void RadixCache::trim(std::int64_t free) {
  while (evictable_ > free) {
    PENSTOCK_ASSERT(!leaves_.empty());
    const std::uint32_t index = leaves_.begin()->second;
    leaves_.erase(leaves_.begin());
    Node& node = nodes_[index];
    children_.erase(child_key(node.parent, {&node.label}));
    evictable_ -= node.pages;
    Node& above = nodes_[node.parent];
    --above.children;
    if (is_evictable_leaf(above)) {
      note_leaf(node.parent, true);
    }
    node = {};
    spare_nodes_.push_back(index);
  }
}

PrefixCache::Hit RadixCache::lookup(std::uint32_t index, std::int64_t tokens) {
  Holding& holding = holdings_[index];
  PENSTOCK_ASSERT(holding.node == root);
  ++clock_;
  const Walk found = walk(holding.content, full_blocks(tokens, page_));
  holding.found = found.node;
  holding.found_pages = found.pages;
  PrefixCache::Hit hit{.blocks = found.pages};
  for (std::uint32_t at = found.node; nodes_[at].locks == 0; at = nodes_[at].parent) {
    hit.free += nodes_[at].pages;
  }
  return hit;
}

std::int64_t RadixCache::lock_path(std::uint32_t node, std::uint32_t above) {
  std::int64_t pages = 0;
  for (; node != above; node = nodes_[node].parent) {
    if (is_evictable_leaf(nodes_[node])) {
      note_leaf(node, false);
    }
    pages += nodes_[node].locks++ == 0 ? nodes_[node].pages : 0;
  }
  evictable_ -= pages;
  return pages;
}

std::int64_t RadixCache::unlock_path(std::uint32_t node) {
  std::int64_t pages = 0;
  for (; node != root; node = nodes_[node].parent) {
    pages += --nodes_[node].locks == 0 ? nodes_[node].pages : 0;
    if (is_evictable_leaf(nodes_[node])) {
      note_leaf(node, true);
    }
  }
  evictable_ += pages;
  return pages;
}

void RadixCache::lock(std::uint32_t index) {
  Holding& holding = holdings_[index];
  lock_path(holding.found, root);
  holding.node = holding.found;
  holding.pages = holding.found_pages;
}

RadixCache::Walk RadixCache::insert(const Holding& holding, std::int64_t pages) {
  ++clock_;
  Walk at = walk(holding.content, pages);
  if (at.pages < pages) {
    const std::int64_t rest = pages - at.pages;
    ++clock_;  // newer than what it was split from just now
    at.node = add_child(at.node, slice(at.place, rest * page_), rest);
    at.pages = pages;
  }
  return at;
}

std::int64_t RadixCache::store(std::uint32_t index, std::int64_t tokens) {
  Holding& holding = holdings_[index];
  const std::int64_t own = full_blocks(tokens, page_) - holding.pages;
  PENSTOCK_ASSERT(own >= 0);
  const Walk end = insert(holding, holding.pages + own);
  const std::int64_t locked = lock_path(end.node, holding.node);
  holding.node = end.node;
  holding.pages = end.pages;
  return own - locked;
}

std::int64_t RadixCache::finish(std::uint32_t index, std::int64_t pages, std::int64_t tokens) {
  insert(holdings_[index], full_blocks(tokens, page_));
  return drop(index, pages);
}

std::int64_t RadixCache::drop(std::uint32_t index, std::int64_t pages) {
  Holding& holding = holdings_[index];
  const std::int64_t own = pages - holding.pages;
  const std::int64_t unlocked = unlock_path(holding.node);
  holding.node = root;
  holding.pages = 0;
  return own + unlocked;
}

bool RadixCache::consistent() const {
  std::int64_t evictable = 0;
  std::size_t linked = 0;
  std::size_t leaves = 0;
  for (const auto& [key, index] : children_) {
    const Node& node = nodes_[index];
    ++linked;
    evictable += node.locks == 0 ? node.pages : 0;
    leaves += is_evictable_leaf(node) ? 1 : 0;
    if (length(node.label) != node.pages * page_ || node.pages < 1 ||
        nodes_[node.parent].locks < node.locks || child_key(node.parent, {&node.label}) != key ||
        (is_evictable_leaf(node) && !leaves_.contains({node.used, index}))) {
      return false;
    }
  }
  return evictable == evictable_ && leaves == leaves_.size() &&
         linked + 1 + spare_nodes_.size() == nodes_.size();
}

}  // namespace penstock
