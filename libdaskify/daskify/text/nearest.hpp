#pragma once

/// "Did you mean ...?": finds the known name that is closest to a misspelt one.

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace daskify::internal {

/// Least number of letters inserted, removed, replaced, or swapped with their neighbour that turns `a` into
/// `b`.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The name closest to `word`, the first of several equally close ones; none if no name is close enough (2 edits, or a
/// third of a long word's letters).
std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> names);

} // namespace daskify::internal
