#pragma once

/// Functions for any program: registered by the library that has them, and called by their names.
///
///     // libmodel.so, which workers load: daskify-worker --load libmodel.so
///     double energy(double x, int n) { ... }
///     DASKIFY_FUNCTION(energy)
///
///     // a program that is linked with it, as ever:
///     auto energies = cluster.run(energy, daskify::args(0.5), daskify::iterables(daskify::range(100)));
///
///     // a program that has neither header nor library:
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

/// A function that workers know by its name, for run, map and submit, of daskified and of this_task.
///
/// The workers look the name up and compare the signatures when the run begins: a name that they do not know, that two
/// functions have, or whose function has another signature is the task_error(function_not_found) of its tasks. It is
/// enough that the values agree: `double(std::string)` also calls what takes a `const std::string&` or a
/// `std::string_view`, and `double(std::vector<int>)` what takes a `std::span<const int>`. A type of a library, such as
/// a struct, has to be the same on both sides, by its name and by its members.
///
/// A parameter is given whatever an ordinary call takes. Only scattered data and futures, which no one converts on
/// their way, are of the parameter's own type, or numbers.
///
/// A value, as std::string is: copyable, and thread-safe to read.
template <class Signature>
class named_function : internal::require_named_signature<Signature> {
public:
  using signature = Signature;

  /// The name as DASKIFY_FUNCTION has it. Throws data_error(bad_argument) for an empty one.
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

/// A function that is known by a name as long as this lives.
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

/// Deduces a signature from a function, but not from several of one name.
template <class, class R, class... Ps>
void one_function(R (*)(Ps...));

} // namespace internal

} // namespace daskify

/// Makes a function known to the process by the name as it is written here: `DASKIFY_FUNCTION(energy)` by "energy",
/// `DASKIFY_FUNCTION(model::energy)` by "model::energy". Belongs into a source file of the library (or program) that
/// has the function, outside of functions; a semicolon may follow.
///
/// The function may be called at once when the file is loaded, by any thread. Its parameters are values, const
/// references, std::span<const T> or std::string_view, of types that travel. An overloaded function, which has several
/// signatures, does not compile here: DASKIFY_FUNCTION_AS takes one of them.
#define DASKIFY_FUNCTION(...) DASKIFY_FUNCTION_AS(#__VA_ARGS__, __VA_ARGS__)

/// The same under another name, as text: `DASKIFY_FUNCTION_AS("energy of ints", static_cast<double (*)(int)>(energy))`.
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
