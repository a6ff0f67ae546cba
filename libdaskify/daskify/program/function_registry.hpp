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

/// Any function, to be cast back before it is called.
using any_function = void (*)();

/// Makes the program of a call from its description, which is as named_call writes it.
using named_factory = std::unique_ptr<task_program>(any_function f, decoder& description, program_inputs& inputs);

/// A type's label, when it is asked for: making one takes longer than a library should need to be loaded.
using label_source = const type_label&();

struct registered_function {
  const void* place = nullptr; ///< an object of the file that registers it, one for each registration
  std::string name;
  any_function function = nullptr;
  named_factory* make = nullptr;
  label_source* signature = nullptr; ///< as value_signature
  label_source* written = nullptr;   ///< as in the source, for people
};

/// Calls that come by name tell which signature they are for.
struct asked_signature {
  std::uint64_t hash = 0; ///< of the value_signature
  std::string written;    ///< for people
};

/// Names and what they mean. Thread-safe.
class function_registry {
public:
  /// The one that DASKIFY_FUNCTION fills, while files are loaded. It is never destroyed, so that they can be unloaded
  /// at any time.
  static function_registry& of_process();

  void add(registered_function f);
  void remove(const void* place);

  /// What workers find a registered function by; none for others. Throws data_error(unnamed_code) when it is in a file
  /// without a build id.
  std::optional<function_ref> reference_to(any_function f) const;

  /// The function of that name, and place where the reference has one. Throws error(function_not_found) when there is
  /// none, when there are several, and when it has another signature.
  registered_function find(const function_ref& wanted, const asked_signature& asked) const;

private:
  std::vector<registered_function> all_named(std::string_view name) const;
  [[noreturn]] void refuse_unknown(const std::string& name) const;

  mutable std::mutex mutex_;
  std::vector<registered_function> functions_; ///< in the order of their registration
};

} // namespace daskify::internal
