#pragma once

#include "daskify/bridge/actor_bridge.hpp"
#include "daskify/defaults.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

namespace daskify::internal {

/// Repeats a question, which the scheduler answers by "not yet" after its patience, until the answer is `satisfied` or
/// the deadline passes; returns the last answer. `ask(patience)` asks once.
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
      // A process that was stopped for a while finds its timeouts expired when it continues. If the scheduler has
      // really ended, the broken connection ends this wait.
      if (e.code() != error_code::no_answer)
        throw;
    }
  }
}

/// Sends the requests of the client, and of the tasks in a worker, about runs to the scheduler. Thread-safe.
class scheduler_link {
public:
  enum class distance { same_process, remote };

  /// `through` outlives the link.
  scheduler_link(actor_bridge& through, distance how_far) : through_{through}, how_far_{how_far} {}

  /// Sets the scheduler. REQUIRES: the bridge is not open.
  void use(scheduler_for_workers scheduler) { scheduler_ = std::move(scheduler); }

  /// Throws data_error(no_room) if the arguments are too large for a message.
  void submit(run_spec spec);

  /// Like cluster_session::await. `on_asked` gets a function that breaks off the wait with an exception, for each wait.
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
