#pragma once

/// Errors of daskify on their way through CAF, which knows errors as a number and a text.

#include "daskify/error.hpp"

#include <caf/error.hpp>

#include <exception>
#include <string>

namespace daskify::internal {

caf::error to_caf_error(const error& e);

/// The daskify error that `e` came from; for an error of CAF itself cluster_error(scheduler_gone or no_answer), with
/// `asked` naming who did not answer.
std::exception_ptr to_exception(const caf::error& e, const std::string& asked);

} // namespace daskify::internal
