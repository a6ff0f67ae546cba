#pragma once

#include "daskify/protocol/messages.hpp"

namespace daskify::internal {

/// Describes the exception that is being handled: its type, demangled, and its text. Data errors of daskify, and
/// function_not_found, keep their codes; the code of any other exception is task_threw. Rethrows abi::__forced_unwind,
/// by which a thread is cancelled. REQUIRES: an exception is being handled.
failure describe_current_exception();

} // namespace daskify::internal
