#pragma once

/// Functions for any program: registered by the library that defines them, and called by their names.
///
///     // libmodel.so, which workers load: daskify-worker --load libmodel.so
///     double energy(double x, int n) { ... }
///     DASKIFY_FUNCTION(energy)
///
/// a program that is linked with the library, as usual:
///     auto energies = cluster.run(energy, daskify::args(0.5), daskify::iterables(daskify::range(100)));
///
/// a program without the header and the library:
///     daskify::named_function<double(double, int)> energy{"energy"};
///     auto energies = cluster.run(energy, daskify::args(0.5), daskify::iterables(daskify::range(100)));

#include "daskify/code/type_label.hpp"
#include "daskify/error.hpp"
#include "daskify/program/function_registry.hpp"
#include "daskify/program/named_program.hpp"
#include "daskify/program/signature.hpp"

#include <string>
#include <type_traits>
#include <utility>

namespace daskify {

/// A function that workers find by its name, for run, map and submit, of daskified and of this_task.
///
/// The workers look up the name and compare the signatures when the run begins. If the name is unknown, if two
/// functions have it, or if the function has another signature, the tasks fail with task_error(function_not_found). It
/// is sufficient that the types of the values agree: `double(std::string)` also calls a function with a `const
/// std::string&` or a `std::string_view`, and `double(std::vector<int>)` one with a `std::span<const int>`. A type of a
/// library, such as a struct, must be the same on both sides, by its name and by its members.
///
/// A parameter accepts the same arguments as in an ordinary call, except scattered data and futures: they are not
/// converted, and must be of the parameter's own type, or numbers.
///
/// A value type like std::string: copyable, and thread-safe to read.
template <class Signature>
class named_function : internal::require_named_signature<Signature> {
public:
  using signature = Signature;

  /// `name` is the name given to DASKIFY_FUNCTION. Throws data_error(bad_argument) if it is empty.
  explicit named_function(std::string name) : name_{std::move(name)} {
    if (name_.empty())
      throw data_error{error_code::bad_argument,
                       "A named_function was made without a name; give the one that DASKIFY_FUNCTION registers."};
  }

  const std::string& name() const noexcept { return name_; }

private:
  std::string name_;
};

namespace internal {

/// Registers a function by a name during the lifetime of this object.
class function_registration {
public:
  template <class R, class... Ps>
  function_registration(const char* name, R (*f)(Ps...)) {
    static_cast<void>(require_named_signature<R(Ps...)>{});
    function_registry::of_process().add({this, name, reinterpret_cast<any_function>(f), &named_program<R(Ps...)>::make,
                                         &label_of<value_signature<R(Ps...)>>, &label_of<R(Ps...)>});
  }
  ~function_registration() { function_registry::of_process().remove(this); }
  function_registration(const function_registration&) = delete;
  function_registration& operator=(const function_registration&) = delete;
};

/// Deduces the signature of a function, but not of an overloaded one.
template <class, class R, class... Ps>
void one_function(R (*)(Ps...));

} // namespace internal

} // namespace daskify

/// Registers a function in the process by its name as written here: `DASKIFY_FUNCTION(energy)` as "energy",
/// `DASKIFY_FUNCTION(model::energy)` as "model::energy". Must be in a source file of the library (or program) that
/// defines the function, outside of functions; a semicolon may follow.
///
/// The function may be called by any thread as soon as the file is loaded. Its parameters are values, const references,
/// std::span<const T> or std::string_view, of types that can be sent. An overloaded function, which has several
/// signatures, does not compile here: use DASKIFY_FUNCTION_AS with one of them.
#define DASKIFY_FUNCTION(...) DASKIFY_FUNCTION_AS(#__VA_ARGS__, __VA_ARGS__)

/// The same with another name, as text: `DASKIFY_FUNCTION_AS("energy of ints", static_cast<double (*)(int)>(energy))`.
#define DASKIFY_FUNCTION_AS(name, ...)                                                                                 \
  static_assert(                                                                                                       \
      []<class T>(T) {                                                                                                 \
        return requires {                                                                                              \
          ::daskify::internal::one_function<T>(__VA_ARGS__);                                                           \
        };                                                                                                             \
      }(0),                                                                                                            \
      "daskify: DASKIFY_FUNCTION takes the name of one function; of several of that name choose one by "               \
      "DASKIFY_FUNCTION_AS(\"a name\", static_cast<double (*)(int)>(f))");                                             \
  [[maybe_unused]] static const ::daskify::internal::function_registration DASKIFY_JOINED(                             \
      daskify_registration_, __COUNTER__){name, __VA_ARGS__};

#define DASKIFY_JOINED(a, b) DASKIFY_JOINED_NOW(a, b)
#define DASKIFY_JOINED_NOW(a, b) a##b
