#include "daskify/program/number.hpp"

#include "daskify/program/sweep_program.hpp"

namespace daskify::internal {

namespace {

/// Calls `read.operator()<T>()`, which returns a T, with the type T of that kind.
template <class Read>
number read_number(number_kind kind, const decoder& in, const Read& read) {
  std::optional<number> found;
  [&]<class... Ns>(types<Ns...>) {
    static_cast<void>(((kind == kind_of_number<Ns> && (found.emplace(read.template operator()<Ns>()), true)) || ...));
  }(number_types{});
  if (!found)
    number::refuse(in);
  return *found;
}

} // namespace

number read_scattered_number(number_kind kind, decoder& in, program_inputs& inputs) {
  return read_number(kind, in, [&]<class T>() {
    auto held = argument<scattered<T>, T>::read(in, inputs);
    return T{argument<scattered<T>, T>::pass(held)};
  });
}

number read_future_number(number_kind kind, decoder& in, program_inputs& inputs) {
  return read_number(kind, in, [&]<class T>() { return argument<future<T>, T>::read_value(in, inputs); });
}

} // namespace daskify::internal
