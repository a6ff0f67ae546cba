#pragma once

/// Functions told from one process to another of the same build: as an offset into a loaded file, because the kernel
/// loads it at another address in each process.

#include "daskify/protocol/messages.hpp"

#include <string>

namespace daskify::internal {

/// Build id (the linker's --build-id note, as hex digits) of the running program; a hash of the program file where the
/// linker made none.
const std::string& program_build_id();

/// Where `address` of a function lies. Throws data_error(unnamed_code) for an address that is in no loaded file with a
/// build id.
function_ref to_reference(const void* address);

/// The same for a variable, which only names a place: to_address does not take it.
function_ref to_place(const void* variable);

/// Whether that is the place of this variable.
bool is_at(const void* variable, const function_ref& place);

/// The address in this process. Throws error(function_not_found) when no file with that build id is loaded, or when
/// the offset is not in its code.
const void* to_address(const function_ref& function);

/// Makes the functions of a shared library known in this process, for good. Throws config_error(bad_option_value).
void load_library(const std::string& path);

/// Path of the loaded file that has `address`, of a function or of a variable; else "".
std::string file_of(const void* address);

/// Where `address`, of a function or of a variable, lies, as text: the same in every process of one build, and another
/// one for every other address. Files without a build id go by their names.
std::string place_of(const void* address);

/// Name of the function at `address` where the program exports it, else "".
std::string symbol_at(const void* address);

} // namespace daskify::internal
