#include "daskify/code/type_label.hpp"

#include "daskify/code/code_address.hpp"
#include "daskify/text/demangle.hpp"
#include "daskify/text/fnv1a.hpp"

#include <string_view>

namespace daskify::internal {

namespace {

/// Whether the type is local to one source file: another file may have another type of the same name.
bool is_of_one_source_file(const std::type_info& type) {
#if defined(__GLIBCXX__) && !defined(__clang__)
  // g++ marks the names of just these types, so that they are compared by their addresses.
  struct marked : std::type_info {
    static bool is(const std::type_info& type) { return (type.*(&marked::__name))[0] == '*'; }
  };
  return marked::is(type);
#else
  // Unnamed namespaces, lambdas without a number, local types of static functions.
  std::string_view name = type.name();
  return name.find("_GLOBAL__N_1") != name.npos || name.find("$_") != name.npos || name.find("ZL") != name.npos;
#endif
}

} // namespace

std::string not_type(const std::string& is, const std::string& asked_for) {
  if (is != asked_for)
    return is + ", not " + asked_for;
  return is + " of another source file (types in unnamed namespaces and in functions are other types in each source "
              "file; one that several of them use belongs into a header, into a namespace with a name)";
}

type_label make_label(const std::type_info& type, const void* place) {
  // Types known to several source files have one name in all of the program's libraries, but a different place in each.
  auto text = std::string{type.name()};
  if (is_of_one_source_file(type))
    text += " at " + place_of(place);
  return {fnv1a(text) | 1, demangle(type.name())};
}

} // namespace daskify::internal
