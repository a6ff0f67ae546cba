#pragma once

/// Maps the index of a task of a sweep to positions in its iterables.

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace daskify::internal {

/// The sizes of N factors, whose combinations are the tasks; the last factor varies fastest.
template <std::size_t N>
struct sweep_shape {
  using position = std::array<std::uint64_t, N>; ///< index in each factor

  std::array<std::uint64_t, N> sizes{};

  std::uint64_t tasks() const noexcept {
    std::uint64_t product = 1;
    for (auto size : sizes)
      product *= size;
    return product;
  }

  /// REQUIRES: no size is 0.
  position position_of(std::uint64_t task) const noexcept {
    position at{};
    for (auto k = N; k-- > 0;) {
      at[k] = task % sizes[k];
      task /= sizes[k];
    }
    return at;
  }

  /// Moves to the next task; from the last one to the first.
  void advance([[maybe_unused]] position& at) const noexcept {
    // Unrolled, because this runs between any two tasks.
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      [[maybe_unused]] auto step = [&](std::size_t k) {
        if (++at[k] < sizes[k])
          return true;
        at[k] = 0;
        return false;
      };
      static_cast<void>((step(N - 1 - I) || ...));
    }
    (std::make_index_sequence<N>{});
  }
};

} // namespace daskify::internal
