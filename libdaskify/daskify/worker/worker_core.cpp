#include "daskify/worker/worker_core.hpp"

#include <algorithm>

namespace daskify::internal {

worker_core::worker_core(std::size_t turns) : turns_{turns} {
  for (std::size_t i = 0; i < turns; ++i)
    add_thread();
}

std::size_t worker_core::add_thread() {
  threads_.push_back(std::make_unique<thread_state>());
  return threads_.size() - 1;
}

void worker_core::add(const lease& work) {
  if (work.count != 0)
    queue_.push_back({work, work.first});
}

bool worker_core::take(std::size_t thread) {
  if (queue_.empty() || running_ + resuming_ >= turns_)
    return false;
  ++running_;
  auto& t = *threads_[thread];
  t.busy = true;
  t.held = queue_.front();
  t.chunk_count = 0;
  t.stop.store(false, std::memory_order_relaxed);
  queue_.pop_front();
  return true;
}

void worker_core::begin_wait(std::size_t thread) {
  threads_[thread]->waiting = true;
  ++waiting_;
  --running_;
}

bool worker_core::end_wait(std::size_t thread) {
  if (running_ >= turns_)
    return false;
  threads_[thread]->waiting = false;
  --waiting_;
  --resuming_;
  ++running_;
  return true;
}

auto worker_core::next_chunk(std::size_t thread, std::uint64_t most, time_point now) -> chunk {
  auto& t = *threads_[thread];
  chunk c{t.held.work.id, t.held.work.run, t.held.next, 0};
  auto left = t.held.end() - t.held.next;
  t.chunk_begin = now;
  if (left == 0) {
    t.chunk_count = 0;
    return c;
  }
  std::uint64_t until = t.held.end();
  c.cancelled = is_cancelled(c.run, c.first, until);
  auto same = std::min(until, t.held.end()) - c.first;
  c.count = c.cancelled ? same : std::min(most, same);
  t.held.next += c.count;
  t.chunk_first = c.first;
  t.chunk_count = c.count;
  t.stop.store(false, std::memory_order_relaxed);
  return c;
}

void worker_core::done(std::size_t thread) {
  auto& t = *threads_[thread];
  auto run = t.held.work.run;
  t.busy = false;
  t.chunk_count = 0;
  --running_;
  forget_old_cancellations(run);
}

auto worker_core::give_back(time_point long_ago) -> std::vector<returned_tasks> {
  std::size_t stuck = 0;
  for (const auto& t : threads_)
    stuck += t->busy && !t->waiting && t->chunk_count != 0 && t->chunk_begin <= long_ago;
  if (stuck == turns_)
    return give_back_all();
  std::vector<returned_tasks> back;
  for (auto& t : threads_)
    if (t->busy && t->waiting)
      return_rest(*t, back);
  return back;
}

auto worker_core::give_back_all() -> std::vector<returned_tasks> {
  std::vector<returned_tasks> back;
  for (auto& t : threads_)
    if (t->busy)
      return_rest(*t, back);
  for (const auto& q : queue_)
    if (!is_of_start_call(q.work.id))
      back.push_back({q.work.id, q.work.run, q.work.first, q.work.count, true});
  std::erase_if(queue_, [](const held_lease& q) { return !is_of_start_call(q.work.id); });
  for (const auto& b : back)
    forget_old_cancellations(b.run);
  return back;
}

/// Gives back the tasks of the thread's lease that have not begun.
void worker_core::return_rest(thread_state& thread, std::vector<returned_tasks>& back) {
  auto left = thread.held.end() - thread.held.next;
  if (left == 0)
    return;
  back.push_back({thread.held.work.id, thread.held.work.run, thread.held.next, left, false});
  thread.held.work.count -= left;
}

void worker_core::cancel(const run_range& tasks) {
  auto touches = [&](const lease& l) {
    return l.run == tasks.run && l.first < tasks.first + tasks.count && tasks.first < l.first + l.count;
  };
  bool needed = std::any_of(queue_.begin(), queue_.end(), [&](const held_lease& q) { return touches(q.work); });
  for (auto& t : threads_) {
    if (!t->busy || !touches(t->held.work))
      continue;
    needed = true;
    if (t->chunk_first < tasks.first + tasks.count && tasks.first < t->chunk_first + t->chunk_count)
      t->stop.store(true, std::memory_order_relaxed);
  }
  if (needed)
    cancelled_.push_back(tasks);
}

bool worker_core::is_stopped(std::size_t thread, std::uint64_t task) const {
  std::uint64_t until = UINT64_MAX;
  return stopping_ || is_cancelled(threads_[thread]->held.work.run, task, until);
}

void worker_core::stop_all() {
  stopping_ = true;
  queue_.clear();
  for (auto& t : threads_) {
    t->held.work.count = t->held.next - t->held.work.first;
    t->stop.store(true, std::memory_order_relaxed);
  }
}

std::size_t worker_core::busy_threads() const {
  return static_cast<std::size_t>(
      std::count_if(threads_.begin(), threads_.end(), [](const auto& t) { return t->busy; }));
}

bool worker_core::is_cancelled(run_id run, std::uint64_t task, std::uint64_t& until) const {
  for (const auto& c : cancelled_) {
    if (c.run != run)
      continue;
    if (task >= c.first && task - c.first < c.count) {
      until = std::min(until, c.first + c.count);
      return true;
    }
    if (task < c.first)
      until = std::min(until, c.first);
  }
  return false;
}

void worker_core::forget_old_cancellations(run_id run) {
  if (cancelled_.empty())
    return;
  auto uses = [&](const held_lease& l) { return l.work.run == run; };
  bool used = std::any_of(queue_.begin(), queue_.end(), uses) ||
              std::any_of(threads_.begin(), threads_.end(), [&](const auto& t) { return t->busy && uses(t->held); });
  if (!used)
    std::erase_if(cancelled_, [&](const run_range& c) { return c.run == run; });
}

} // namespace daskify::internal
