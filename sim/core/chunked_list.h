#pragma once

#include <cstddef>
#include <iterator>
#include <vector>

namespace penstock {

/// A list that only grows, in pieces of 4,096: elements never move, memory never doubles, and an
/// index is a shift and a mask (std::deque holds eight elements of 64 bytes in a piece).
template <typename T>
class ChunkedList {
  template <typename List, typename Value>
  class Cursor;

 public:
  using value_type = T;
  using iterator = Cursor<ChunkedList, T>;
  using const_iterator = Cursor<const ChunkedList, const T>;

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](std::size_t i) { return chunks_[i / chunk_size][i % chunk_size]; }
  const T& operator[](std::size_t i) const { return chunks_[i / chunk_size][i % chunk_size]; }
  const T& front() const { return (*this)[0]; }
  const T& back() const { return (*this)[size_ - 1]; }

  T& emplace_back() {
    if (size_ % chunk_size == 0) {
      chunks_.emplace_back().reserve(chunk_size);
    }
    ++size_;
    return chunks_.back().emplace_back();
  }

  void clear() {
    chunks_.clear();
    size_ = 0;
  }

  iterator begin() { return {*this, 0}; }
  iterator end() { return {*this, size_}; }
  const_iterator begin() const { return {*this, 0}; }
  const_iterator end() const { return {*this, size_}; }

 private:
  static constexpr std::size_t chunk_size = 4096;

  template <typename List, typename Value>
  class Cursor {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = Value*;
    using reference = Value&;

    Cursor() = default;
    Cursor(List& list, std::size_t index) : list_(&list), index_(index) {}
    Value& operator*() const { return (*list_)[index_]; }
    Value* operator->() const { return &(*list_)[index_]; }
    Cursor& operator++() {
      ++index_;
      return *this;
    }
    Cursor operator++(int) {
      Cursor before = *this;
      ++index_;
      return before;
    }
    bool operator==(const Cursor& other) const { return index_ == other.index_; }

   private:
    List* list_ = nullptr;
    std::size_t index_ = 0;
  };

  std::vector<std::vector<T>> chunks_;
  std::size_t size_ = 0;
};

}  // namespace penstock
