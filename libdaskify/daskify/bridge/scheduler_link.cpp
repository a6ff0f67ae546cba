#include "daskify/bridge/scheduler_link.hpp"

#include "daskify/text/byte_count.hpp"

#include <algorithm>
#include <iterator>

namespace daskify::internal {

/// The timeout of a request that the scheduler answers within `patience`.
actor_bridge::patience scheduler_link::limit(std::chrono::milliseconds patience) const {
  return how_far_ == distance::remote ? actor_bridge::patience{patience + tuning::answer_timeout} : std::nullopt;
}

void scheduler_link::submit(run_spec spec) {
  if (spec.description.size() > tuning::largest_message)
    throw data_error{error_code::no_room, "The arguments of a run take " + format_bytes(spec.description.size()) +
                                              ", more than one message can carry; put large values on the cluster with "
                                              "scatter_data."};
  submit_runs message;
  message.runs.push_back(std::move(spec));
  through_.tell(scheduler_, std::move(message));
}

awaited_tasks scheduler_link::await(const std::vector<run_range>& tasks, std::uint64_t how_many, bool want_results,
                                    deadline until, const std::function<void(break_off)>& on_asked) {
  auto answer = await_part(tasks, how_many, want_results, until, on_asked);
  while (!answer.rest.empty()) {
    std::uint64_t left = 0;
    for (const auto& range : answer.rest)
      left += range.count;
    auto next = await_part(answer.rest, left, true, {}, on_asked); // these tasks have ended
    std::ranges::move(next.blocks, std::back_inserter(answer.blocks));
    std::ranges::move(next.unknown, std::back_inserter(answer.unknown));
    answer.rest = std::move(next.rest);
  }
  return answer;
}

awaited_tasks scheduler_link::await_part(const std::vector<run_range>& tasks, std::uint64_t how_many, bool want_results,
                                         deadline until, const std::function<void(break_off)>& on_asked) {
  return ask_until(until, [&](std::chrono::milliseconds patience) {
    await_tasks question{tasks, how_many, static_cast<std::uint64_t>(patience.count()), want_results};
    auto asked = through_.ask<awaited_tasks>(scheduler_, limit(patience), "scheduler", std::move(question));
    on_asked([slot = asked.slot()](std::exception_ptr why) { slot->fail(std::move(why)); });
    return *asked.slot()->wait({});
  });
}

progress scheduler_link::count(const std::vector<run_range>& tasks) {
  return through_.ask_and_wait<progress>(scheduler_, limit({}), "scheduler", count_tasks{tasks});
}

void scheduler_link::cancel(const std::vector<run_range>& tasks) {
  through_.tell(scheduler_, cancel_tasks{tasks});
}

void scheduler_link::release(run_id run) noexcept {
  through_.tell_if_open(scheduler_, release_runs{{run}});
}

} // namespace daskify::internal
