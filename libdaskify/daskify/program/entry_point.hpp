#pragma once

/// From what a run says of its program to the program.

#include "daskify/program/task_program.hpp"
#include "daskify/protocol/messages.hpp"

#include <memory>

namespace daskify::internal {

/// Throws error(function_not_found) when this process has no such function, and data_error when the description is not
/// one for it.
std::unique_ptr<task_program> make_program(const function_ref& program, decoder& description, program_inputs& inputs);

} // namespace daskify::internal
