#pragma once

/// Turns the arguments of a `run` or `submit` call into a submitted run.

#include "daskify/iterables.hpp"
#include "daskify/program/start_run.hpp"
#include "daskify/program/task_context.hpp"

#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace daskify::internal {

template <class T>
inline constexpr bool is_arguments = false;
template <class... Ts>
inline constexpr bool is_arguments<arguments<Ts...>> = true;
template <class T>
inline constexpr bool is_product = false;
template <class... Ts>
inline constexpr bool is_product<product<Ts...>> = true;
template <class T>
inline constexpr bool is_repetitions = std::is_same_v<T, repetitions>;
template <class T>
inline constexpr bool is_group = is_arguments<T> || is_product<T> || is_repetitions<T>;

template <class T>
std::tuple<> arguments_in(const T&) {
  return {};
}
template <class... Ts>
const std::tuple<Ts...>& arguments_in(const arguments<Ts...>& group) {
  return group.values;
}
template <class T>
std::tuple<> factors_in(const T&) {
  return {};
}
template <class... Its>
std::tuple<Its...> factors_in(const product<Its...>& group) {
  return group.factors;
}
template <class... Its>
std::tuple<Its...> factors_in(product<Its...>&& group) {
  return std::move(group.factors);
}
template <class T>
std::uint64_t repeats_in(const T& group) {
  if constexpr (is_repetitions<T>)
    return group.count;
  else
    return 1;
}

template <class F, class... Groups>
auto start_run_of_groups(std::shared_ptr<cluster_session> session, F&& f, Groups&&... groups) {
  static_assert((is_group<std::decay_t<Groups>> && ...),
                "daskify: after the function, run takes args(...), iterables(...) and loops(n) only; wrap plain values "
                "in args(...)");
  static_assert((is_arguments<std::decay_t<Groups>> + ... + 0) <= 1 &&
                    (is_product<std::decay_t<Groups>> + ... + 0) <= 1 &&
                    (is_repetitions<std::decay_t<Groups>> + ... + 0) <= 1,
                "daskify: args(...), iterables(...) and loops(n) may each be given once; put all values into one "
                "group");
  auto args = std::tuple_cat(arguments_in(groups)...);
  auto its = std::tuple_cat(factors_in(std::forward<Groups>(groups))...);
  std::uint64_t repeats = 1;
  ((repeats *= repeats_in(groups)), ...);
  return start_run(std::move(session), std::decay_t<F>(std::forward<F>(f)), args, std::move(its), repeats);
}

template <class F, class... Ts>
auto start_run_of_one(std::shared_ptr<cluster_session> session, F&& f, Ts&&... values) {
  require_values<Ts...>();
  auto one = start_run(std::move(session), std::decay_t<F>(std::forward<F>(f)),
                       std::tuple<kept_argument<Ts>...>{std::forward<Ts>(values)...}, std::tuple<>{}, 1);
  return one[0];
}

/// Starts a task that runs although no future is kept.
template <class F, class... Ts>
void start_unattended(client_session& session, F&& f, Ts&&... values) {
  require_values<Ts...>();
  using G = std::decay_t<F>;
  using arguments = std::tuple<kept_argument<Ts>...>;
  using R = typename matched_call<called_as<G>, arguments, std::tuple<>>::result_type;
  auto draft = describe_run(session, dropping_result<G, R>{std::forward<F>(f)}, arguments{std::forward<Ts>(values)...},
                            std::tuple<>{}, 1);
  session.start_unattended(std::move(draft.spec)); // the session keeps the objects that the draft refers to
}

} // namespace daskify::internal
