#pragma once

#include <cstddef>

namespace penstock {

/// Asks the system to map this memory in large pages, if it has such: only speed depends on it.
void ask_for_large_pages(void* memory, std::size_t bytes);

}  // namespace penstock
