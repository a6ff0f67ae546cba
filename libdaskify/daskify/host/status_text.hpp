#pragma once

/// The state of a cluster as text. Pure.

#include "daskify/host/cluster_control.hpp"

#include <cstddef>
#include <string>

namespace daskify::internal {

/// For users, in lines of at most `width` columns where possible; names are made printable.
std::string status_text(const cluster_view& of, std::size_t width);

/// For programs: one object of JSON.
std::string status_json(const cluster_view& of);

} // namespace daskify::internal
