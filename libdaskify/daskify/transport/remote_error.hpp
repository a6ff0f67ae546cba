#pragma once

/// Errors of daskify on their way through CAF, which knows errors as a number and a text.

#include "daskify/error.hpp"

#include <caf/error.hpp>

namespace daskify::internal {

caf::error to_caf_error(const error& e);

/// Throws `e` as the daskify error it came from; an error of CAF itself as cluster_error(scheduler_gone), with `asked`
/// naming who did not answer.
[[noreturn]] void throw_caf_error(const caf::error& e, const std::string& asked);

} // namespace daskify::internal
