#include "daskify/deploy/local_fleet.hpp"

#include "daskify/defaults.hpp"
#include "daskify/error.hpp"

#include <algorithm>

namespace daskify::internal {

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

/// Null when it is nobody's slot.
auto local_fleet::find(std::uint32_t slot) -> member* {
  auto index = slot - setup_.first_slot; // wraps around to a large one for what is below
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
  auto process = spawn({setup_.program, {setup_.name}, setup_.environment(slot, log_file(slot)), log_file(slot)});
  which.process = process.id();
  which.pid = process.pid();
  which.alive = true;
  which.enrolled = false;
  watcher_.watch(std::move(process));
}

void local_fleet::wait_enrolled(std::chrono::milliseconds timeout) {
  std::unique_lock lock{mutex_};
  auto all = [&] { return std::all_of(members_.begin(), members_.end(), [](const member& m) { return m.enrolled; }); };
  if (!changed_.wait_for(lock, timeout, [&] { return !problem_.empty() || !replacing_ || all(); })) {
    auto there = std::count_if(members_.begin(), members_.end(), [](const member& m) { return m.enrolled; });
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
  if (!all())
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
  watcher_.end_all(std::chrono::milliseconds{0}); // they have been asked, and had their time
}

void local_fleet::ended(child_id process, const exit_status& status) {
  std::unique_lock lock{mutex_};
  auto found =
      std::find_if(members_.begin(), members_.end(), [&](const member& m) { return m.alive && m.process == process; });
  if (found == members_.end())
    return;
  auto slot = slot_of(*found);
  auto how = explain(status);
  auto log = read_log_end(log_file(slot));
  auto pid = found->pid;
  found->alive = false;
  std::string exhausted;
  if (replacing_) {
    if (!found->enrolled) {
      ++found->failures;
      auto output = last_lines(log, 10);
      if (problem_.empty())
        problem_ = name_of(slot) + " (" + setup_.name + ") " + how +
                   " before it enrolled; its last output: " + (output.empty() ? "none" : output);
    }
    found->enrolled = false;
    if (found->failures < tuning::start_attempts) {
      try {
        launch(*found);
      } catch (const error& e) {
        problem_ = e.what();
      }
    }
    if (std::none_of(members_.begin(), members_.end(), [](const member& m) { return m.alive; }))
      exhausted = problem_;
  }
  lock.unlock();
  changed_.notify_all();
  setup_.on_exit(slot, pid, how, std::move(log));
  if (!exhausted.empty())
    setup_.on_exhausted(exhausted);
}

} // namespace daskify::internal
