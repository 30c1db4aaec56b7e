#include "tests/oracle/reference_radix.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <stdexcept>

namespace penstock::oracle {

RadixTokens radix_tokens(std::size_t request, const Content& content, std::int64_t tokens) {
  RadixTokens all;
  for (const ContentSpan& span : content) {
    for (std::int64_t i = 0; i < span.tokens && std::ssize(all) < tokens; ++i) {
      all.push_back({false, span.stream, span.first + i});
    }
  }
  while (std::ssize(all) < tokens) {
    all.push_back({true, request, std::ssize(all)});
  }
  return all;
}

RadixTree::Found RadixTree::match(const RadixTokens& tokens) {
  ++time_;
  Found found{&root_, 0};
  while (true) {
    const auto at = tokens.begin() + found.tokens;
    const auto common = [&](const Node& child) {
      const auto end = std::mismatch(child.key.begin(), child.key.end(), at, tokens.end()).first;
      return (end - child.key.begin()) / page_ * page_;
    };
    std::list<Node>& children = found.node->children;
    const auto child = std::find_if(children.begin(), children.end(),
                                    [&](const Node& node) { return common(node) > 0; });
    if (child == children.end()) {
      return found;
    }
    child->last_access = time_;
    const std::int64_t same = common(*child);
    found.tokens += same;
    if (same < std::ssize(child->key)) {  // split: a new node takes the front of it
      Node& front = children.emplace_back();
      front.key.assign(child->key.begin(), child->key.begin() + same);
      front.parent = found.node;
      front.users = child->users;
      front.last_access = time_;
      child->key.erase(child->key.begin(), child->key.begin() + same);
      child->parent = &front;
      front.children.splice(front.children.end(), children, child);
      found.node = &front;
      return found;
    }
    found.node = &*child;
  }
}

RadixTree::Found RadixTree::insert(const RadixTokens& tokens) {
  Found found = match(tokens);
  const std::int64_t whole = std::ssize(tokens) / page_ * page_;
  if (found.tokens < whole) {
    Node& leaf = found.node->children.emplace_back();
    leaf.key.assign(tokens.begin() + found.tokens, tokens.begin() + whole);
    leaf.parent = found.node;
    leaf.last_access = ++time_;
    found = {&leaf, whole};
  }
  return found;
}

void RadixTree::lock(Node* node, std::int64_t users) {
  for (; node != &root_; node = node->parent) {
    node->users += users;
    if (node->users < 0) {
      throw std::logic_error("reference: a node with less than no user");
    }
  }
}

std::int64_t RadixTree::tokens(const Node& node, bool unused_only) {
  std::int64_t sum = unused_only && node.users > 0 ? 0 : std::ssize(node.key);
  for (const Node& child : node.children) {
    sum += tokens(child, unused_only);
  }
  return sum;
}

RadixTree::Node* RadixTree::oldest_leaf(Node& node) {
  if (node.children.empty()) {
    return node.users == 0 && node.parent != nullptr ? &node : nullptr;
  }
  Node* oldest = nullptr;
  for (Node& child : node.children) {
    Node* leaf = oldest_leaf(child);
    if (leaf != nullptr && (oldest == nullptr || leaf->last_access < oldest->last_access)) {
      oldest = leaf;
    }
  }
  return oldest;
}

void RadixTree::evict(std::int64_t tokens) {
  Node* leaf = nullptr;
  while (tokens > 0 && (leaf = oldest_leaf(root_)) != nullptr) {
    tokens -= std::ssize(leaf->key);
    leaf->parent->children.remove_if([leaf](const Node& node) { return &node == leaf; });
  }
}

void sort_by_prefix(std::vector<std::size_t>& waiting, RadixTree& tree,
                    const std::function<RadixTokens(std::size_t)>& tokens_of) {
  if (waiting.size() > 128) {
    return;
  }
  RadixTree first_ones(1);
  std::map<std::size_t, double> key;
  for (const std::size_t r : waiting) {
    const RadixTokens tokens = tokens_of(r);
    const std::int64_t cached = tree.match(tokens).tokens;
    key[r] = -static_cast<double>(cached);
    if (cached <= 32) {
      if (first_ones.match(tokens).tokens >= 32) {
        key[r] = std::numeric_limits<double>::infinity();
      } else {
        first_ones.insert(tokens);
      }
    }
  }
  std::stable_sort(waiting.begin(), waiting.end(),
                   [&](std::size_t a, std::size_t b) { return key[a] < key[b]; });
}

}  // namespace penstock::oracle
