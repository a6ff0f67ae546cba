#include "daskify/bridge/actor_bridge.hpp"

namespace daskify::internal {

void actor_bridge::open(client_actor through) {
  std::lock_guard guard{mutex_};
  through_ = std::move(through);
  why_ = nullptr;
  open_ = true;
}

void actor_bridge::close(std::exception_ptr why) {
  std::map<std::uint64_t, std::function<void()>> waiting;
  {
    std::lock_guard guard{mutex_};
    if (open_)
      why_ = std::move(why);
    open_ = false;
    waiting.swap(waiting_);
  }
  for (auto& [id, wake] : waiting)
    wake();
}

std::uint64_t actor_bridge::watch(std::function<void()> stop) {
  if (!is_open())
    throw_closed();
  std::lock_guard guard{mutex_};
  return enter(std::move(stop));
}

void actor_bridge::forget(std::uint64_t id) {
  if (::getpid() != owner_)
    return;
  std::function<void()> wake; // destroyed after the lock is released
  std::lock_guard guard{mutex_};
  if (auto node = waiting_.extract(id); !node.empty())
    wake = std::move(node.mapped());
}

void actor_bridge::throw_closed() const {
  if (::getpid() != owner_)
    throw cluster_error{error_code::shut_down, "The cluster belongs to the process that started it, and this one was "
                                               "forked from that; use it there, or start another one here."};
  std::rethrow_exception(closed_error());
}

std::exception_ptr actor_bridge::closed_error() const {
  if (why_)
    return why_;
  return std::make_exception_ptr(cluster_error{
      error_code::shut_down, "The cluster was shut down; gather results before shutdown_cluster, or call start_cluster "
                             "again."});
}

/// REQUIRES: the lock is held.
std::uint64_t actor_bridge::enter(std::function<void()> wake) {
  if (!open_)
    throw_closed();
  waiting_.emplace(++last_, std::move(wake));
  return last_;
}

void actor_bridge::post(std::function<void(client_actor::pointer)> call) {
  caf::anon_send(through_, user_call{std::move(call)});
}

} // namespace daskify::internal
