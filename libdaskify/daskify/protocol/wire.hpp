#pragma once

/// How `shared_bytes` cross a wire: a length and the bytes, in one copy each way.

#include "daskify/bytes.hpp"

#include <caf/error.hpp>
#include <caf/sec.hpp>

#include <algorithm>

namespace daskify {

template <class Inspector>
requires Inspector::reads_state typename Inspector::result_type inspect(Inspector& f, shared_bytes& x) {
  auto size = static_cast<std::uint64_t>(x.size());
  if constexpr (requires { f.apply_raw(std::size_t{}, static_cast<void*>(nullptr)); }) {
    if (auto err = f(size))
      return err;
    // apply_raw takes void* for both directions; a serializer only reads.
    return size == 0 ? caf::error{} : f.apply_raw(x.size(), const_cast<std::byte*>(x.data()));
  } else {
    return f(size);
  }
}

template <class Inspector>
requires Inspector::writes_state typename Inspector::result_type inspect(Inspector& f, shared_bytes& x) {
  std::uint64_t size = 0;
  if (auto err = f(size))
    return err;
  // The length is somebody's claim: memory follows the bytes that really come, not the claim.
  constexpr std::size_t step = std::size_t{8} << 20;
  byte_buffer bytes;
  for (std::uint64_t left = size; left != 0;) {
    auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left, step));
    if (auto err = f.apply_raw(count, bytes.extend(count)))
      return err;
    left -= count;
  }
  x = shared_bytes{std::move(bytes)};
  return caf::none;
}

} // namespace daskify
