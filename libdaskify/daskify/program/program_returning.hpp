#pragma once

/// The common part of the programs of all functions with one result type.

#include "daskify/future.hpp"
#include "daskify/program/sweep_shape.hpp"
#include "daskify/program/task_program.hpp"

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace daskify::internal {

/// A program each of whose tasks returns an R.
template <class R>
class program_returning : public task_program {
  using held_result = stored_result<R>;
  static constexpr bool is_void = std::is_void_v<R>;
  static constexpr bool fixed_results = is_void || has_fixed_layout<held_result>;

public:
  block_layout layout() const noexcept final { return fixed_results ? block_layout::fixed : block_layout::variable; }

  std::uint64_t value_size() const noexcept final {
    if constexpr (is_void || !fixed_results)
      return 0;
    else
      return *fixed_encoded_size<held_result>;
  }

protected:
  /// Calls `call(position)` for each of the tasks [first, first + count), see task_program::execute.
  template <std::size_t N, class Call>
  void call_each(const sweep_shape<N>& shape, std::uint64_t first, std::uint64_t count, result_sink& sink,
                 task_context& context, const Call& call) const {
    task_context_scope visible{context};
    context.tasks_per_loop = shape.tasks();
    auto at = shape.position_of(first);
    for (auto i = first; i < first + count; ++i) {
      context.index = i;
      context.submitted = 0;
      try {
        if constexpr (is_void) {
          call(at);
          sink.no_value();
        } else {
          sink.template value<held_result>(call(at));
        }
      } catch (...) {
        sink.threw(layout(), value_size());
      }
      shape.advance(at);
    }
  }
};

} // namespace daskify::internal
