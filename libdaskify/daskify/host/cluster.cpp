#include "daskify/host/cluster.hpp"

#include "daskify/host/attached_session.hpp"
#include "daskify/launch/started_ranks.hpp"
#include "daskify/os/notice.hpp"
#include "daskify/session/run_handle.hpp"
#include "daskify/transport/find_cluster.hpp"

#include <algorithm>
#include <thread>

namespace daskify::internal {

cluster::cluster(settings with, std::string program_name)
    : settings_{std::move(with)},
      program_name_{std::move(program_name)} {}

cluster::~cluster() {
  shutdown();
}

void cluster::start(cluster_mode mode) {
  auto refuse_second = [this] {
    std::lock_guard guard{mutex_};
    if (session_)
      throw cluster_error{error_code::already_started, "start_cluster was called while the cluster is running; call "
                                                       "shutdown_cluster first to start it anew."};
  };
  auto with = settings_;
  with.mode = mode;
  refuse_second();
  refuse_several_ranks(settings_.allow_ranks, program_name_);
  if (mode == cluster_mode::connect)
    with.start_timeout = wait_for_cluster(with, [](std::chrono::milliseconds moment) {
      std::this_thread::sleep_for(moment);
      return true;
    });
  std::lock_guard one_at_a_time{starting_};
  refuse_second();
  auto session = attached_session::start(with, program_name_); // may take long; other threads may call meanwhile
  try {
    make_start_calls(*session, with);
  } catch (...) {
    session->shutdown();
    throw;
  }
  std::lock_guard guard{mutex_};
  session_ = std::move(session);
  was_started_ = true;
}

/// Waits until as many of the present workers have made the calls as start_cluster waits for.
void cluster::make_start_calls(attached_session& of, settings with) {
  {
    std::lock_guard guard{mutex_};
    if (start_calls_.empty())
      return;
    for (auto& call : start_calls_)
      announce(call, of);
  }
  auto there = of.workers().workers.size();
  if (with.start_when)
    with.start_when = std::min(*with.start_when, there);
  auto wanted = with.workers_at_start(there);
  if (wanted == 0)
    return;
  // No deadline for workers of our own: those that die in a call are replaced, or are known not to be.
  using clock = std::chrono::steady_clock;
  deadline until;
  if (with.mode == cluster_mode::connect)
    until = clock::now() + with.start_timeout;
  constexpr auto interval = std::chrono::seconds{10};
  for (auto next_notice = clock::now() + interval;; next_notice += interval) {
    auto next = until ? std::min(*until, next_notice) : next_notice;
    if (of.wait_for_workers(wanted, next))
      return;
    if (next == until)
      break;
    notice("daskify: start_cluster waits until " + std::to_string(wanted) +
           (wanted == 1 ? " worker has" : " workers have") + " made the calls of on_worker_start.");
  }
  throw cluster_error{error_code::start_timeout, "Fewer than " + std::to_string(wanted) +
                                                     " workers had made the calls of on_worker_start when "
                                                     "start_timeout was over; make it longer, or lower start_when."};
}

void cluster::announce(registered_call& registered, attached_session& to) {
  try {
    auto draft = registered.call->describe(to);
    registered.keeps = std::move(draft.keeps);
    to.add_start_call(std::move(draft.spec));
  } catch (const data_error& e) {
    throw data_error{e.code(), std::string{"A call of on_worker_start cannot be made on this cluster: "} + e.what()};
  }
}

void cluster::on_worker_start(std::shared_ptr<const start_call> call) {
  registered_call registered{std::move(call), {}};
  std::lock_guard guard{mutex_}; // workers make the calls in the order of this list
  if (session_)
    announce(registered, *session_);
  start_calls_.push_back(std::move(registered));
}

void cluster::shutdown() noexcept {
  std::shared_ptr<attached_session> ending;
  {
    std::lock_guard not_while_it_starts{starting_};
    std::lock_guard guard{mutex_};
    ending = std::move(session_);
    session_ = nullptr;
    for (auto& call : start_calls_)
      call.keeps.clear();
  }
  if (ending)
    ending->shutdown();
  forget_all();
}

std::shared_ptr<attached_session> cluster::session() const {
  std::lock_guard guard{mutex_};
  if (session_)
    return session_;
  if (was_started_)
    throw cluster_error{error_code::shut_down, "The cluster was shut down; call start_cluster again before using it."};
  throw cluster_error{error_code::not_started, "There is no cluster yet; call start_cluster first."};
}

void cluster::remember(remembered_run run) {
  std::lock_guard guard{mutex_};
  runs_.push_back(std::move(run));
}

auto cluster::most_recent() const -> remembered_run {
  static_cast<void>(session());
  std::lock_guard guard{mutex_};
  if (runs_.empty())
    throw data_error{error_code::unknown_run,
                     "There is no run to look at yet; call run or map first, or pass the futures."};
  return runs_.back();
}

auto cluster::runs() const -> std::vector<remembered_run> {
  std::lock_guard guard{mutex_};
  return runs_;
}

void cluster::forget(const run_handle& run) {
  std::shared_ptr<run_handle> last; // released after the lock
  std::lock_guard guard{mutex_};
  auto found = std::find_if(runs_.begin(), runs_.end(), [&](const remembered_run& r) { return r.run.get() == &run; });
  if (found == runs_.end())
    return;
  last = std::move(found->run);
  runs_.erase(found);
}

void cluster::forget_all() {
  std::vector<remembered_run> gone;
  std::lock_guard guard{mutex_};
  gone.swap(runs_);
}

} // namespace daskify::internal
