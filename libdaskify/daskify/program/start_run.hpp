#pragma once

/// What the client does to start a run: the call is described, and its tasks are told by their combinations.

#include "daskify/future.hpp"
#include "daskify/program/callable.hpp"
#include "daskify/program/code_address.hpp"
#include "daskify/program/function_registry.hpp"
#include "daskify/program/named_call.hpp"
#include "daskify/program/sweep_program.hpp"
#include "daskify/program/sweep_shape.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <ostream>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace daskify::internal {

/// Product of the sizes; throws data_error(too_many_tasks) when it is more than one run may have.
std::uint64_t count_tasks_of(std::span<const std::uint64_t> sizes, std::uint64_t repeats);

/// As text for messages, exactly enough to call the function again; "?" where it cannot be streamed.
template <class T>
void print_element(std::ostream& out, const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    out << (value ? "true" : "false");
  } else if constexpr (std::is_floating_point_v<T>) {
    std::array<char, 64> digits;
    out << std::string_view{digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr};
  } else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, char>) {
    out << +value;
  } else if constexpr (requires { out << value; }) {
    out << value;
  } else {
    out << '?';
  }
}

template <class... Its>
auto combination_at(const std::tuple<Its...>& its, std::uint64_t i) {
  auto at = shape_of(its).position_of(i);
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return std::tuple<std::decay_t<decltype(std::get<I>(its)[0])>...>{std::get<I>(its)[at[I]]...};
  }
  (std::index_sequence_for<Its...>{});
}

template <class... Its>
std::string combination_text(const std::tuple<Its...>& its, std::uint64_t i) {
  std::ostringstream text;
  auto at = shape_of(its).position_of(i);
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    ((text << (I == 0 ? "" : ", "), print_element(text, std::get<I>(its)[at[I]])), ...);
  }
  (std::index_sequence_for<Its...>{});
  return text.str();
}

/// Fills in the draft's description, and who is to read it: the entry point of the function where it is called by name,
/// or registered, and else the one that is made for this call here.
template <class F, class... As, class... Its>
void describe_call(run_draft& draft, const F& f, const std::tuple<As...>& args, const std::tuple<Its...>& its) {
  if constexpr (is_named_function<F>) {
    if (f.name().empty())
      throw data_error{error_code::bad_argument,
                       "A named_function that was moved from was called; use the one it was moved to."};
    named_call<typename F::signature, std::tuple<As...>, std::tuple<Its...>>::write(draft, args, its);
    draft.spec.program.registered = f.name();
    draft.spec.name = f.name();
    return;
  }
  if constexpr (is_function_pointer<F> && requires { typename signature_of<F>; }) { // not so for f(int, ...)
    using call = named_call<signature_of<F>, std::tuple<As...>, std::tuple<Its...>>;
    if constexpr (call::is_possible)
      if (auto known = function_registry::of_process().reference_to(reinterpret_cast<any_function>(f))) {
        call::write(draft, args, its);
        draft.spec.name = known->registered;
        draft.spec.program = std::move(*known);
        return;
      }
  }
  if constexpr (!is_named_function<F>) {
    using program = sweep_program<F, std::tuple<As...>, std::tuple<Its...>>;
    program::write(draft, f, args, its);
    draft.spec.program = to_reference(reinterpret_cast<const void*>(&program::make));
    draft.spec.name = name_of_callable(f);
  }
}

/// All of a run but its id.
template <class F, class... As, class... Its>
run_draft describe_run(cluster_session& session, const F& f, const std::tuple<As...>& args,
                       const std::tuple<Its...>& its, std::uint64_t repeats) {
  run_draft draft;
  draft.session = &session;
  draft.spec.tasks = count_tasks_of(shape_of(its).sizes, repeats);
  describe_call(draft, f, args, its);
  if (draft.description.size() > tuning::largest_inline_value) {
    // Large iterables or captures: to each node once, and not to each worker.
    auto handle =
        session.put_value({0, "arguments of " + draft.spec.name}, std::span<const std::byte>{draft.description});
    draft.spec.stored_description = handle->id();
    draft.spec.objects.push_back(handle->id());
    draft.keeps.push_back(std::move(handle));
  } else {
    draft.spec.description = shared_bytes{std::move(draft.description)};
  }
  return draft;
}

template <class R>
constexpr void require_result_that_travels() {
  static_assert(
      std::is_void_v<R> || travels<stored_result<R>>,
      "daskify: the function's result cannot travel back from the worker; return values, not pointers or views");
}

template <class F, class... As, class... Its>
auto start_run(std::shared_ptr<cluster_session> session, F f, const std::tuple<As...>& args, std::tuple<Its...> its,
               std::uint64_t repeats) {
  using R = typename matched_call<called_as<F>, std::tuple<As...>, std::tuple<Its...>>::result_type;
  require_result_that_travels<R>();

  auto draft = describe_run(*session, f, args, its, repeats);
  auto per_loop = repeats == 0 ? 0 : draft.spec.tasks / repeats;
  auto kept = std::make_shared<const std::tuple<Its...>>(std::move(its));
  auto text = [kept, per_loop](std::uint64_t i) {
    return per_loop == 0 ? std::string{} : combination_text(*kept, i % per_loop);
  };
  auto run = std::make_shared<run_handle>(std::move(session), std::move(draft.spec), std::move(draft.keeps), text);
  if constexpr (sizeof...(Its) == 0)
    return futures<R>{std::move(run), per_loop};
  else
    return futures<R, std::decay_t<decltype(std::declval<const Its&>()[0])>...>{
        std::move(run), per_loop, [kept](std::uint64_t i) { return combination_at(*kept, i); }};
}

} // namespace daskify::internal
