#pragma once

/// Every default and limit of the options, each with its unit.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "daskify/options.hpp"

/// Values of options that are not set. Options without an entry here have no fixed default: see options.hpp.
namespace daskify::defaults {

inline constexpr cluster_mode mode = cluster_mode::local;
inline constexpr std::size_t threads = 1; // tasks at a time in one worker process
inline constexpr std::chrono::milliseconds start_timeout = std::chrono::seconds{60};
inline constexpr std::chrono::milliseconds queue_timeout = std::chrono::days{7};
inline constexpr std::chrono::milliseconds heartbeat_interval = std::chrono::seconds{1};
inline constexpr std::chrono::milliseconds heartbeat_timeout = std::chrono::seconds{30};
inline constexpr std::size_t retries = 2;                   // runs of a task beyond its first
inline constexpr std::size_t nodes = 1;                     // of a local cluster
inline constexpr std::size_t slurm_size = 125;              // workers
inline constexpr std::size_t test_size = 2;                 // workers
inline constexpr std::string_view queue = "none";           // partition of SLURM; none: the site's default
inline constexpr std::size_t cores = 1;                     // CPUs of a job
inline constexpr std::uint64_t test_memory = 2'000'000'000; // bytes, of a job in mode test
inline constexpr std::size_t processes = 1;                 // workers of a job
inline constexpr std::chrono::milliseconds walltime = std::chrono::hours{10};
inline constexpr daskify::job_shape job_shape = daskify::job_shape::array;
inline constexpr std::size_t port = 0; // a free one
inline constexpr bool accept_fewer = false;
inline constexpr std::string_view spill_directory = "/var/tmp"; // on disk, where /tmp often is in memory
inline constexpr progress_style progress = progress_style::automatic;
inline constexpr bool pin = false;
inline constexpr bool allow_ranks = false;
inline constexpr bool short_options = true;

} // namespace daskify::defaults

/// Upper limits; larger values are rejected as typing errors.
namespace daskify::limits {

inline constexpr std::size_t size = 1'000'000;  // worker processes
inline constexpr std::size_t threads = 1'024;   // tasks at a time in one worker process
inline constexpr std::size_t retries = 1'000;   // runs of a task beyond its first
inline constexpr std::size_t nodes = 1'000;     // of a local cluster
inline constexpr std::size_t cores = 65'536;    // CPUs of a job
inline constexpr std::size_t processes = 1'024; // workers of a job
inline constexpr std::size_t port = 65'535;
inline constexpr std::size_t max_lost = 4'000'000'000;       // tasks of one run
inline constexpr std::uint64_t smallest_store = 16ULL << 20; // bytes
inline constexpr std::uint64_t largest_store = 1ULL << 50;   // bytes
inline constexpr std::chrono::milliseconds shortest_duration{1};
inline constexpr std::chrono::milliseconds longest_duration = std::chrono::hours{24 * 366};

} // namespace daskify::limits

/// Tuning constants: measured, not options.
namespace daskify::tuning {

/// Share of the free memory that the stores of a machine may take together, unless an option sets it: the rest is for
/// the tasks.
inline constexpr double store_share = 0.6;
/// Duration of the work in one lease: long compared with the 0.1 ms of a message, short compared with a user's
/// patience.
inline constexpr std::chrono::nanoseconds lease_duration = std::chrono::milliseconds{20};
/// A lease may be at most this many times the size of the largest lease that went well before.
inline constexpr std::size_t lease_growth = 16;
/// Bytes of results that one lease should return: much larger messages cause page faults for fresh memory.
inline constexpr std::size_t lease_result_bytes = 1 << 20;
/// Number of leases of one worker beyond those its threads run, while the tasks are short.
inline constexpr std::size_t leases_ahead = 1'000;
/// Time for which a worker collects results before it reports them, while its lease is in progress.
inline constexpr std::chrono::nanoseconds report_interval = std::chrono::milliseconds{50};
/// A worker that has been in one task for longer than this gives back the tasks that have not begun.
inline constexpr std::chrono::nanoseconds give_back_after = std::chrono::milliseconds{100};
/// A task whose worker has died this often while it was running other tasks, too, is treated as if it had been alone.
inline constexpr std::size_t deaths_in_company = 8;
/// Number of times that a task may be lost with workers that end through no fault of their tasks, before it is blamed.
/// A task that is spared each time with a probability of 1 in 10 reaches this limit once in 37 000 times.
inline constexpr std::size_t infrastructure_losses = 100;
/// Maximal number of tasks of one run; the scheduler keeps one byte per task.
inline constexpr std::uint64_t largest_run = 4'000'000'000;
/// Maximal size of a message in bytes; CAF's length field has 32 bits, and its authors state 2 GB as the limit.
inline constexpr std::uint64_t largest_message = 1'000'000'000;
/// Size in bytes at which a message with many values is closed and the next one is begun.
inline constexpr std::uint64_t message_bytes = 64 << 20;
/// Objects up to this size in bytes share blocks of memory in a store: a descriptor for each would be too many.
inline constexpr std::uint64_t small_object = 64 << 10;
/// Size of a shared block in bytes.
inline constexpr std::uint64_t shared_block = 1 << 20;
/// Results and arguments above this size in bytes are sent through the stores of the nodes instead of the scheduler.
inline constexpr std::uint64_t largest_inline_value = 1 << 20;
/// Maximal number of tasks of one worker that wait for tasks they have submitted; each keeps a thread.
inline constexpr std::size_t waiting_tasks = 256;
/// A request to the scheduler is answered with "not yet" after this time, and repeated by its sender.
inline constexpr std::chrono::milliseconds patience = std::chrono::seconds{10};
/// An actor that does not answer for this time beyond `patience` is regarded as dead.
inline constexpr std::chrono::milliseconds answer_timeout = std::chrono::seconds{30};
/// The same for the object directory, which only performs look-ups, but may have many requests in its queue.
inline constexpr std::chrono::milliseconds directory_timeout = std::chrono::seconds{60};
/// Time for which requests of other nodes wait for a pull that is about to begin.
inline constexpr std::chrono::milliseconds begin_of_pull = std::chrono::seconds{1};
/// Time in which a store has to make room, by writing other data to disk.
inline constexpr std::chrono::milliseconds room_timeout = std::chrono::minutes{3};
/// Time for which a store waits for users to unpin objects before it refuses a request for room: tasks that have just
/// ended still have them mapped for a moment.
inline constexpr std::chrono::milliseconds patience_with_users = std::chrono::seconds{2};
/// Time after which a node that has an object and does not send it is asked again.
inline constexpr std::chrono::milliseconds source_pause = std::chrono::seconds{1};
/// Time beyond the heartbeat timeout after which a node that has sent nothing is given up, although it may not be dead.
inline constexpr std::chrono::milliseconds source_grace = std::chrono::seconds{60};
/// Number of heartbeat timeouts for which a worker waits for a scheduler that is connected but does not answer.
inline constexpr int scheduler_patience = 10;
/// Amount of work for which one more worker is worth its start, which takes SLURM some seconds at best.
inline constexpr std::chrono::nanoseconds worth_a_worker = std::chrono::seconds{10};
/// Interval at which a cluster of variable size measures its amount of work.
inline constexpr std::chrono::milliseconds demand_interval = std::chrono::seconds{1};
/// Timeout of SLURM's commands; the timeout of the controller itself is 10 s, twice.
inline constexpr std::chrono::milliseconds slurm_timeout = std::chrono::seconds{60};
/// Time for which shutdown waits until the remaining jobs have been cancelled.
inline constexpr std::chrono::milliseconds scancel_timeout = std::chrono::seconds{30};
/// Last part of a job's time, in which it reports and transfers data: no task is planned to end in it.
inline constexpr std::chrono::milliseconds end_of_job = std::chrono::seconds{5};
/// Interval at which changed counts are sent to a monitor.
inline constexpr std::chrono::milliseconds progress_interval{50};
/// Time for which shutdown waits for workers before it kills them.
inline constexpr std::chrono::milliseconds stop_grace = std::chrono::seconds{2};
/// Time limit for the end of a cluster: the grace period of its workers, and two requests to SLURM to cancel jobs.
inline constexpr std::chrono::milliseconds end_of_cluster =
    3 * stop_grace + 2 * scancel_timeout + std::chrono::seconds{4};
/// Timeout for asking SLURM when the process's own job ends; without an answer the process continues.
inline constexpr std::chrono::milliseconds time_left_timeout = std::chrono::seconds{25};
/// Number of last output lines of a process that the message about its end quotes.
inline constexpr std::size_t shown_lines = 10;
/// Number of failed starts in a row after which a worker is given up.
inline constexpr std::size_t start_attempts = 3;

} // namespace daskify::tuning
