#pragma once

#include <cstddef>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

#include "sim/core/large_pages.h"

namespace penstock {

/// A list that only grows, in pieces of 2 MiB: elements never move, memory never doubles, and an
/// index is a shift and a mask (std::deque holds eight elements of 64 bytes in a piece). A piece is
/// what the kernel can map at once: from the second on it is asked to.
template <typename T>
class ChunkedList {
  static_assert(std::is_trivially_destructible_v<T>);
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
      add_chunk();
    }
    return *::new (&(*this)[size_++]) T();
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
  static constexpr std::size_t chunk_bytes = std::size_t{2} << 20;
  static constexpr std::size_t chunk_size = chunk_bytes / sizeof(T);
  static_assert(chunk_size * sizeof(T) == chunk_bytes);  // a power of two

  struct Free {
    void operator()(T* chunk) const { std::free(chunk); }
  };

  void add_chunk() {
    void* chunk = std::aligned_alloc(chunk_bytes, chunk_bytes);
    if (chunk == nullptr) {
      throw std::bad_alloc();
    }
    if (size_ > 0) {  // a short list keeps to the pages that it touches
      ask_for_large_pages(chunk, chunk_bytes);
    }
    chunks_.emplace_back(static_cast<T*>(chunk));
  }

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

  std::vector<std::unique_ptr<T[], Free>> chunks_;
  std::size_t size_ = 0;
};

}  // namespace penstock
