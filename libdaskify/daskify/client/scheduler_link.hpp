#pragma once

#include "daskify/client/crossing.hpp"

#include <functional>
#include <vector>

namespace daskify::internal {

/// What the client and the tasks in a worker have to say to the scheduler about runs. Thread-safe.
class scheduler_link {
public:
  enum class distance { same_process, remote };

  /// `through` outlives the link.
  scheduler_link(crossing& through, distance how_far) : through_{through}, how_far_{how_far} {}

  /// Which scheduler. REQUIRES: nobody can cross yet, or any more.
  void use(scheduler_for_workers scheduler) { scheduler_ = std::move(scheduler); }

  /// Throws data_error(no_room) when the arguments are too large for a message.
  void submit(run_spec spec);

  /// As cluster_session::await. `on_asked` is given a way to break off each wait, with what is to be thrown then.
  using break_off = std::function<void(std::exception_ptr)>;
  awaited_tasks await(
      const std::vector<run_range>& tasks, std::uint64_t how_many, bool want_results, deadline until,
      const std::function<void(break_off)>& on_asked = [](const break_off&) {});

  progress count(const std::vector<run_range>& tasks);
  void cancel(const std::vector<run_range>& tasks);
  void release(run_id run) noexcept;

private:
  awaited_tasks await_part(const std::vector<run_range>& tasks, std::uint64_t how_many, bool want_results,
                           deadline until, const std::function<void(break_off)>& on_asked);

  crossing::patience limit(std::chrono::milliseconds patience) const;

  crossing& through_;
  distance how_far_;
  scheduler_for_workers scheduler_;
};

} // namespace daskify::internal
