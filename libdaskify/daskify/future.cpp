#include "daskify/future.hpp"

namespace daskify::internal {

void refuse_no_task() {
  throw data_error{error_code::unknown_run, "A future that refers to no task was used; assign it from submit or from "
                                            "the futures of a run first."};
}

void refuse_released() {
  throw data_error{error_code::unknown_run, "The result is gone because its run was released; keep the futures, "
                                            "or gather before release."};
}

void refuse_released(std::uint64_t tasks) {
  throw data_error{error_code::unknown_run, std::to_string(tasks) +
                                                " of the results are gone because their run was released; gather "
                                                "before release."};
}

void refuse_index(std::size_t index, std::size_t size) {
  throw std::out_of_range{"Task " + std::to_string(index) + " was asked for, but the run has " + std::to_string(size) +
                          "; use an index from 0 to size() - 1."};
}

void refuse_mixed_clusters() {
  throw data_error{error_code::foreign_handle, "Futures of different clusters were passed to one call; make a call for "
                                               "each cluster."};
}

} // namespace daskify::internal
