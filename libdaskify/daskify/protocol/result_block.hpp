#pragma once

/// What can be done with a block of results without knowing the type of the values.

#include "daskify/protocol/messages.hpp"

#include <optional>
#include <span>

namespace daskify::internal {

/// False for a block whose parts do not fit together, so that nothing below reads beyond its bytes.
bool well_formed(const result_block& block);

/// The tasks [first, first + count) of `block`, sharing its bytes. REQUIRES: well_formed, and the block has them.
result_block slice(const result_block& block, std::uint64_t first, std::uint64_t count);

/// The bytes of one task's value. REQUIRES: well_formed, the block has the task, and it neither failed nor is stored.
std::span<const std::byte> value_of(const result_block& block, std::uint64_t task);

/// Where the task's value is when it is not in the block, or nullptr.
const stored_value* stored_value_of(const result_block& block, std::uint64_t task);

/// The objects that hold values of the block.
std::vector<object_id> objects_of(const result_block& block);

/// Why this task failed, or nullptr when it has a value.
const failure* failure_of(const result_block& block, std::uint64_t task);

/// A block that says that all tasks of `why` failed.
result_block failed_block(run_id run, failure why);

/// Bytes that the block takes in a message, roughly.
std::uint64_t weight(const result_block& block);

} // namespace daskify::internal
