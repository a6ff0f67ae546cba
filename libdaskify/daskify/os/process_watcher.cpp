#include "daskify/os/process_watcher.hpp"

#include "daskify/error.hpp"
#include "daskify/os/control_groups.hpp"
#include "daskify/os/file_descriptor.hpp"
#include "daskify/os/thread.hpp"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>
#include <poll.h>
#include <sys/eventfd.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace daskify::internal {

namespace {

using clock = std::chrono::steady_clock;

/// Practically unlimited, but does not overflow.
constexpr std::chrono::milliseconds longest_grace = std::chrono::hours{24};

clock::time_point after(std::chrono::milliseconds grace) {
  return clock::now() + std::clamp(grace, std::chrono::milliseconds{0}, longest_grace);
}

} // namespace

/// User threads record requests and wake the watcher's thread; only that thread acts on children.
class process_watcher::reaper {
public:
  explicit reaper(end_callback on_end) : on_end_{std::move(on_end)}, wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
    if (!wake_)
      throw cluster_error{error_code::worker_failed,
                          "workers cannot be watched: " + std::generic_category().message(errno) +
                              "; allow more open files (ulimit -n)"};
    thread_ = start_thread("daskify-reaper", [this] { run(); });
  }

  reaper(const reaper&) = delete;
  reaper& operator=(const reaper&) = delete;

  ~reaper() {
    {
      std::lock_guard guard{mutex_};
      stopping_ = true;
      end_every_child_by(after({}));
    }
    wake();
    thread_.join();
  }

  bool is_forked_copy() const { return ::getpid() != owner_; }

  void watch(child process) {
    std::lock_guard guard{mutex_};
    auto id = process.id();
    children_.emplace(id, watched_child{std::move(process), ending_});
    wake();
  }

  void end(child_id id, std::chrono::milliseconds grace) {
    std::lock_guard guard{mutex_};
    if (auto found = children_.find(id); found != children_.end())
      found->second.end_by(after(grace));
    wake();
  }

  void end_all(std::chrono::milliseconds grace) {
    std::unique_lock guard{mutex_};
    if (children_.empty())
      return;
    end_every_child_by(after(grace));
    wake();
    if (std::this_thread::get_id() != thread_.get_id())
      none_left_.wait(guard, [this, before = times_emptied_] { return times_emptied_ != before; });
  }

  void call_after(std::chrono::milliseconds delay, std::function<void()> what) {
    std::lock_guard guard{mutex_};
    calls_.emplace(after(delay), std::move(what));
    wake();
  }

  std::size_t watched() const {
    std::lock_guard guard{mutex_};
    return children_.size();
  }

private:
  struct watched_child {
    child process;
    std::optional<clock::time_point> deadline; ///< set: the child shall end, and is killed at this time
    bool asked = false;
    bool killed = false;

    void end_by(clock::time_point time) { deadline = std::min(deadline.value_or(time), time); }
  };

  void wake() { ::eventfd_write(wake_.get(), 1); }

  void end_every_child_by(clock::time_point deadline) {
    ending_ = std::min(ending_.value_or(deadline), deadline);
    for (auto& [id, watched] : children_)
      watched.end_by(*ending_);
  }

  void run() {
    while (true) {
      std::vector<pollfd> events{{wake_.get(), POLLIN, 0}};
      std::vector<child_id> ids;
      std::optional<clock::time_point> next;
      {
        std::lock_guard guard{mutex_};
        if (stopping_ && children_.empty())
          return;
        next = press_on();
        if (!calls_.empty() && !stopping_)
          next = std::min(next.value_or(calls_.begin()->first), calls_.begin()->first);
        for (const auto& [id, watched] : children_) {
          events.push_back({watched.process.ended_descriptor(), POLLIN, 0});
          ids.push_back(id);
        }
      }
      wait(events, next);
      if (events[0].revents != 0) {
        eventfd_t drained;
        ::eventfd_read(wake_.get(), &drained);
      }
      for (std::size_t i = 0; i < ids.size(); ++i)
        if (events[i + 1].revents != 0)
          reap(ids[i]);
      make_calls();
    }
  }

  /// Makes the calls that are due.
  void make_calls() {
    while (true) {
      std::function<void()> what;
      {
        std::lock_guard guard{mutex_};
        if (stopping_ || calls_.empty() || calls_.begin()->first > clock::now())
          return;
        what = std::move(calls_.begin()->second);
        calls_.erase(calls_.begin());
      }
      call(what);
    }
  }

  /// Drops exceptions, so that lack of memory for a message about a worker does not end the user's program.
  template <class F>
  static void call(F&& what) {
    try {
      what();
    } catch (const std::exception&) {
    }
  }

  /// Asks the children that have a deadline to end, and kills those whose deadline has passed. Returns the next
  /// deadline.
  std::optional<clock::time_point> press_on() {
    std::optional<clock::time_point> next;
    auto now = clock::now();
    for (auto& [id, watched] : children_) {
      if (!watched.deadline || watched.killed)
        continue;
      if (!watched.asked)
        watched.process.ask_to_end();
      watched.asked = true;
      if (*watched.deadline <= now) {
        watched.process.kill_group();
        watched.killed = true;
      } else {
        next = std::min(next.value_or(*watched.deadline), *watched.deadline);
      }
    }
    return next;
  }

  static void wait(std::vector<pollfd>& events, std::optional<clock::time_point> until) {
    int timeout_ms = -1;
    if (until) {
      auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - clock::now());
      timeout_ms = static_cast<int>(std::clamp(left, std::chrono::milliseconds{0}, longest_grace).count());
    }
    if (::poll(events.data(), events.size(), timeout_ms) < 0)
      for (auto& event : events)
        event.revents = 0;
  }

  /// Each kill for lack of memory is attributed to one child only.
  bool take_oom_kill() {
    bool more = oom_kills().value_or(0) > oom_kills_explained_;
    if (more)
      ++oom_kills_explained_;
    return more;
  }

  void reap(child_id id) {
    std::optional<exit_status> status;
    {
      std::lock_guard guard{mutex_};
      auto& watched = children_.at(id);
      status = watched.process.reap();
      if (!status)
        return;
      if (auto* end = std::get_if<signalled>(&*status); end && end->number == SIGKILL && !watched.killed)
        end->out_of_memory = take_oom_kill();
    }
    if (on_end_)
      call([&] { on_end_(id, *status); });
    std::lock_guard guard{mutex_};
    children_.erase(id);
    if (children_.empty()) {
      if (!stopping_)
        ending_.reset();
      ++times_emptied_;
      none_left_.notify_all();
    }
  }

  const end_callback on_end_;
  const pid_t owner_ = ::getpid();
  std::uint64_t oom_kills_explained_ = oom_kills().value_or(0); // used only by the watcher's thread
  file_descriptor wake_;

  mutable std::mutex mutex_; // guards all following members except the thread
  std::condition_variable none_left_;
  std::map<child_id, watched_child> children_;
  std::multimap<clock::time_point, std::function<void()>> calls_; ///< by the time they are due
  std::optional<clock::time_point> ending_; ///< while all children shall end: when the remaining ones are killed
  std::uint64_t times_emptied_ = 0;
  bool stopping_ = false;

  std::thread thread_;
};

void process_watcher::release::operator()(reaper* owned) const noexcept {
  if (!owned->is_forked_copy()) // the thread to join with exists only in the process that started it
    delete owned;
}

process_watcher::process_watcher(end_callback on_end) : reaper_{new reaper{std::move(on_end)}} {}
process_watcher::process_watcher(process_watcher&&) noexcept = default;
process_watcher& process_watcher::operator=(process_watcher&&) noexcept = default;
process_watcher::~process_watcher() = default;

void process_watcher::watch(child process) {
  reaper_->watch(std::move(process));
}

void process_watcher::end(child_id id, std::chrono::milliseconds grace) {
  reaper_->end(id, grace);
}

void process_watcher::end_all(std::chrono::milliseconds grace) {
  if (!reaper_->is_forked_copy())
    reaper_->end_all(grace);
}

void process_watcher::call_after(std::chrono::milliseconds delay, std::function<void()> what) {
  reaper_->call_after(delay, std::move(what));
}

std::size_t process_watcher::watched() const {
  return reaper_->watched();
}

} // namespace daskify::internal
