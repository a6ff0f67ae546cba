#pragma once

/// The client's part of starting a run: encodes the call, and provides the combination of each task.

#include "daskify/future.hpp"
#include "daskify/program/callable.hpp"
#include "daskify/program/function_registry.hpp"
#include "daskify/program/named_call.hpp"
#include "daskify/program/sweep_program.hpp"
#include "daskify/program/sweep_shape.hpp"
#include "daskify/session/run_handle.hpp"

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace daskify::internal {

/// Product of the sizes; throws data_error(too_many_tasks) if it exceeds the limit of one run.
std::uint64_t count_tasks_of(std::span<const std::uint64_t> sizes, std::uint64_t repeats);

/// Text of the elements of a combination, for messages.
class element_text {
public:
  element_text();
  ~element_text();
  element_text(const element_text&) = delete;
  element_text& operator=(const element_text&) = delete;

  /// Exactly enough to call the function again; "?" if the value cannot be streamed.
  template <class T>
  void add(const T& value) {
    if constexpr (std::is_same_v<T, bool>)
      next() << (value ? "true" : "false");
    else if constexpr (std::is_floating_point_v<T>)
      add_number(value);
    else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, char>)
      next() << +value;
    else if constexpr (requires(std::ostream & out) { out << value; })
      next() << value;
    else
      next() << '?';
  }

  /// All elements, separated by commas.
  std::string text() const;

private:
  std::ostream& next();
  void add_number(float value);
  void add_number(double value);
  void add_number(long double value);

  std::unique_ptr<std::ostringstream> out_;
  bool is_first_ = true;
};

template <class It>
using element_of_iterable = std::decay_t<decltype(std::declval<const It&>()[0])>;

template <class... Its>
auto combination_at(const std::tuple<Its...>& its, std::uint64_t i) {
  auto at = shape_of(its).position_of(i);
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return std::tuple<element_of_iterable<Its>...>{std::get<I>(its)[at[I]]...};
  }
  (std::index_sequence_for<Its...>{});
}

template <class... Its>
std::string combination_text(const std::tuple<Its...>& its, std::uint64_t i) {
  element_text text;
  auto at = shape_of(its).position_of(i);
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (text.add(std::get<I>(its)[at[I]]), ...);
  }
  (std::index_sequence_for<Its...>{});
  return text.text();
}

/// The combinations of a run, from its iterables.
template <class... Its>
class swept_combinations final : public combinations_of<element_of_iterable<Its>...> {
public:
  swept_combinations(std::tuple<Its...> its, std::uint64_t per_loop) : its_{std::move(its)}, per_loop_{per_loop} {}

  std::tuple<element_of_iterable<Its>...> at(std::uint64_t i) const override { return combination_at(its_, i); }
  std::string text_of(std::uint64_t task) const override {
    return per_loop_ == 0 ? std::string{} : combination_text(its_, task % per_loop_);
  }

private:
  std::tuple<Its...> its_;
  std::uint64_t per_loop_;
};

/// Sets the entry point of the function, if it is registered.
bool use_registered(run_draft& draft, any_function f);
/// Sets the entry point that was instantiated for this call.
void use_entry_point(run_draft& draft, const void* entry, std::string name);

/// Fills in the draft's description and entry point: the entry point of the function if it is called by name or
/// registered, otherwise the entry point that is instantiated here for this call.
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
  if constexpr (is_function_pointer<F> && requires { typename signature_of<F>; }) { // not valid for f(int, ...)
    using call = named_call<signature_of<F>, std::tuple<As...>, std::tuple<Its...>>;
    if constexpr (call::is_possible)
      if (use_registered(draft, reinterpret_cast<any_function>(f))) {
        call::write(draft, args, its);
        return;
      }
  }
  if constexpr (!is_named_function<F>) {
    using program = sweep_program<F, std::tuple<As...>, std::tuple<Its...>>;
    program::write(draft, f, args, its);
    use_entry_point(draft, reinterpret_cast<const void*>(&program::make), name_of_callable(f));
  }
}

/// Moves the description into the run; a large description, of large iterables or captures, is put into the store
/// instead, so that it is sent once to each node, and not to each worker.
void close_description(run_draft& draft);

/// Submits the run.
std::shared_ptr<run_handle> submit_draft(std::shared_ptr<cluster_session> session, run_draft draft,
                                         std::shared_ptr<const combinations> calls);

/// Describes a run completely except for its id.
template <class F, class... As, class... Its>
run_draft describe_run(cluster_session& session, const F& f, const std::tuple<As...>& args,
                       const std::tuple<Its...>& its, std::uint64_t repeats) {
  run_draft draft;
  draft.session = &session;
  draft.spec.tasks = count_tasks_of(shape_of(its).sizes, repeats);
  describe_call(draft, f, args, its);
  close_description(draft);
  return draft;
}

/// F, or a wrapper that discards the result if the result cannot be sent.
template <class F, class R>
using dropping_result = std::conditional_t<std::is_void_v<R> || travels<stored_result<R>>, F, without_result<F>>;

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
  auto calls = std::make_shared<const swept_combinations<Its...>>(std::move(its), per_loop);
  auto run = submit_draft(std::move(session), std::move(draft), calls);
  if constexpr (sizeof...(Its) == 0)
    return futures<R>{std::move(run), per_loop};
  else
    return futures<R, element_of_iterable<Its>...>{std::move(run), per_loop, std::move(calls)};
}

} // namespace daskify::internal
