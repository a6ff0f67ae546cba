#pragma once

/// Messages about tasks that have no result.

#include "daskify/protocol/messages.hpp"
#include "daskify/session/run_handle.hpp"

#include <cstdint>
#include <string>

namespace daskify::internal {

class run_handle;

/// Describes why a result could not be fetched or decoded, from the exception being handled. Rethrows std::bad_alloc
/// and cluster_error, which say nothing about the result.
failure describe_undecodable(std::uint64_t task);

/// The sentence about `task` ("Task 3 of f"), which has no result.
std::string describe_failure(const failure& why, std::string task);

/// Throws what a failed task's future throws: task_error, worker_lost, cancelled, data_error or cluster_error.
[[noreturn]] void throw_failure(const failure& why, std::uint64_t task, const run_handle* run);

} // namespace daskify::internal
