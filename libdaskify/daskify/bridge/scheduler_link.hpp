#pragma once

#include "daskify/bridge/actor_bridge.hpp"
#include "daskify/defaults.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

namespace daskify::internal {

/// A question that the scheduler answers "not yet" after its patience, asked until the answer is `satisfied`, or until
/// the deadline, with how things stand then. `ask(patience)` asks it once.
template <class Ask>
auto ask_until(deadline until, Ask ask) {
  using namespace std::chrono;
  while (true) {
    auto patience = tuning::patience;
    if (until)
      patience = std::clamp(ceil<milliseconds>(*until - steady_clock::now()), milliseconds{0}, patience);
    try {
      auto answer = ask(patience);
      if (answer.satisfied || patience == milliseconds{0})
        return answer;
    } catch (const cluster_error& e) {
      // Processes that were stopped for a while find all their time over when they go on. A scheduler that is really
      // gone breaks the connection, and that ends whoever waits here.
      if (e.code() != error_code::no_answer)
        throw;
    }
  }
}

/// What the client and the tasks in a worker have to say to the scheduler about runs. Thread-safe.
class scheduler_link {
public:
  enum class distance { same_process, remote };

  /// `through` outlives the link.
  scheduler_link(actor_bridge& through, distance how_far) : through_{through}, how_far_{how_far} {}

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

  actor_bridge::patience limit(std::chrono::milliseconds patience) const;

  actor_bridge& through_;
  distance how_far_;
  scheduler_for_workers scheduler_;
};

} // namespace daskify::internal
