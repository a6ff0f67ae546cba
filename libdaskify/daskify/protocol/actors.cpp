#include "daskify/protocol/actors.hpp"

#include "daskify/protocol/fields.hpp"
#include "daskify/protocol/wire_version.hpp"
#include "daskify/text/fnv1a.hpp"
#include "daskify/text/hex.hpp"

#include <type_traits>
#include <typeinfo>
#include <utility>

#define DASKIFY_DEFINE_ACTOR(TYPE) template class caf::detail::type_erased_value_impl<daskify::internal::TYPE>;
DASKIFY_ACTOR_TYPES(DASKIFY_DEFINE_ACTOR)
#undef DASKIFY_DEFINE_ACTOR

namespace daskify::internal {

namespace {

/// Incremented when the meaning or the encoding of a message changes although its fields stay the same.
constexpr auto meaning = "2";

template <class T>
constexpr bool is_vector = false;
template <class T>
constexpr bool is_vector<std::vector<T>> = true;

/// Visits the fields of messages, as a serialiser does, and describes their types.
class field_types {
public:
  static constexpr bool visits_fields = true;
  using result_type = int;

  template <class... Fields>
  int operator()(Fields&... fields) {
    (describe(fields), ...);
    return 0;
  }

  template <class T>
  void add(const std::string& name) {
    text_ += name;
    if constexpr (!requires { typename T::signatures; }) { // actors are identified by their names
      T message{};
      describe(message);
    }
  }

  const std::string& text() const { return text_; }

private:
  template <class T>
  void describe(T& field) {
    if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
      text_ += (std::is_enum_v<T> ? 'e' : std::is_signed_v<T> ? 'i' : 'u') + std::to_string(sizeof(T));
    } else if constexpr (std::is_same_v<T, std::string>) {
      text_ += 's';
    } else if constexpr (std::is_same_v<T, shared_bytes>) {
      text_ += 'b';
    } else if constexpr (is_vector<T>) {
      typename T::value_type element{};
      text_ += 'v';
      describe(element);
    } else {
      text_ += '(';
      inspect(*this, field);
      text_ += ')';
    }
  }

  std::string text_;
};

/// Calls `with` for each type of message with its name and a default value, in an order that is the same in every
/// build.
///
/// The first type occurs in every published interface of the scheduler. A process of another version therefore finds no
/// matching interface, before any message is sent.
template <class Function>
void for_each_type(const std::string& version, Function with) {
#define DASKIFY_WITH(TYPE)                                                                                             \
  with.template operator()<TYPE>("daskify::" #TYPE + (std::is_same_v<TYPE, enrol_request> ? '/' + version : ""));
  DASKIFY_MESSAGES(DASKIFY_WITH)
  DASKIFY_STORE_MESSAGES(DASKIFY_WITH)
  DASKIFY_PUBLIC_TYPES(DASKIFY_WITH)
  DASKIFY_ACTOR_TYPES(DASKIFY_WITH)
#undef DASKIFY_WITH
}

std::string version_once() {
  field_types all;
  // The values of an enum are not described by its type.
  all.add<failure>(meaning + std::to_string(static_cast<int>(error_code::last_)));
  for_each_type("", [&]<class T>(const std::string& name) { all.add<T>(name); });
  return to_hex(fnv1a(all.text()));
}

/// Does what add_message_type of CAF 0.17 does, except for vectors and streams of the type: they are never sent, and
/// take two thirds of the time to compile.
void add_type(caf::actor_system_config& config, const std::type_info& type, const std::string& name,
              caf::type_erased_value_ptr (*make)()) {
  config.type_names_by_rtti.emplace(type, name);
  config.value_factories_by_name.emplace(name, make);
  config.value_factories_by_rtti.emplace(type, make);
}

} // namespace

const std::string& wire_version() {
  static const std::string version = version_once();
  return version;
}

void add_message_types(caf::actor_system_config& config, const std::string& version) {
  for_each_type(version, [&]<class T>(const std::string& name) {
    add_type(config, typeid(T), name, &caf::make_type_erased_value<T>);
  });
}

} // namespace daskify::internal
