#pragma once

/// The entry point of registered functions, a template over the signature alone: it is instantiated where the function
/// is registered, and accepts every call that named_call writes.

#include "daskify/program/function_registry.hpp"
#include "daskify/program/named_call.hpp"
#include "daskify/program/number.hpp"
#include "daskify/program/program_returning.hpp"
#include "daskify/program/signature.hpp"
#include "daskify/program/sweep_program.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace daskify::internal {

/// The values of one parameter for all tasks: one value if it is the same for all of them.
template <class P>
class named_parameter {
  using V = parameter_value<P>;
  static constexpr bool is_view = takes_some_view<P>;
  struct nothing {};

public:
  /// Throws data_error.
  named_parameter(decoder& in, program_inputs& inputs) {
    switch (static_cast<value_source>(in.read<std::uint8_t>())) {
    case value_source::value:
      keep<argument<V, P>>(in, inputs);
      break;
    case value_source::scattered:
      read_held<argument<scattered<V>, P>>(in, inputs, read_scattered_number);
      break;
    case value_source::future:
      read_held<argument<future<V>, P>>(in, inputs, read_future_number);
      break;
    case value_source::integers:
      read_integers(in);
      break;
    case value_source::linear:
      read_space<linear_space>(in, inputs);
      break;
    case value_source::logarithmic:
      read_space<logarithmic_space>(in, inputs);
      break;
    case value_source::values:
      read_values(in, inputs);
      break;
    case value_source::futures:
      read_futures(in, inputs);
      break;
    default:
      in.refuse("a parameter comes from a source that there is not");
    }
    if (size_ == 0)
      in.refuse("a parameter has no value, and so the run no tasks");
  }

  std::uint64_t size() const noexcept { return size_; }

  /// Storage for a value that is created for one task.
  using room = std::conditional_t<takes_numbers<V> && !std::is_arithmetic_v<V>, std::optional<V>, nothing>;

  /// The argument for value i; valid during the lifetime of `made`.
  decltype(auto) pass(std::uint64_t i, [[maybe_unused]] room&& made) const {
    if constexpr (is_view)
      return first_ ? std::remove_cvref_t<P>(first_[i]) : view_;
    else if constexpr (std::is_arithmetic_v<V>)
      return first_ ? first_[i] : compute_(*this, i); // a value, in a register
    else if constexpr (std::is_rvalue_reference_v<P>)
      return V(value_at(i, made));
    else
      return value_at(i, made);
  }

private:
  using compute = V (*)(const named_parameter&, std::uint64_t);

  const V& value_at(std::uint64_t i, [[maybe_unused]] room& made) const {
    if constexpr (takes_numbers<V>)
      if (!first_)
        return made.emplace(compute_(*this, i));
    return first_[i];
  }

  /// Keeps one value, or a view of it, as held by argument A.
  template <class A>
  void keep(decoder& in, program_inputs& inputs) {
    using held = typename A::held;
    std::shared_ptr<const held> kept{new held(A::read(in, inputs))};
    if constexpr (std::is_reference_v<decltype(A::pass(*kept))>)
      first_ = &A::pass(*kept);
    else
      view_ = A::pass(*kept);
    kept_ = std::move(kept);
    size_ = 1;
  }

  void keep_all(std::vector<V> values) {
    size_ = values.size();
    if constexpr (std::is_same_v<V, bool>) { // vector<bool> has no elements that could be pointed to
      std::shared_ptr<bool[]> flags{new bool[size_]};
      for (std::uint64_t i = 0; i < size_; ++i)
        flags[i] = values[i];
      first_ = flags.get();
      kept_ = std::move(flags);
    } else {
      auto kept = std::make_shared<const std::vector<V>>(std::move(values));
      first_ = kept->data();
      kept_ = std::move(kept);
    }
  }

  /// Reads a value as held by argument A, or a number of another type.
  template <class A>
  void read_held(decoder& in, program_inputs& inputs, number (*read_number)(number_kind, decoder&, program_inputs&)) {
    auto kind = in.read<number_kind>();
    if (kind == expected_type)
      return keep<A>(in, inputs);
    if constexpr (takes_numbers<V>) {
      auto kept = std::make_shared<const V>(read_number(kind, in, inputs).template to<V>(in));
      first_ = kept.get();
      kept_ = std::move(kept);
      size_ = 1;
    } else {
      number::refuse(in);
    }
  }

  void read_futures(decoder& in, program_inputs& inputs) {
    auto kind = in.read<number_kind>();
    if (kind == expected_type)
      return keep_all(factor<std::vector<future<V>>>::read(in, inputs));
    if constexpr (takes_numbers<V>) {
      std::vector<V> all;
      for (auto left = in.read<std::uint64_t>(); left != 0; --left)
        all.push_back(read_future_number(kind, in, inputs).template to<V>(in));
      keep_all(std::move(all));
    } else {
      number::refuse(in);
    }
  }

  void read_values(decoder& in, program_inputs& inputs) {
    auto values = factor<values_of<V>>::read(in, inputs);
    if constexpr (std::is_same_v<V, bool>)
      keep_all({values.values.begin(), values.values.end()});
    else
      keep_all(std::move(values));
  }

  void read_integers(decoder& in) {
    auto kind = in.read<number_kind>();
    start_ = in.read<std::uint64_t>();
    step_ = in.read<std::uint64_t>();
    size_ = in.read<std::uint64_t>();
    [&]<class... Ns>(types<Ns...>) { static_cast<void>((compute_integers<Ns>(kind) || ...)); }(number_types{});
    if (!compute_)
      number::refuse(in);
  }

  template <class T>
  bool compute_integers([[maybe_unused]] number_kind kind) {
    if constexpr (std::is_integral_v<T> && is_number_for<T, V>)
      if (kind == kind_of_number<T>)
        compute_ = [](const named_parameter& p, std::uint64_t i) {
          return converted_to<V>(integer_range<T>{static_cast<T>(p.start_), static_cast<T>(p.step_), p.size_}[i]);
        };
    return compute_ != nullptr;
  }

  template <class Space>
  void read_space(decoder& in, program_inputs& inputs) {
    if constexpr (is_number_for<double, V>) {
      auto space = factor<Space>::read(in, inputs);
      size_ = space.size();
      if constexpr (std::is_same_v<Space, logarithmic_space>)
        ends_ = space.exponents;
      else
        ends_ = space;
      compute_ = [](const named_parameter& p, std::uint64_t i) { return converted_to<V>(Space{p.ends_}[i]); };
    } else {
      number::refuse(in);
    }
  }

  const V* first_ = nullptr;  ///< the values, unless they are computed
  compute compute_ = nullptr; ///< computes value i of a range
  std::uint64_t size_ = 0;    ///< number of values
  std::uint64_t start_ = 0;   ///< of integers
  std::uint64_t step_ = 0;    ///< of integers
  linear_space ends_;         ///< of real numbers, or of their exponents
  [[no_unique_address]] std::conditional_t<is_view, std::remove_cvref_t<P>, nothing>
      view_{};                       ///< view of bytes in shared memory
  std::shared_ptr<const void> kept_; ///< owner of the values
};

/// A call of a function with this signature.
template <class Signature>
class named_program;

template <class R, class... Ps>
class named_program<R(Ps...)> final : public program_returning<std::decay_t<R>> {
  using shape = sweep_shape<sizeof...(Ps)>;

public:
  static std::unique_ptr<task_program> make(any_function f, decoder& in, program_inputs& inputs) {
    return std::make_unique<named_program>(reinterpret_cast<R (*)(Ps...)>(f), in, inputs);
  }

  named_program(R (*f)(Ps...), [[maybe_unused]] decoder& in, [[maybe_unused]] program_inputs& inputs)
      : f_{f},
        parameters_{named_parameter<Ps>{in, inputs}...},
        shape_{std::apply([](const auto&... p) { return shape{{p.size()...}}; }, parameters_)} {
    in.expect_end();
    std::uint64_t tasks = 1;
    for (auto size : shape_.sizes)
      if (__builtin_mul_overflow(tasks, size, &tasks))
        in.refuse("it has more tasks than a run can have");
  }

  void execute(std::uint64_t first, std::uint64_t count, result_sink& sink, task_context& context) const override {
    this->call_each(shape_, first, count, sink, context,
                    [this](const typename shape::position& at) { return call_at(at); });
  }

private:
  /// Returns by value, because a reference could be to a parameter that lives no longer than the call.
  std::decay_t<R> call_at([[maybe_unused]] const typename shape::position& at) const {
    return [&]<std::size_t... I>(std::index_sequence<I...>)->std::decay_t<R> {
      return f_(std::get<I>(parameters_).pass(at[I], typename named_parameter<Ps>::room{})...);
    }
    (std::index_sequence_for<Ps...>{});
  }

  R (*f_)(Ps...);
  std::tuple<named_parameter<Ps>...> parameters_;
  shape shape_;
};

} // namespace daskify::internal
