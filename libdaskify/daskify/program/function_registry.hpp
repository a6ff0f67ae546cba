#pragma once

/// The functions that files of this process have registered by DASKIFY_FUNCTION.

#include "daskify/code/type_label.hpp"
#include "daskify/program/task_program.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace daskify::internal {

/// Any function; cast back to its type before it is called.
using any_function = void (*)();

/// Creates the program of a call from its description, which named_call writes.
using named_factory = std::unique_ptr<task_program>(any_function f, decoder& description, program_inputs& inputs);

/// Computes a type's label on demand: doing so while a library is loaded would take too long.
using label_source = const type_label&();

struct registered_function {
  const void* place = nullptr; ///< address of an object in the registering file, unique for each registration
  std::string name;
  any_function function = nullptr;
  named_factory* make = nullptr;
  label_source* signature = nullptr; ///< value_signature of the function
  label_source* written = nullptr;   ///< signature as in the source, for messages to users
};

/// The signature that a call by name was written for.
struct asked_signature {
  std::uint64_t hash = 0; ///< of the value_signature
  std::string written;    ///< for messages to users
};

/// Maps names to functions. Thread-safe.
class function_registry {
public:
  /// The registry that DASKIFY_FUNCTION fills while files are loaded. It is never destroyed, so that files can be
  /// unloaded at any time.
  static function_registry& of_process();

  void add(registered_function f);
  void remove(const void* place);

  /// The reference by which workers find a registered function; none if it is not registered. Throws
  /// data_error(unnamed_code) if it is in a file without a build id.
  std::optional<function_ref> reference_to(any_function f) const;

  /// The function with this name, and at this place if the reference has one. Throws error(function_not_found) if there
  /// is none, if there are several, or if it has another signature.
  registered_function find(const function_ref& wanted, const asked_signature& asked) const;

private:
  std::vector<registered_function> all_named(std::string_view name) const;
  [[noreturn]] void refuse_unknown(const std::string& name) const;

  mutable std::mutex mutex_;
  std::vector<registered_function> functions_; ///< in the order of their registration
};

} // namespace daskify::internal
