#pragma once

/// All messages between actors except those about objects, grouped by conversation.
///
/// Plain structs without a CAF header. No floating-point number crosses a wire (CAF 0.17 changes NaN, -0.0 and
/// denormals on the way): durations are integers, and users' values are bytes of daskify's own codec.

#include "daskify/bytes.hpp"
#include "daskify/error.hpp"
#include "daskify/progress.hpp"
#include "daskify/protocol/ids.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace daskify::internal {

// -- parts of messages ------------------------------------------------------------------------------------

/// Tasks [first, first + count) of one run.
struct run_range {
  run_id run;
  std::uint64_t first = 0;
  std::uint64_t count = 0;

  friend bool operator==(const run_range&, const run_range&) = default;
};

/// Why tasks [first, first + count) have no result. The counterpart of a value, so it is data, not an exception.
struct failure {
  error_code code = error_code::none;
  std::uint64_t first = 0;
  std::uint64_t count = 1;
  std::string type;   ///< type of the exception, demangled; empty if no exception was thrown
  std::string text;   ///< what() of the exception, or how the worker ended
  std::string worker; ///< name of the worker, for example "worker-3"
  std::string host;
  std::string output;   ///< the last lines that the worker printed
  bool has_run = false; ///< the task itself ended; its result could not be stored or fetched
};

/// A task's value that is too large for a result block: it is in the store of the node that ran the task.
struct stored_value {
  std::uint64_t task = 0;
  object_id object;
  std::uint64_t size = 0; ///< bytes
};

/// How the values of a result block lie in its bytes.
enum class block_layout : std::uint8_t {
  fixed,   ///< each value takes `value_size` bytes
  variable ///< value i is values[offsets[i], offsets[i + 1]), offsets being count + 1 native uint64
};

/// Results of the tasks [first, first + count) of one run, in order.
struct result_block {
  run_id run;
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  block_layout layout = block_layout::fixed;
  std::uint64_t value_size = 0;
  shared_bytes offsets;
  shared_bytes values;
  std::vector<failure> failures;    ///< by index, not overlapping; the values of these tasks have no meaning
  std::vector<stored_value> stored; ///< by index; the values of these tasks are in a store and have no bytes here
};

/// A function: either an address, given as an offset into the loaded file with that build id; or a registered name,
/// with the file and place of its registration, or without them if any file may have registered it.
struct function_ref {
  std::string module; ///< build id of the executable or shared library, as hex digits
  std::uint64_t offset = 0;
  std::string file;       ///< file name without folders, for messages to users
  std::string registered; ///< name given to DASKIFY_FUNCTION; empty: identified by address

  friend bool operator==(const function_ref&, const function_ref&) = default;
};

/// Everything a worker needs to run any task of a run. Sent once per worker, independent of the number of tasks.
struct run_spec {
  run_id run;
  function_ref program;           ///< creates the task program from `description`
  std::uint64_t tasks = 0;        ///< product of the iterables' sizes, times the loops
  std::uint64_t seed = 0;         ///< base of this_task::seed()
  std::string name;               ///< the function's type, for messages to users
  shared_bytes description;       ///< the function, args and iterables, encoded
  object_id stored_description;   ///< object that holds the description if it is too large for a message
  std::vector<run_range> inputs;  ///< futures used as arguments; no task starts before they have ended
  std::vector<object_id> objects; ///< objects that the run uses; they are kept until it has ended
  run_id parent;                  ///< run of the task that submits this run; none: submitted by the client
  std::uint64_t parent_task = 0;  ///< that task; cancelling it cancels this run
  bool unattended = false;        ///< continues although it is released; its submitter is notified of the end
};

// -- worker <-> scheduler -----------------------------------------------------------------------------------

/// Worker: requests to join.
struct enrol_request {
  std::string secret;   ///< of the session, from its private folder
  std::string build_id; ///< of the worker's program
  std::string name;     ///< "worker-<slot>"
  std::string host;
  std::string node;       ///< name of the worker's node
  std::uint32_t slot = 0; ///< index among the launched processes
  std::int32_t pid = 0;
  std::uint32_t threads = 1;  ///< number of tasks run at the same time
  std::uint64_t log_size = 0; ///< bytes in its log, which an earlier worker may have begun
  std::uint32_t cpus = 1;     ///< its share of the node's CPUs
};

/// Scheduler: grants an id, or refuses with a reason.
struct enrol_answer {
  worker_id worker; ///< none when refused
  error_code refusal = error_code::none;
  std::string reason;
  std::uint64_t heartbeat_interval_ms = 0;
  std::uint64_t heartbeat_timeout_ms = 0;
};

/// In place of a node's slot: the scheduler chooses a slot for the node, and slots for its workers.
inline constexpr std::uint32_t any_slot = UINT32_MAX;

/// Node: requests to join, with a store and workers.
struct join_node {
  std::string secret;
  std::string build_id;
  std::string name;
  std::string job;           ///< SLURM job id: "12", "12_3" or "12.3"; empty: none
  std::uint32_t slot = 0;    ///< index among the launched nodes
  std::uint32_t workers = 0; ///< number of its workers
  std::int32_t pid = 0;
  std::uint64_t time_left_ms = 0; ///< until its job ends; 0: unknown or unlimited
  std::string transfer_host;      ///< address at which its store serves transfers
  std::uint16_t transfer_port = 0;
};

/// Scheduler: grants an id, or refuses with a reason.
struct node_answer {
  node_id node; ///< none when refused
  error_code refusal = error_code::none;
  std::string reason;
  std::uint32_t first_worker = 0; ///< slot of the first worker, if the node sent any_slot
  std::uint64_t heartbeat_interval_ms = 0;
  std::uint64_t heartbeat_timeout_ms = 0;
};

/// Scheduler to node: requests it to end now.
struct stop_node {};

/// Node: heartbeat, every heartbeat interval. A request: the empty answer confirms that the scheduler is alive, too.
struct node_alive {};

/// Node: all its workers have enrolled.
struct node_ready {};

/// Node: the batch system ends its job within moments.
struct node_leaving {};

// -- client in another process <-> scheduler ----------------------------------------------------------------

/// Client: requests to join, with a store of its own.
struct attach_client {
  std::string secret;        ///< of the cluster
  std::string name;          ///< for messages to users: "my_program (pid 4711 on my_host)"
  std::string transfer_host; ///< address at which its store serves transfers
  std::uint16_t transfer_port = 0;
};

/// Scheduler: grants an id from the same sequence as worker ids, or refuses with a reason.
struct attach_answer {
  worker_id client; ///< none when refused
  error_code refusal = error_code::none;
  std::string reason;
  std::uint64_t heartbeat_interval_ms = 0;
  std::uint64_t heartbeat_timeout_ms = 0;
};

/// Client: heartbeat, every heartbeat interval. A request: the answer confirms that the scheduler is alive, too.
struct client_alive {};

/// The answer to client_alive: the workers of the cluster.
struct cluster_alive {
  std::uint64_t workers = 0;
  std::string jobs;      ///< a sentence about the SLURM jobs; empty if there are none
  std::string exhausted; ///< why no worker will be started and tasks are lost; empty otherwise
};

// -- work -----------------------------------------------------------------------------------------------------

/// The right and duty to run the tasks [first, first + count) of a run, one after the other.
struct lease {
  lease_id id;
  run_id run;
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

/// A run as sent to a worker: its description and the values of its input futures.
struct run_brief {
  run_spec spec;
  std::vector<result_block> inputs; ///< one per entry of spec.inputs, or more; complete
  worker_id client;                 ///< owner of the run, also if one of its tasks submitted it; none: the local client
};

/// A client whose start call has failed on a worker: the worker fails the client's tasks with the cause.
struct refused_client {
  worker_id client;
  failure why;
};

/// Scheduler to worker: all changes since the last order, in this order.
struct work_order {
  std::vector<run_brief> runs;      ///< new to this worker
  std::vector<lease> leases;        ///< to be run after the leases the worker already has
  std::vector<run_range> cancelled; ///< not to be started; running ones are requested to stop
  std::vector<run_id> forgotten;    ///< no longer used
  bool recall = false;              ///< give back all tasks that have not started, including those of `leases`
  std::vector<refused_client> refused;

  bool empty() const {
    return runs.empty() && leases.empty() && cancelled.empty() && forgotten.empty() && !recall && refused.empty();
  }
};

/// Worker to scheduler: the next tasks of a lease have ended.
///
/// The reports of one lease are contiguous: `block` begins where the previous report ended.
struct lease_report {
  lease_id id;
  result_block block;
  std::uint64_t busy_ns = 0;  ///< time spent in the tasks of this block
  std::uint64_t returned = 0; ///< tasks at the end of the lease that were not started and are given back
  bool closed = false;        ///< the last report of the lease
  std::uint64_t log_size = 0; ///< bytes in the worker's log; later bytes were printed by later tasks
};

struct work_report {
  std::vector<lease_report> reports;
};

/// Worker to scheduler, every heartbeat interval.
struct heartbeat {
  std::uint64_t resident_bytes = 0;
  std::uint32_t busy_threads = 0;
};

/// Worker to scheduler: number of its tasks that wait for tasks which they have submitted; other tasks may use their
/// threads meanwhile.
struct worker_waits {
  std::uint32_t tasks = 0;
};

/// Scheduler to worker: requests it to end now. Idle workers exit cleanly, busy ones immediately.
struct stop_worker {};

// -- client or task <-> scheduler -----------------------------------------------------------------------------------

struct submit_runs {
  std::vector<run_spec> runs;
};

/// Scheduler to the submitter of an unattended run: the run has ended, and the scheduler has erased it.
struct unattended_ended {
  run_id run;
  std::vector<failure> failures;
};

/// Client: each worker process, present and future, makes this call once, before it gets further tasks. The run has one
/// task, and an id from nth_start_call_of.
struct add_start_call {
  run_spec call;
};

/// Client: asks for an answer when `how_many` of these tasks have ended.
///
/// Answered when they have, or after `patience_ms` with the tasks that have ended by then, so that a request never
/// stays open for longer than the timeout after which its sender regards the peer as dead.
struct await_tasks {
  std::vector<run_range> tasks;
  std::uint64_t how_many = 0;
  std::uint64_t patience_ms = 0;
  bool want_results = false;
};

struct awaited_tasks {
  bool satisfied = false;
  std::vector<run_range> ended;     ///< those of the requested tasks that have ended, in the requested order
  std::vector<result_block> blocks; ///< if results were requested and `satisfied` is true
  std::vector<run_range> rest;      ///< tasks whose blocks did not fit into this message: to be requested again
  std::vector<run_id> unknown;      ///< runs that the scheduler does not know (any more)
};

/// Client: asks how many of these tasks are in which state.
struct count_tasks {
  std::vector<run_range> tasks;
};

struct cancel_tasks {
  std::vector<run_range> tasks;
};

struct release_runs {
  std::vector<run_id> runs;
};

struct list_workers {};

struct worker_entry {
  worker_id id;
  std::string name;
  std::string host;
  std::string node; ///< name of the worker's node
  std::int32_t pid = 0;
  bool busy = false;
  std::uint64_t running = 0; ///< number of tasks it is running now
  std::uint64_t resident_bytes = 0;
  bool leaving = false;   ///< it gets no new tasks
  std::uint32_t cpus = 0; ///< its share of the node's CPUs
};

struct worker_list {
  std::vector<worker_entry> workers;
};

/// Client: asks for an answer when there are `count` workers. Answered like await_tasks, after `patience_ms` at the
/// latest.
struct await_workers {
  std::uint64_t count = 0;
  std::uint64_t patience_ms = 0;
};

struct awaited_workers {
  bool satisfied = false;
  std::uint64_t workers = 0; ///< number of workers now
};

// -- state of the cluster, for users (client -> scheduler) -------------------------------------------------------

/// Client: asks for the state of the cluster.
struct ask_status {};

/// A run that has not ended.
struct run_entry {
  run_id run;
  std::string name; ///< the function's type
  progress counts;
};

/// All runs that one client, or the tasks of one worker, have submitted.
struct client_entry {
  worker_id id;
  std::string name; ///< for users; empty: the tasks of a worker
  std::uint64_t runs = 0;
  progress counts;             ///< sum over all its runs
  std::vector<run_entry> open; ///< the first runs that have not ended
};

struct reason_entry {
  std::string reason; ///< as named by SLURM
  std::uint64_t jobs = 0;
};

/// The SLURM jobs that the scheduler has submitted.
struct job_figures {
  std::string system;       ///< name of the batch system
  std::uint64_t wanted = 0; ///< 0: the scheduler submits no jobs
  std::uint64_t submitted = 0;
  std::uint64_t pending = 0;
  std::vector<reason_entry> reasons; ///< reasons of the pending jobs
  std::uint64_t starting = 0;
  std::uint64_t enrolled = 0;
  std::uint64_t draining = 0;
  std::uint64_t lost = 0;
  std::string sentence; ///< all of these figures as a sentence
};

struct cluster_status {
  std::string host; ///< of the scheduler
  std::int32_t pid = 0;
  std::uint64_t uptime_ms = 0;
  std::string
      mode; ///< how workers are started: "local", "slurm", "test", "hosts"; "connect": workers join by themselves
  std::string log_folder; ///< empty: unknown
  std::vector<worker_entry> workers;
  std::vector<client_entry> clients;
  job_figures jobs;
};

/// Client: requests the end of the cluster and all workers. Answered before that begins.
struct end_cluster {};

// -- deployment -> scheduler --------------------------------------------------------------------------------

/// A launched worker process has ended.
struct worker_exited {
  std::uint32_t slot = 0;
  std::int32_t pid = 0;
  std::string how;            ///< "was killed by signal 9 (killed)"
  std::string output;         ///< last bytes of the worker's log
  std::uint64_t log_size = 0; ///< bytes of the whole log
};

/// The workers of a node get no new tasks, because the node will end. Tasks that have not started are given to others.
struct drain_node {
  std::uint32_t slot = 0; ///< index among the launched nodes
};

/// A node will end by itself after this time: its workers get only tasks that end before. The time may change; without
/// this message the time is unlimited.
struct node_time_left {
  std::uint32_t slot = 0;
  std::uint64_t milliseconds = 0;
};

/// A node has ended with all its workers and objects, and no task is to blame.
struct node_lost {
  std::uint32_t slot = 0;
  error_code code = error_code::worker_node_lost; ///< or worker_walltime
  std::string how;                                ///< "was preempted with job 4711"
};

/// No worker is left and none will be started: waiting tasks can never run.
struct workers_exhausted {
  std::string reason;
};

// -- progress ---------------------------------------------------------------------------------------------

/// Progress actor to scheduler: subscribes to the counts of these tasks. An empty list ends a subscription.
struct subscribe_progress {
  std::uint64_t subscription = 0;
  std::vector<run_range> tasks;
};

struct progress_event {
  std::uint64_t subscription = 0;
  progress counts;
};

} // namespace daskify::internal
