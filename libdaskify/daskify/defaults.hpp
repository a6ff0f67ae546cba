#pragma once

/// Every default and limit of the options, each with its unit.

#include <chrono>
#include <cstddef>

#include "daskify/options.hpp"

/// What holds when nobody says otherwise. Options without an entry here have no fixed default: see
/// options.hpp.
namespace daskify::defaults {

inline constexpr cluster_mode mode = cluster_mode::local;
inline constexpr std::size_t threads = 1; // tasks at a time in one worker process
inline constexpr std::chrono::milliseconds start_timeout = std::chrono::seconds{60};
inline constexpr std::chrono::milliseconds heartbeat_interval = std::chrono::seconds{1};
inline constexpr std::chrono::milliseconds heartbeat_timeout = std::chrono::seconds{30};
inline constexpr std::size_t retries = 2; // runs of a task beyond its first
inline constexpr progress_style progress = progress_style::automatic;

} // namespace daskify::defaults

/// The largest values that make sense; beyond them a value is taken for a slip of the pen.
namespace daskify::limits {

inline constexpr std::size_t size = 1'000'000; // worker processes
inline constexpr std::size_t threads = 1'024;  // tasks at a time in one worker process
inline constexpr std::size_t retries = 1'000;  // runs of a task beyond its first
inline constexpr std::chrono::milliseconds shortest_duration{1};
inline constexpr std::chrono::milliseconds longest_duration = std::chrono::hours{24 * 366};

} // namespace daskify::limits
