#include "daskify/future.hpp"

namespace daskify::internal {

void refuse_no_task() {
  throw data_error{error_code::unknown_run, "A future that refers to no task was used; assign it from submit or from "
                                            "the futures of a run first."};
}

void refuse_index(std::size_t index, std::size_t size) {
  throw std::out_of_range{"Task " + std::to_string(index) + " was asked for, but the run has " + std::to_string(size) +
                          "; use an index from 0 to size() - 1."};
}

void refuse_mixed_clusters() {
  throw data_error{error_code::foreign_handle, "Futures of different clusters were passed to one call; make a call for "
                                               "each cluster."};
}

void refuse_to_wait_longer(std::uint64_t tasks) {
  throw not_ready{
      error_code::still_running,
      (tasks == 1 ? std::string{"The task had not"} : "Not all of the " + std::to_string(tasks) + " tasks had") +
          " ended when the time limit of get was over; the work goes on: ask again, wait longer, or cancel."};
}

std::uint64_t tasks_in(const std::vector<run_range>& ranges) {
  std::uint64_t sum = 0;
  for (const auto& r : ranges)
    sum += r.count;
  return sum;
}

fetched_results::fetched_results(cluster_session& session, const std::vector<run_range>& tasks)
    : wanted_{tasks_in(tasks)},
      answer_{session.await(tasks, wanted_, true, std::nullopt)} {}

const result_block& fetched_results::only_block() const {
  if (answer_.blocks.empty())
    throw data_error{error_code::unknown_run, "The result is gone because its run was released; keep the futures, "
                                              "or gather before release."};
  return answer_.blocks.front();
}

void fetched_results::require_all() const {
  std::uint64_t seen = 0;
  for (const auto& block : answer_.blocks)
    seen += block.count;
  if (seen < wanted_)
    throw data_error{error_code::unknown_run, std::to_string(wanted_ - seen) +
                                                  " of the results are gone because their run was released; gather "
                                                  "before release."};
}

} // namespace daskify::internal
