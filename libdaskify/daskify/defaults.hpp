#pragma once

/// Every default and limit of the options, each with its unit.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "daskify/options.hpp"

/// What holds when nobody says otherwise. Options without an entry here have no fixed default: see
/// options.hpp.
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

/// How the cluster is tuned: measured, not options.
namespace daskify::tuning {

/// Share of the free memory that the stores of a machine may take together, when nobody says otherwise: the rest is for
/// the tasks.
inline constexpr double store_share = 0.6;
/// Work that one lease should hold: long against the 0.1 ms of a message, short against a person's patience.
inline constexpr std::chrono::nanoseconds lease_duration = std::chrono::milliseconds{20};
/// A lease is at most so many times the largest one that went well before.
inline constexpr std::size_t lease_growth = 16;
/// Result bytes that one lease should bring: messages much larger than this fault in fresh pages.
inline constexpr std::size_t lease_result_bytes = 1 << 20;
/// Leases of one worker beyond those its threads run, while the tasks are short.
inline constexpr std::size_t leases_ahead = 1'000;
/// How long a worker collects results before it reports them, while its lease goes on.
inline constexpr std::chrono::nanoseconds report_interval = std::chrono::milliseconds{50};
/// A worker that has been in one task for longer than this gives back what it has not begun.
inline constexpr std::chrono::nanoseconds give_back_after = std::chrono::milliseconds{100};
/// A task whose worker dies so often while it runs other tasks, too, is treated as if it had been alone.
inline constexpr std::size_t deaths_in_company = 8;
/// How often a task may go down with workers that end through no fault of their tasks, before that is no excuse any
/// more. One that is spared with a chance of 1 in 10 gets there once in 37 000 times.
inline constexpr std::size_t infrastructure_losses = 100;
/// Tasks of one run; per task the scheduler keeps one byte.
inline constexpr std::uint64_t largest_run = 4'000'000'000;
/// Bytes that one message may carry; CAF's length field has 32 bits, and its makers call 2 GB the limit.
inline constexpr std::uint64_t largest_message = 1'000'000'000;
/// Where many values go to the same place, a message is closed at this size.
inline constexpr std::uint64_t message_bytes = 64 << 20;
/// Objects up to this size share blocks of memory in a store: a descriptor for each would be too many.
inline constexpr std::uint64_t small_object = 64 << 10;
/// Bytes of such a block.
inline constexpr std::uint64_t shared_block = 1 << 20;
/// Results and arguments above this size go through the stores of the nodes instead of the scheduler.
inline constexpr std::uint64_t largest_inline_value = 1 << 20;
/// Tasks of one worker that may wait for tasks they have submitted; each keeps a thread.
inline constexpr std::size_t waiting_tasks = 256;
/// A question to the scheduler is answered "not yet" after this time and asked again.
inline constexpr std::chrono::milliseconds patience = std::chrono::seconds{10};
/// An actor that does not answer for so long beyond its patience is taken for gone.
inline constexpr std::chrono::milliseconds answer_timeout = std::chrono::seconds{30};
/// The same for the object directory, which only looks things up, but maybe behind many others.
inline constexpr std::chrono::milliseconds directory_timeout = std::chrono::seconds{60};
/// How long other nodes' requests wait for a pull that is about to begin.
inline constexpr std::chrono::milliseconds begin_of_pull = std::chrono::seconds{1};
/// How long a store may take to make room, by writing to disk what is in the way.
inline constexpr std::chrono::milliseconds room_timeout = std::chrono::minutes{3};
/// How long it waits, before it says that there is no room, for others to let go of what is in the way: tasks that have
/// just ended still have it mapped for a moment.
inline constexpr std::chrono::milliseconds patience_with_users = std::chrono::seconds{2};
/// A node that has an object and does not give it is asked again after this time.
inline constexpr std::chrono::milliseconds source_pause = std::chrono::seconds{1};
/// And it is given up when it has given nothing for this much longer than the heartbeat timeout: it may not be dead.
inline constexpr std::chrono::milliseconds source_grace = std::chrono::seconds{60};
/// Heartbeat timeouts for which a worker waits for a scheduler that is connected but does not answer.
inline constexpr int scheduler_patience = 10;
/// Work that makes one more worker worth its start, which takes SLURM some seconds at best.
inline constexpr std::chrono::nanoseconds worth_a_worker = std::chrono::seconds{10};
/// How often a cluster that follows the work there is looks how much there is.
inline constexpr std::chrono::milliseconds demand_interval = std::chrono::seconds{1};
/// A command of SLURM's that has not ended by then is taken for hung; the controller's own patience is 10 s, twice.
inline constexpr std::chrono::milliseconds slurm_timeout = std::chrono::seconds{60};
/// How long shutdown waits until the jobs that are left have been cancelled.
inline constexpr std::chrono::milliseconds scancel_timeout = std::chrono::seconds{30};
/// A job's last moments, in which it reports and hands over: no task is meant to end in them.
inline constexpr std::chrono::milliseconds end_of_job = std::chrono::seconds{5};
/// How often a monitor is told of changes.
inline constexpr std::chrono::milliseconds progress_interval{50};
/// How long shutdown waits for workers before it kills them.
inline constexpr std::chrono::milliseconds stop_grace = std::chrono::seconds{2};
/// How long the end of a cluster may take: its workers have their grace, and SLURM is asked twice to cancel jobs.
inline constexpr std::chrono::milliseconds end_of_cluster =
    3 * stop_grace + 2 * scancel_timeout + std::chrono::seconds{4};
/// How long a process waits for SLURM's word on when its own job ends, before it goes on without.
inline constexpr std::chrono::milliseconds time_left_timeout = std::chrono::seconds{25};
/// Lines of what a process printed last that the sentence on its end quotes.
inline constexpr std::size_t shown_lines = 10;
/// A worker that cannot be started this often in a row is given up.
inline constexpr std::size_t start_attempts = 3;

} // namespace daskify::tuning
