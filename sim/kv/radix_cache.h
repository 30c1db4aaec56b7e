#pragma once

#include <cstdint>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sim/kv/content.h"
#include "sim/kv/prefix_cache.h"

namespace penstock {

/// SGLang's prefix cache: a radix tree of token sequences over whole pages, whose leaves go first
/// that were not used for longest (scheduler-semantics 2.5.5).
///
/// The tree says what is kept of the pool's pages, and who is using it; the pool counts pages that
/// nobody uses as free. Pages are evicted when the tree is next looked at after others took them:
/// trim(). Edges are spans of tokens, so that the cost is that of spans, never that of tokens.
class RadixCache {
 public:
  /// `page`: tokens of one, >= 1.
  explicit RadixCache(std::int64_t page);

  /// A request comes: what its tokens are, all of them.
  std::uint32_t open(const Content& content);
  /// It is gone, and uses nothing.
  void close(std::uint32_t holding);

  /// What the tokens of an open request are.
  const Content& content(std::uint32_t holding) const { return holdings_[holding].content; }

  /// Pages that are kept and not used.
  std::int64_t evictable() const { return evictable_; }
  /// Pages of a request, the first ones, that it uses and that the tree has.
  std::int64_t held(std::uint32_t holding) const { return holdings_[holding].pages; }
  /// Leading pages of a prompt's first `tokens` tokens that are kept.
  std::int64_t match(const Content& content, std::int64_t tokens) const;

  /// Whole leaves are lost until no more than `free` pages are kept that nobody uses.
  void trim(std::int64_t free);
  /// The longest kept prefix of a request's first `tokens` tokens, used just now; it uses no pages
  /// yet. `free`: pages of it that nobody uses.
  PrefixCache::Hit lookup(std::uint32_t holding, std::int64_t tokens);
  /// The request uses what the last lookup has found, just now.
  void lock(std::uint32_t holding);
  /// Keeps the first `tokens` tokens of a request, whole pages of them, and has it use those; what
  /// was kept already takes the place of its own. Returns by how many pages the free ones grow.
  std::int64_t store(std::uint32_t holding, std::int64_t tokens);
  /// A request of `pages` in all is through with its first `tokens` tokens: they are kept, but not
  /// used. Returns by how many pages the free ones grow.
  std::int64_t finish(std::uint32_t holding, std::int64_t pages, std::int64_t tokens);
  /// The same, but nothing of it is kept that was not.
  std::int64_t drop(std::uint32_t holding, std::int64_t pages);

  /// Checks every invariant, for tests.
  bool consistent() const;

 private:
  static constexpr std::uint32_t root = 0;

  struct Node {
    Content label;  ///< of the edge that leads to it
    std::int64_t pages = 0;
    std::uint32_t parent = root;
    std::int64_t children = 0;
    std::int64_t locks = 0;
    std::int64_t used = 0;  ///< when, by clock_
  };
  struct Holding {
    Content content;
    std::uint32_t node = root;  ///< the last one that it uses
    std::uint32_t found = root;
    std::int64_t pages = 0;  ///< up to `node`
    std::int64_t found_pages = 0;
  };
  /// Where the walk along a content has come to: `at` tokens into its span `span`.
  struct Place {
    const Content* content;
    std::size_t span = 0;
    std::int64_t at = 0;
    void advance(std::int64_t tokens);
  };
  struct Walk {
    std::uint32_t node = root;
    std::int64_t pages = 0;
    Place place;
  };

  std::uint64_t child_key(std::uint32_t node, Place place) const;
  /// Tokens, at most `limit`, that a label has in common with a content from `place` on.
  static std::int64_t common(const Content& label, Place place, std::int64_t limit);
  static Content slice(Place place, std::int64_t tokens);
  std::uint32_t add_child(std::uint32_t parent, Content label, std::int64_t pages);
  void split(std::uint32_t node, std::int64_t pages);
  void use(std::uint32_t node);
  void note_leaf(std::uint32_t node, bool is_leaf);
  bool is_evictable_leaf(const Node& node) const { return node.children == 0 && node.locks == 0; }
  Walk walk(const Content& content, std::int64_t pages);
  Walk insert(const Holding& holding, std::int64_t pages);
  std::int64_t lock_path(std::uint32_t node, std::uint32_t above);
  std::int64_t unlock_path(std::uint32_t node);

  std::int64_t page_;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> spare_nodes_;
  std::unordered_map<std::uint64_t, std::uint32_t> children_;  ///< by parent and first page
  std::set<std::pair<std::int64_t, std::uint32_t>> leaves_;    ///< evictable, by last use
  std::int64_t clock_ = 0;
  std::int64_t evictable_ = 0;
  std::vector<Holding> holdings_;
  std::vector<std::uint32_t> spare_holdings_;
};

}  // namespace penstock
