#pragma once

/// Creates the program of a run from its description.

#include "daskify/program/task_program.hpp"
#include "daskify/protocol/messages.hpp"

#include <memory>

namespace daskify::internal {

/// Throws error(function_not_found) if this process has no such function, and data_error if the description does not
/// match the function.
std::unique_ptr<task_program> make_program(const function_ref& program, decoder& description, program_inputs& inputs);

} // namespace daskify::internal
