#include "daskify/this_task.hpp"

#include "daskify/program/task_context.hpp"

namespace daskify::this_task {

namespace {

const internal::task_context& context_or_none() noexcept {
  static const internal::task_context none;
  const auto* current = internal::current_task();
  return current ? *current : none;
}

} // namespace

std::uint64_t index() noexcept {
  return context_or_none().index;
}

std::uint64_t loop() noexcept {
  const auto& context = context_or_none();
  return context.index / context.tasks_per_loop;
}

std::uint64_t seed() noexcept {
  return internal::derived_seed(context_or_none(), 0);
}

bool stop_requested() noexcept {
  return internal::current_task_is_stopped();
}

std::string worker() {
  return context_or_none().worker;
}

} // namespace daskify::this_task
