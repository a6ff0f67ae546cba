#pragma once

/// Converts errors of daskify to and from errors of CAF, which are a number and a text.

#include "daskify/error.hpp"

#include <caf/error.hpp>

#include <exception>
#include <string>

namespace daskify::internal {

caf::error to_caf_error(const error& e);

/// The daskify error that `e` was made from; for an error of CAF itself cluster_error(scheduler_gone or no_answer), in
/// which `asked` names the peer that did not answer.
std::exception_ptr to_exception(const caf::error& e, const std::string& asked);

} // namespace daskify::internal
