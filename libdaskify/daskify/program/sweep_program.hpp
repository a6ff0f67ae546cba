#pragma once

/// Encodes and decodes a call, as templates over the user's types: `sweep_program::write` in the client turns a call
/// into bytes, `sweep_program` in the worker turns the bytes into calls.

#include "daskify/code/type_label.hpp"
#include "daskify/future.hpp"
#include "daskify/iterables.hpp"
#include "daskify/program/callable.hpp"
#include "daskify/program/program_returning.hpp"
#include "daskify/program/sweep_shape.hpp"
#include "daskify/program/task_program.hpp"
#include "daskify/scattered.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace daskify::internal {

/// A run while it is being described.
struct run_draft {
  run_draft();
  run_draft(run_draft&&) noexcept;
  run_draft& operator=(run_draft&&) noexcept;
  ~run_draft();

  cluster_session* session = nullptr; ///< session in which it will run
  byte_buffer description;
  run_spec spec;
  std::vector<std::shared_ptr<const void>> keeps; ///< handles that must live as long as the run
};

/// Throws unless `ours`, because ids are valid within one session only.
void refuse_foreign(bool ours);

/// Throws the data_error for a handle that was moved from.
[[noreturn]] void refuse_moved_from();

/// The handle of scattered data, which must belong to this session.
template <class T>
const object_handle& handle_in(const cluster_session* session, const scattered<T>& data) {
  if (!data.handle())
    refuse_moved_from();
  refuse_foreign(data.handle()->belongs_to(session));
  return *data.handle();
}

// -- arguments --------------------------------------------------------------------------------------------
// One specialisation per kind of argument: how it is encoded, what the worker holds, and what the function is passed. P
// is the function's parameter, or void if it is unknown.

template <class A, class P>
struct argument;

/// A value that a worker holds for its tasks. A large value is allocated on the heap, because stacks have room for few
/// of them.
template <class A>
class held_value {
  static constexpr bool is_apart = sizeof(A) > 4096;

public:
  /// Holds the value that `make` returns.
  template <class Make>
  static held_value of(Make&& make) {
    if constexpr (is_apart)
      return held_value{std::unique_ptr<const A>{new A(make())}}; // constructed in place
    else
      return held_value{make()};
  }

  const A& get() const {
    if constexpr (is_apart)
      return *value_;
    else
      return value_;
  }

private:
  using kept = std::conditional_t<is_apart, std::unique_ptr<const A>, A>;

  explicit held_value(kept value) : value_{std::move(value)} {}

  kept value_;
};

/// A plain value.
template <class A, class P>
struct small_argument {
  using held = held_value<A>;
  static void write(encoder& out, run_draft&, const A& value) { out.write(value); }
  static held read(decoder& in, program_inputs&) {
    return held::of([&] { return in.read<A>(); });
  }
  static const A& pass(const held& value) { return value.get(); }
};

/// A value that may be too large to be sent with its run: it is then put into the store, once.
template <class A, class P>
struct large_argument {
  using in_store = argument<scattered<A>, P>;
  struct held {
    std::unique_ptr<const A> value; ///< the value that was sent with the run
    typename in_store::held stored;
  };

  static void write(encoder& out, run_draft& draft, const A& value) {
    auto& bytes = draft.description;
    if constexpr (is_plain_bytes<A>) {
      auto plain = std::as_bytes(std::span{value.data(), value.size()});
      if (plain.size() > tuning::largest_inline_value) {
        out.write(true);
        put(out, draft, plain);
        return;
      }
    }
    auto mark = bytes.size();
    out.write(false);
    auto begin = bytes.size();
    out.write(value);
    if (bytes.size() - begin <= tuning::largest_inline_value || is_plain_bytes<A>)
      return;
    auto handle = draft.session->put_value(label_of<A>(), std::span<const std::byte>{bytes}.subspan(begin));
    bytes.resize(mark);
    out.write(true);
    use(out, draft, std::move(handle));
  }
  static held read(decoder& in, program_inputs& inputs) {
    held h;
    if (in.read<bool>())
      h.stored = in_store::read(in, inputs);
    else
      h.value.reset(new A(in.read<A>()));
    return h;
  }
  static decltype(auto) pass(const held& h) {
    if constexpr (in_store::as_view)
      return h.value ? std::remove_cvref_t<P>(*h.value) : in_store::pass(h.stored);
    else
      return static_cast<const A&>(h.value ? *h.value : *h.stored.value);
  }

private:
  static void put(encoder& out, run_draft& draft, std::span<const std::byte> bytes) {
    use(out, draft, draft.session->put_value(label_of<A>(), bytes));
  }
  static void use(encoder& out, run_draft& draft, std::shared_ptr<object_handle> handle) {
    out.write(handle->id().value);
    draft.spec.objects.push_back(handle->id());
    draft.keeps.push_back(std::move(handle));
  }
};

template <class A, class P>
struct argument : std::conditional_t<has_fixed_layout<A>, small_argument<A, P>, large_argument<A, P>> {};

/// A future: the result of its task.
template <class R, class P>
struct argument<future<R>, P> {
  static_assert(!std::is_void_v<R>, "daskify: a future<void> has no value that could be an argument");
  using held = held_value<R>;
  static void write(encoder& out, run_draft& draft, const future<R>& value) {
    auto range = value.range();
    refuse_foreign(&value.run()->session() == draft.session);
    out.write(range.run.value);
    out.write(value.index());
    draft.spec.inputs.push_back(range); // the scheduler keeps the run of the future until this run has ended
  }
  static held read(decoder& in, program_inputs& inputs) {
    return held::of([&] { return read_value(in, inputs); });
  }
  static R read_value(decoder& in, program_inputs& inputs) {
    run_id run{in.read<std::uint64_t>()};
    auto task = in.read<std::uint64_t>();
    for (const auto& block : inputs.futures)
      if (block.run == run && task >= block.first && task - block.first < block.count)
        return value_at<R>(block, task, [&](object_id object) { return inputs.objects.find(object, 0); });
    throw data_error{error_code::unknown_run, "The result of a future that is an argument did not come with the run."};
  }
  static const R& pass(const held& value) { return value.get(); }
};

template <class P, class T>
inline constexpr bool takes_view = false;
template <class U, class T, class A>
inline constexpr bool takes_view<std::span<const U>, std::vector<T, A>> = std::is_same_v<U, T>;
template <class C, class Tr, class A>
inline constexpr bool takes_view<std::basic_string_view<C, Tr>, std::basic_string<C, Tr, A>> = true;

/// Scattered data: a view of the shared bytes if the function takes a view, otherwise the value, decoded once per
/// process.
template <class T, class P>
struct argument<scattered<T>, P> {
  static constexpr bool as_view = is_plain_bytes<T> && takes_view<std::remove_cvref_t<P>, T>;

  struct held {
    shared_bytes bytes;
    std::shared_ptr<const T> value;
  };

  static void write(encoder& out, run_draft& draft, const scattered<T>& value) {
    out.write(handle_in(draft.session, value).id().value);
    draft.spec.objects.push_back(value.handle()->id());
    draft.keeps.push_back(value.handle());
  }

  static held read(decoder& in, program_inputs& inputs) {
    object_id object{in.read<std::uint64_t>()};
    held h{inputs.objects.find(object, label_of<T>().hash), nullptr};
    if constexpr (!as_view) {
      h.value = inputs.objects.decoded<T>(object, [&] { return from_store_bytes<T>(h.bytes.view()); });
      h.bytes = {}; // allows the store to drop the bytes
    }
    return h;
  }

  static decltype(auto) pass(const held& h) {
    if constexpr (as_view) {
      using element = typename T::value_type;
      return std::remove_cvref_t<P>(reinterpret_cast<const element*>(h.bytes.data()), h.bytes.size() / sizeof(element));
    } else {
      return static_cast<const T&>(*h.value);
    }
  }
};

// -- iterables --------------------------------------------------------------------------------------------

template <class It>
struct factor {
  using held = It;
  static void write(encoder& out, run_draft&, const It& values) { out.write(values); }
  static held read(decoder& in, program_inputs&) { return in.read<It>(); }
};

/// Futures as an iterable: all must have ended before the run begins.
template <class R>
struct factor<std::vector<future<R>>> {
  using held = std::vector<R>;
  static void write(encoder& out, run_draft& draft, const std::vector<future<R>>& values) {
    out.write(static_cast<std::uint64_t>(values.size()));
    for (const auto& v : values)
      argument<future<R>, R>::write(out, draft, v);
  }
  static held read(decoder& in, program_inputs& inputs) {
    held all;
    for (auto left = in.read<std::uint64_t>(); left != 0; --left)
      all.push_back(argument<future<R>, R>::read_value(in, inputs));
    return all;
  }
};

template <class It>
using iterated = decltype(std::declval<const typename factor<It>::held&>()[0]);

template <class... Its>
sweep_shape<sizeof...(Its)> shape_of(const std::tuple<Its...>& its) {
  return std::apply([](const auto&... values) { return sweep_shape<sizeof...(Its)>{{values.size()...}}; }, its);
}

// -- matching a call to its function ------------------------------------------------------------------------

template <class Parameters, std::size_t I>
struct parameter_at {
  using type = void;
};
template <class P, class... Ps>
struct parameter_at<parameter_list<P, Ps...>, 0> {
  using type = P;
};
template <class P, class... Ps, std::size_t I>
requires(I != 0) struct parameter_at<parameter_list<P, Ps...>, I> : parameter_at<parameter_list<Ps...>, I - 1> {
};

template <class F, class Args, class Its>
struct matched_call;

/// Determines at compile time what is passed to each parameter, and whether the call is valid.
template <class F, class... As, class... Its>
struct matched_call<F, std::tuple<As...>, std::tuple<Its...>> {
  using parameters = typename parameters_of<F>::type;

  template <std::size_t I>
  using argument_at = argument<std::tuple_element_t<I, std::tuple<As...>>, typename parameter_at<parameters, I>::type>;

  template <class Is>
  struct call;
  template <std::size_t... I>
  struct call<std::index_sequence<I...>> {
    static constexpr bool fits =
        std::is_invocable_v<const F&,
                            decltype(argument_at<I>::pass(std::declval<const typename argument_at<I>::held&>()))...,
                            iterated<Its>...>;
    static constexpr bool fits_if_mutable =
        std::is_invocable_v<F&, decltype(argument_at<I>::pass(std::declval<const typename argument_at<I>::held&>()))...,
                            iterated<Its>...>;
    using held = std::tuple<typename argument_at<I>::held...>;
    template <class = void>
    struct result_of {
      using type =
          std::invoke_result_t<const F&,
                               decltype(argument_at<I>::pass(std::declval<const typename argument_at<I>::held&>()))...,
                               iterated<Its>...>;
    };
  };
  using my_call = call<std::index_sequence_for<As...>>;

  static_assert(
      my_call::fits || !my_call::fits_if_mutable,
      "daskify: the operator() of this function object changes the object; it has to be const (for a lambda: not "
      "mutable), because every task gets the same one");
  static_assert(
      my_call::fits || my_call::fits_if_mutable,
      "daskify: the function cannot be called with these args(...) followed by one element of each of these "
      "iterables(...): compare their number, order and types with its parameters (parameters are values, "
      "const references, std::span<const T> or std::string_view; a function that changes its argument through a "
      "reference cannot be used, because it would change a copy in another process)");

  using held_arguments = typename my_call::held;
  using result_type = std::decay_t<typename my_call::template result_of<>::type>;
};

template <class F, class Args, class Its>
class sweep_program;

/// Entry point instantiated in the calling program: a template over the function and all its arguments.
template <class F, class... As, class... Its>
class sweep_program<F, std::tuple<As...>, std::tuple<Its...>> final
    : public program_returning<typename matched_call<F, std::tuple<As...>, std::tuple<Its...>>::result_type> {
  using match = matched_call<F, std::tuple<As...>, std::tuple<Its...>>;
  template <std::size_t I>
  using argument_at = typename match::template argument_at<I>;
  using shape = sweep_shape<sizeof...(Its)>;

public:
  static void write(run_draft& draft, const F& f, const std::tuple<As...>& args, const std::tuple<Its...>& its) {
    encoder out{draft.description};
    write_callable(out, f);
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (argument_at<I>::write(out, draft, std::get<I>(args)), ...);
    }
    (std::index_sequence_for<As...>{});
    std::apply([&](const auto&... values) { (factor<Its>::write(out, draft, values), ...); }, its);
  }

  static std::unique_ptr<task_program> make(decoder& in, program_inputs& inputs) {
    return std::make_unique<sweep_program>(in, inputs);
  }

  // Members are read in the order in which they are declared, which is the order of `write`.
  sweep_program(decoder& in, program_inputs& inputs)
      : f_{read_callable<F>(in)},
        args_{read_args(in, inputs, std::index_sequence_for<As...>{})},
        its_{typename factor<Its>::held{factor<Its>::read(in, inputs)}...},
        shape_{shape_of(its_)} {}

  void execute(std::uint64_t first, std::uint64_t count, result_sink& sink, task_context& context) const override {
    this->call_each(shape_, first, count, sink, context,
                    [this](const typename shape::position& at) { return call_at(at); });
  }

private:
  template <std::size_t... I>
  static typename match::held_arguments read_args([[maybe_unused]] decoder& in, [[maybe_unused]] program_inputs& inputs,
                                                  std::index_sequence<I...>) {
    return typename match::held_arguments{typename argument_at<I>::held{argument_at<I>::read(in, inputs)}...};
  }

  /// Returns by value, because a reference could be to a parameter that lives no longer than the call.
  typename match::result_type call_at([[maybe_unused]] const typename shape::position& at) const {
    return [&]<std::size_t... I, std::size_t... J>(std::index_sequence<I...>, std::index_sequence<J...>)
        ->typename match::result_type {
      return f_(argument_at<I>::pass(std::get<I>(args_))..., std::get<J>(its_)[at[J]]...);
    }
    (std::index_sequence_for<As...>{}, std::index_sequence_for<Its...>{});
  }

  F f_;
  typename match::held_arguments args_;
  std::tuple<typename factor<Its>::held...> its_;
  shape shape_;
};

} // namespace daskify::internal
