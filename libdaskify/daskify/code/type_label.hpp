#pragma once

/// Names of types that are the same in every process of one build.

#include <cstdint>
#include <string>
#include <typeinfo>

namespace daskify::internal {

/// Identifies a type: to the store by its hash, to the user by its name.
struct type_label {
  std::uint64_t hash = 0; ///< the same for a type in all processes of one build; never 0, which means any type
  std::string name;
};

/// Its address distinguishes types of the same name in several source files, which have a copy each. Not constant:
/// linkers may merge constants of equal value.
template <class T>
inline char place_of_type = 0;

/// "int, not double": the actual type and the requested one, by their names.
std::string not_type(const std::string& is, const std::string& asked_for);

type_label make_label(const std::type_info& type, const void* place);

template <class T>
const type_label& label_of() {
  static const type_label label = make_label(typeid(T), &place_of_type<T>);
  return label;
}

} // namespace daskify::internal
