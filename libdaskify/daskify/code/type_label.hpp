#pragma once

/// Names of types that are the same in every process of one build.

#include <cstdint>
#include <string>
#include <typeinfo>

namespace daskify::internal {

/// A type, for the store and for people.
struct type_label {
  std::uint64_t hash = 0; ///< the same for the same type in every process of one build; never 0, which is any type
  std::string name;
};

/// Its address tells apart types of one name in several source files, which have one each. Not constant: linkers may
/// lay constants of equal value on top of each other.
template <class T>
inline char place_of_type = 0;

/// "int, not double": a type that is there, and the one that was asked for, by their names.
std::string not_type(const std::string& is, const std::string& asked_for);

type_label make_label(const std::type_info& type, const void* place);

template <class T>
const type_label& label_of() {
  static const type_label label = make_label(typeid(T), &place_of_type<T>);
  return label;
}

} // namespace daskify::internal
