#include "daskify/program/task_context.hpp"

#include "daskify/error.hpp"

namespace daskify::internal {

namespace {

thread_local task_context* current_context = nullptr;

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): neighbouring inputs give unrelated outputs.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

} // namespace

task_context_scope::task_context_scope(task_context& context) noexcept {
  current_context = &context;
}

task_context_scope::~task_context_scope() {
  current_context = nullptr;
}

task_context* current_task() noexcept {
  return current_context;
}

bool current_task_is_stopped() noexcept {
  return current_context && current_context->some_stop && current_context->some_stop->load(std::memory_order_relaxed) &&
         current_context->stop->is_stopped(current_context->thread, current_context->index);
}

std::uint64_t derived_seed(const task_context& context, std::uint64_t n) noexcept {
  auto own = mix(mix(context.seed) ^ context.index);
  return n == 0 ? own : mix(own ^ n);
}

std::shared_ptr<cluster_session> session_of_current_task() {
  if (!current_context || !current_context->session)
    throw task_error{error_code::not_in_a_task,
                     "this_task was asked to submit work on a thread that runs no task; calls of on_worker_start "
                     "cannot submit work, and outside of tasks the daskified object does.",
                     {}};
  return current_context->session;
}

} // namespace daskify::internal
