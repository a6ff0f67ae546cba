#include "daskify/scattered.hpp"

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
  ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE); // advice: without it it is only slower
}

std::uint64_t hash_of_type(const char* name) {
  // FNV-1a, 64 bits. Never 0, which stands for "any type".
  std::uint64_t hash = 14695981039346656037ULL;
  for (; *name != '\0'; ++name)
    hash = (hash ^ static_cast<unsigned char>(*name)) * 1099511628211ULL;
  return hash | 1;
}

} // namespace daskify::internal
