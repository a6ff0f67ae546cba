#pragma once

/// Passes functions between processes of the same build as offsets into a loaded file, because the kernel loads the
/// file at a different address in each process.

#include "daskify/protocol/messages.hpp"

#include <string>

namespace daskify::internal {

/// Build id (the linker's --build-id note, as hex digits) of the running program; a hash of the program file if it has
/// no such note.
const std::string& program_build_id();

/// Returns the reference to the function at `address`. Throws data_error(unnamed_code) if `address` is in no loaded
/// file with a build id.
function_ref to_reference(const void* address);

/// The same for a variable. The result only identifies a place: to_address does not accept it.
function_ref to_place(const void* variable);

/// Whether `place` is the place of the variable.
bool is_at(const void* variable, const function_ref& place);

/// The address of the function in this process. Throws error(function_not_found) if no file with its build id is
/// loaded, or if the offset is not in the file's code.
const void* to_address(const function_ref& function);

/// Loads a shared library permanently, which makes its functions known in this process. Throws
/// config_error(bad_option_value).
void load_library(const std::string& path);

/// Path of the loaded file that has `address`, of a function or of a variable; "" if there is none.
std::string file_of(const void* address);

/// Identifies `address`, of a function or of a variable, as text: the same in every process of one build, and different
/// for every other address. Files without a build id are identified by their paths.
std::string place_of(const void* address);

/// Name of the function at `address` if the program exports it, else "".
std::string symbol_at(const void* address);

} // namespace daskify::internal
