#include "sim/core/large_pages.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace penstock {

void ask_for_large_pages([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t bytes) {
#ifdef __linux__
  madvise(memory, bytes, MADV_HUGEPAGE);
#endif
}

}  // namespace penstock
