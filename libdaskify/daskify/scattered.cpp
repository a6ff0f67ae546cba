#include "daskify/scattered.hpp"

#include "daskify/text/demangle.hpp"

#include <sys/mman.h>
#include <unistd.h>

namespace daskify::internal {

void prefer_large_pages(const void* memory, std::size_t bytes) noexcept {
  constexpr std::size_t worth_it = std::size_t{8} << 20;
  if (bytes < worth_it)
    return;
  auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  auto begin = (reinterpret_cast<std::uintptr_t>(memory) + page - 1) / page * page;
  auto end = (reinterpret_cast<std::uintptr_t>(memory) + bytes) / page * page;
  ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE); // only advice: without it, access is slower
}

} // namespace daskify::internal
