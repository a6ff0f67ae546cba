#pragma once

/// Splits texts into views of their parts. All functions here are pure and thread-safe. O(size).

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace daskify::internal {

/// The parts between separators, including empty ones: "a||b" has three. At most `most_parts`: the last part is the
/// rest.
std::vector<std::string_view> split(std::string_view text, char separator, std::size_t most_parts = SIZE_MAX);

/// The words between any of `separators`, none of them empty.
std::vector<std::string_view> words_of(std::string_view text, std::string_view separators);

} // namespace daskify::internal
