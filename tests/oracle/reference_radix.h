#pragma once

// SGLang's radix cache as the naive reference has it (spec 2.5.5): a tree of nodes with one entry
// per token, searched and walked in full.
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <vector>

#include "tests/oracle/reference.h"

namespace penstock::oracle {

// Equal if and only if the tokens are: of a stream, or of one request alone.
struct RadixToken {
  bool own = false;
  std::uint64_t stream = 0;
  std::int64_t position = 0;
  auto operator<=>(const RadixToken&) const = default;
};
using RadixTokens = std::vector<RadixToken>;

// The first `tokens` tokens of a request.
RadixTokens radix_tokens(std::size_t request, const Content& content, std::int64_t tokens);

class RadixTree {
 public:
  struct Node {
    RadixTokens key;  // whole pages; empty at the root
    Node* parent = nullptr;
    std::list<Node> children = {};
    std::int64_t users = 0;  // lock_ref
    std::int64_t last_access = 0;
  };
  struct Found {
    Node* node = nullptr;
    std::int64_t tokens = 0;
  };

  explicit RadixTree(std::int64_t page) : page_(page) {}

  Node* root() { return &root_; }
  // The longest prefix that is there, in whole pages; a node that it ends within is split. All on
  // the way were accessed now.
  Found match(const RadixTokens& tokens);
  // The same, with what is missing added.
  Found insert(const RadixTokens& tokens);
  // From the node up to the root: one user more, or one less.
  void lock(Node* node, std::int64_t users);

  std::int64_t tokens() const { return tokens(root_, false); }
  std::int64_t evictable() const { return tokens(root_, true); }
  // Drops unused leaves, the one accessed longest ago first, until `tokens` have gone or none is
  // left.
  void evict(std::int64_t tokens);

 private:
  static std::int64_t tokens(const Node& node, bool unused_only);
  static Node* oldest_leaf(Node& node);

  std::int64_t page_;
  std::int64_t time_ = 0;
  Node root_ = {};
};

// 2.5.3, LPM: those that wait, with what of their tokens can be cached.
void sort_by_prefix(std::vector<std::size_t>& waiting, RadixTree& tree,
                    const std::function<RadixTokens(std::size_t)>& tokens_of);

}  // namespace penstock::oracle
