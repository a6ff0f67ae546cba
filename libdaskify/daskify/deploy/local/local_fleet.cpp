#include "daskify/deploy/local/local_fleet.hpp"

#include "daskify/defaults.hpp"
#include "daskify/error.hpp"
#include "daskify/os/child_process.hpp"
#include "daskify/os/spawn.hpp"

#include <algorithm>

namespace daskify::internal {

namespace {

/// Delay before a start that the system refused is retried: resources may be free by then.
constexpr auto pause_after_refusal = std::chrono::milliseconds{500};

} // namespace

local_fleet::local_fleet(setup with)
    : setup_{std::move(with)},
      members_(setup_.size),
      watcher_{[this](child_id process, const exit_status& status) { ended(process, status); }} {}

local_fleet::~local_fleet() {
  end_all(std::chrono::milliseconds{0});
}

std::uint32_t local_fleet::slot_of(const member& of) const {
  return setup_.first_slot + static_cast<std::uint32_t>(&of - members_.data());
}

/// Null for a slot outside this fleet.
auto local_fleet::find(std::uint32_t slot) -> member* {
  auto index = slot - setup_.first_slot; // wraps around to a large number for slots below
  return index < members_.size() ? &members_[index] : nullptr;
}

std::string local_fleet::name_of(std::uint32_t slot) const {
  return setup_.kind + "-" + std::to_string(slot);
}

std::string local_fleet::log_file(std::uint32_t slot) const {
  return setup_.log_folder + "/" + name_of(slot) + ".log";
}

void local_fleet::start() {
  std::lock_guard guard{mutex_};
  for (auto& m : members_)
    launch(m);
}

/// REQUIRES: the lock is held.
void local_fleet::launch(member& which) {
  auto slot = slot_of(which);
  spawn_request request{setup_.program, {setup_.name}, setup_.environment(slot, log_file(slot)), log_file(slot)};
  request.cpus = setup_.cpus(slot);
  auto process = spawn(request);
  which.process = process.id();
  which.pid = process.pid();
  which.enrolled = false;
  watcher_.watch(std::move(process));
  which.alive = true;
}

/// REQUIRES: the lock is held.
void local_fleet::replace(member& which) {
  if (which.failures >= tuning::start_attempts)
    return;
  try {
    launch(which);
  } catch (const std::exception& e) {
    problem_ = e.what();
    if (++which.failures >= tuning::start_attempts)
      return;
    watcher_.call_after(pause_after_refusal, [this, slot = slot_of(which)] { try_again(slot); });
    which.awaited = true;
  }
}

void local_fleet::try_again(std::uint32_t slot) {
  std::unique_lock lock{mutex_};
  auto& which = *find(slot);
  which.awaited = false;
  if (!replacing_)
    return;
  replace(which);
  auto none = exhausted();
  auto one = why_given_up(which);
  lock.unlock();
  tell_shortage(none, one);
}

/// A sentence; empty while the process runs or its start will be retried. REQUIRES: the lock is held.
std::string local_fleet::why_given_up(const member& which) const {
  return which.alive || which.awaited ? std::string{}
                                      : name_of(slot_of(which)) + " is not started any more. " + problem_;
}

void local_fleet::tell_shortage(const std::string& why_exhausted, const std::string& why_given_up) const {
  if (!why_exhausted.empty())
    setup_.on_exhausted(why_exhausted);
  else if (!why_given_up.empty())
    setup_.on_given_up(why_given_up);
}

/// Why no process is left and none will be started; empty otherwise. REQUIRES: the lock is held.
std::string local_fleet::exhausted() const {
  bool some = std::any_of(members_.begin(), members_.end(), [](const member& m) { return m.alive || m.awaited; });
  return some ? std::string{} : problem_;
}

/// REQUIRES: the lock is held.
std::size_t local_fleet::enrolled_now() const {
  return static_cast<std::size_t>(std::ranges::count_if(members_, &member::enrolled));
}

std::size_t local_fleet::count_enrolled() const {
  std::lock_guard guard{mutex_};
  return enrolled_now();
}

std::vector<std::uint32_t> local_fleet::given_up() const {
  std::vector<std::uint32_t> slots;
  std::lock_guard guard{mutex_};
  for (const auto& m : members_)
    if (!m.alive && !m.awaited)
      slots.push_back(slot_of(m));
  return slots;
}

std::string local_fleet::problem() const {
  std::lock_guard guard{mutex_};
  return problem_;
}

void local_fleet::wait_enrolled(std::chrono::milliseconds timeout, std::size_t count) {
  std::unique_lock lock{mutex_};
  auto enough = [&, wanted = std::min(count, members_.size())] { return enrolled_now() >= wanted; };
  if (!changed_.wait_for(lock, timeout, [&] { return !problem_.empty() || !replacing_ || enough(); })) {
    auto there = enrolled_now();
    auto late = std::find_if(members_.begin(), members_.end(), [](const member& m) { return !m.enrolled; });
    auto slot = slot_of(*late);
    auto output = log_tail(log_file(slot));
    throw cluster_error{error_code::start_timeout,
                        "Only " + std::to_string(there) + " of " + std::to_string(setup_.size) + " " + setup_.kind +
                            "s had enrolled when start_timeout was over; make it longer, or look at what " +
                            name_of(slot) + " printed: " + (output.empty() ? "nothing" : output)};
  }
  if (!problem_.empty())
    throw cluster_error{error_code::worker_failed, problem_};
  if (!enough())
    throw cluster_error{error_code::shut_down, "The cluster was ended while it was being started."};
}

void local_fleet::enrolled(std::uint32_t slot) {
  {
    std::lock_guard guard{mutex_};
    auto* known = find(slot);
    if (!known)
      return;
    known->enrolled = true;
    known->failures = 0;
  }
  changed_.notify_all();
}

void local_fleet::refused(std::uint32_t slot, const std::string& reason) {
  {
    std::lock_guard guard{mutex_};
    if (problem_.empty())
      problem_ = name_of(slot) + " (" + setup_.name + ") was turned away because " + reason + ".";
  }
  changed_.notify_all();
}

void local_fleet::kill(std::uint32_t slot, std::int32_t pid) {
  std::unique_lock lock{mutex_};
  auto* known = find(slot);
  if (!known || !known->alive || known->pid != pid)
    return;
  auto process = known->process;
  lock.unlock();
  watcher_.end(process, std::chrono::milliseconds{0});
}

void local_fleet::stop_replacing() {
  {
    std::lock_guard guard{mutex_};
    replacing_ = false;
  }
  changed_.notify_all();
}

void local_fleet::end_all(std::chrono::milliseconds grace) {
  stop_replacing();
  {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, grace, [&] {
      return std::none_of(members_.begin(), members_.end(), [](const member& m) { return m.alive; });
    });
  }
  watcher_.end_all(std::chrono::milliseconds{0}); // they have been asked to end, and had their time
}

void local_fleet::ended(child_id process, const exit_status& status) {
  std::unique_lock lock{mutex_};
  auto found =
      std::find_if(members_.begin(), members_.end(), [&](const member& m) { return m.alive && m.process == process; });
  if (found == members_.end())
    return;
  found->alive = false;
  auto slot = slot_of(*found);
  auto how = explain(status);
  auto log = read_log_end(log_file(slot));
  auto pid = found->pid;
  std::string none;
  std::string one;
  if (replacing_) {
    if (!found->enrolled) {
      ++found->failures;
      auto output = last_lines(log, tuning::shown_lines);
      if (problem_.empty())
        problem_ = name_of(slot) + " (" + setup_.name + ") " + how +
                   " before it enrolled; its last output: " + (output.empty() ? "none" : output);
    }
    found->enrolled = false;
    replace(*found);
    none = exhausted();
    one = why_given_up(*found);
  }
  lock.unlock();
  changed_.notify_all();
  setup_.on_exit(slot, pid, how, std::move(log));
  tell_shortage(none, one);
}

} // namespace daskify::internal
