#pragma once

/// Functions of another source file on its own type `point`, in an unnamed namespace as here.

#include <daskify/daskify.hpp>

#include <string>
#include <vector>

namespace daskify::test {

/// Gathers the key "points" as the other file's points; throws what gathering throws.
std::size_t gather_points_elsewhere(const daskify::daskified& cluster);
/// Gathers the most recent run as if its results were the other file's points.
std::size_t gather_recent_points_elsewhere(const daskify::daskified& cluster);
/// Counts in a task the characters of a point of the other file, which has as many bytes as 2'000'000 characters here.
std::size_t count_characters_elsewhere(daskify::daskified& cluster);

} // namespace daskify::test
