#pragma once

/// What another source file does with its own type `point`, in an unnamed namespace as here.

#include <daskify/daskify.hpp>

#include <string>
#include <vector>

namespace daskify::test {

/// Gathers the key "points" as the other file's points; throws what that throws.
std::size_t gather_points_elsewhere(const daskify::daskified& cluster);
/// Gathers the most recent run as if it had given such points.
std::size_t gather_recent_points_elsewhere(const daskify::daskified& cluster);
/// Characters that a task counts in a point of the other file, which has as many bytes as 2'000'000 characters here.
std::size_t count_characters_elsewhere(daskify::daskified& cluster);

} // namespace daskify::test
