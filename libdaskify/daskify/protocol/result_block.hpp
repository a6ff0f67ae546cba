#pragma once

/// Operations on a block of results that do not depend on the type of the values.

#include "daskify/protocol/messages.hpp"

#include <optional>
#include <span>

namespace daskify::internal {

/// False for a block whose parts are inconsistent. The functions below never read beyond the bytes of a well-formed
/// block.
bool well_formed(const result_block& block);

/// The tasks [first, first + count) of `block`, sharing its bytes. REQUIRES: well_formed, and the block has them.
result_block slice(const result_block& block, std::uint64_t first, std::uint64_t count);

/// The bytes of one task's value. REQUIRES: well_formed, the block has the task, and it neither failed nor is stored.
std::span<const std::byte> value_of(const result_block& block, std::uint64_t task);

/// The location of the task's value if it is not in the block, or nullptr.
const stored_value* stored_value_of(const result_block& block, std::uint64_t task);

/// The objects that hold values of the block.
std::vector<object_id> objects_of(const result_block& block);

/// Why this task failed, or nullptr when it has a value.
const failure* failure_of(const result_block& block, std::uint64_t task);

/// A block in which all tasks of `why` have failed.
result_block failed_block(run_id run, failure why);

/// Approximate number of bytes that the block takes in a message.
std::uint64_t weight(const result_block& block);

} // namespace daskify::internal
