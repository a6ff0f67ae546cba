#pragma once

/// The vocabulary: everything that actors say to each other, grouped by conversation.
///
/// Plain structs without a CAF header. No float crosses a wire (CAF 0.17 changes NaN, -0.0 and denormals on
/// the way): durations are integers, and users' values are bytes of our own codec.

#include "daskify/bytes.hpp"
#include "daskify/error.hpp"
#include "daskify/progress.hpp"
#include "daskify/protocol/ids.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace daskify::internal {

// -- nouns ----------------------------------------------------------------------------------------------

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
  std::string type;   ///< type of what was thrown, demangled; empty when nothing was thrown
  std::string text;   ///< what() of it, or how the worker ended
  std::string worker; ///< name of the worker, for example "worker-3"
  std::string host;
  std::string output;   ///< last lines the worker printed
  bool has_run = false; ///< the task ended, and what became of its result is the failure
};

/// The value of a task that is too large to travel in a block: it is in the store of the node that made it.
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
  std::vector<stored_value> stored; ///< by index; the values of these tasks are elsewhere, and have no bytes here
};

/// A function: an address, told as an offset into the loaded file with that build id; or a name that a file registers,
/// with the place where it does so, or with no place: whichever file that is.
struct function_ref {
  std::string module; ///< build id of the executable or shared library, as hex digits
  std::uint64_t offset = 0;
  std::string file;       ///< its name without folders, for messages to people
  std::string registered; ///< by DASKIFY_FUNCTION; empty: by its address

  friend bool operator==(const function_ref&, const function_ref&) = default;
};

/// Everything a worker needs to run any task of a run. Travels once per worker, whatever the number of tasks.
struct run_spec {
  run_id run;
  function_ref program;           ///< makes the task program from `description`
  std::uint64_t tasks = 0;        ///< product of the iterables' sizes, times the loops
  std::uint64_t seed = 0;         ///< base of this_task::seed()
  std::string name;               ///< the function's type, for messages to people
  shared_bytes description;       ///< the function, args and iterables, encoded
  object_id stored_description;   ///< where that is when it is too large to travel
  std::vector<run_range> inputs;  ///< futures used as arguments; no task starts before they have ended
  std::vector<object_id> objects; ///< of the stores, that it uses: kept until it is over
  run_id parent;                  ///< the run of the task that submits it; none: the client submits it
  std::uint64_t parent_task = 0;  ///< that task: cancelled together with it
  bool unattended = false;        ///< runs to its end although it is released; its submitter hears of the end
};

// -- worker <-> scheduler -----------------------------------------------------------------------------------

/// Worker: may I join?
struct enrol_request {
  std::string secret;   ///< of the session, from its private folder
  std::string build_id; ///< of the worker's program
  std::string name;     ///< "worker-<slot>"
  std::string host;
  std::string node;       ///< name of its node
  std::uint32_t slot = 0; ///< which of the launched processes this is
  std::int32_t pid = 0;
  std::uint32_t threads = 1;  ///< tasks at a time
  std::uint64_t log_size = 0; ///< of its log, which a worker before it may have begun
  std::uint32_t cpus = 1;     ///< of its node: its share
};

/// Scheduler: yes with an id, or no with a reason.
struct enrol_answer {
  worker_id worker; ///< none when refused
  error_code refusal = error_code::none;
  std::string reason;
  std::uint64_t heartbeat_interval_ms = 0;
  std::uint64_t heartbeat_timeout_ms = 0;
};

/// In place of a node's slot: the scheduler shall choose one, and slots for its workers.
inline constexpr std::uint32_t any_slot = UINT32_MAX;

/// Node: may I join, with a store and workers?
struct join_node {
  std::string secret;
  std::string build_id;
  std::string name;
  std::string job;           ///< SLURM's: "12", "12_3" or "12.3"; empty: none
  std::uint32_t slot = 0;    ///< which of the launched nodes this is
  std::uint32_t workers = 0; ///< how many it has
  std::int32_t pid = 0;
  std::uint64_t time_left_ms = 0; ///< until its job ends; 0: not known, or no end
  std::string transfer_host;      ///< where its store's transfers listen
  std::uint16_t transfer_port = 0;
};

/// Scheduler: yes with an id, or no with a reason.
struct node_answer {
  node_id node; ///< none when refused
  error_code refusal = error_code::none;
  std::string reason;
  std::uint32_t first_worker = 0; ///< slot, when the node had none
  std::uint64_t heartbeat_interval_ms = 0;
  std::uint64_t heartbeat_timeout_ms = 0;
};

/// Scheduler to node: finish now.
struct stop_node {};

/// Node, every heartbeat interval: I am alive. A request: the empty answer tells the node that the scheduler is, too.
struct node_alive {};

/// Node: my workers have enrolled.
struct node_ready {};

/// Node: the batch system ends my job; I have a moment left.
struct node_leaving {};

// -- client in another process <-> scheduler ----------------------------------------------------------------

/// Client: may I join, with a store of my own?
struct attach_client {
  std::string secret;        ///< of the cluster
  std::string name;          ///< for people: "my_program (pid 4711 on my_host)"
  std::string transfer_host; ///< where its store's transfers listen
  std::uint16_t transfer_port = 0;
};

/// Scheduler: yes with an id from the sequence that workers have theirs from, or no with a reason.
struct attach_answer {
  worker_id client; ///< none when refused
  error_code refusal = error_code::none;
  std::string reason;
  std::uint64_t heartbeat_interval_ms = 0;
  std::uint64_t heartbeat_timeout_ms = 0;
};

/// Client, every heartbeat interval: I am alive. A request: the answer tells that the scheduler is, too.
struct client_alive {};

/// To that: who works for it.
struct cluster_alive {
  std::uint64_t workers = 0;
  std::string jobs;      ///< a sentence about those of SLURM; "" when it has none
  std::string exhausted; ///< why it starts no worker any more, and tasks are lost; "" when it may
};

// -- work -----------------------------------------------------------------------------------------------------

/// The right and duty to run the tasks [first, first + count) of a run, one after the other.
struct lease {
  lease_id id;
  run_id run;
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

/// A run as a worker sees it: the description and the values of the futures it uses.
struct run_brief {
  run_spec spec;
  std::vector<result_block> inputs; ///< one per entry of spec.inputs, or more; complete
  worker_id client;                 ///< whose it is, also where one of its tasks has submitted it; none: the local one
};

/// A client whose start call has failed on a worker: the worker fails the client's tasks with the cause.
struct refused_client {
  worker_id client;
  failure why;
};

/// Scheduler to worker: all that changed since the last one, in this order.
struct work_order {
  std::vector<run_brief> runs;      ///< new to this worker
  std::vector<lease> leases;        ///< to be run after those it already has
  std::vector<run_range> cancelled; ///< not to be started; the running ones are asked to stop
  std::vector<run_id> forgotten;    ///< will not be used again
  bool recall = false;              ///< what is not begun goes back, also of these leases
  std::vector<refused_client> refused;

  bool empty() const {
    return runs.empty() && leases.empty() && cancelled.empty() && forgotten.empty() && !recall && refused.empty();
  }
};

/// Worker to scheduler: the next tasks of a lease have ended.
///
/// Reports of one lease follow each other without a gap; `block` begins where the one before ended.
struct lease_report {
  lease_id id;
  result_block block;
  std::uint64_t busy_ns = 0;  ///< time spent in the tasks of this block
  std::uint64_t returned = 0; ///< tasks at the end of the lease that were not started and are given back
  bool closed = false;        ///< the lease has ended
  std::uint64_t log_size = 0; ///< of the worker's log: what comes later was printed by later tasks
};

struct work_report {
  std::vector<lease_report> reports;
};

/// Worker to scheduler, every heartbeat interval.
struct heartbeat {
  std::uint64_t resident_bytes = 0;
  std::uint32_t busy_threads = 0;
};

/// Worker to scheduler: so many of its tasks wait for tasks that they have submitted, and leave their threads to
/// others.
struct worker_waits {
  std::uint32_t tasks = 0;
};

/// Scheduler to worker: finish now. Idle workers end cleanly, busy ones at once.
struct stop_worker {};

// -- client or task <-> scheduler -----------------------------------------------------------------------------------

struct submit_runs {
  std::vector<run_spec> runs;
};

/// Scheduler to the submitter of an unattended run: the run has ended, and is forgotten.
struct unattended_ended {
  run_id run;
  std::vector<failure> failures;
};

/// Client: each worker process, present and to come, makes this call once, before it gets further tasks. The run has
/// one task, and an id of nth_start_call_of.
struct add_start_call {
  run_spec call;
};

/// Client: tell me when `how_many` of these tasks have ended.
///
/// Answered when that is so, or after `patience_ms` with what is there by then, so that no question stays open
/// for longer than its asker would wait for a dead peer.
struct await_tasks {
  std::vector<run_range> tasks;
  std::uint64_t how_many = 0;
  std::uint64_t patience_ms = 0;
  bool want_results = false;
};

struct awaited_tasks {
  bool satisfied = false;
  std::vector<run_range> ended;     ///< those of the asked tasks that have ended, in the asked order
  std::vector<result_block> blocks; ///< when results were wanted and the question was satisfied
  std::vector<run_range> rest;      ///< whose blocks one message could not carry, too: to be asked for again
  std::vector<run_id> unknown;      ///< runs that the scheduler does not know (any more)
};

/// Client: how many of these tasks are in which state right now?
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
  std::string node; ///< name of its node
  std::int32_t pid = 0;
  bool busy = false;
  std::uint64_t running = 0; ///< tasks it is running now
  std::uint64_t resident_bytes = 0;
  bool leaving = false;   ///< it gets nothing new
  std::uint32_t cpus = 0; ///< of its node: its share
};

struct worker_list {
  std::vector<worker_entry> workers;
};

/// Client: tell me when there are `count` workers. Answered as await_tasks is, after `patience_ms` at the latest.
struct await_workers {
  std::uint64_t count = 0;
  std::uint64_t patience_ms = 0;
};

struct awaited_workers {
  bool satisfied = false;
  std::uint64_t workers = 0; ///< that there are
};

// -- the state of all, for people (client -> scheduler) -------------------------------------------------------------

/// Client: how is the cluster?
struct ask_status {};

/// A run that has not ended.
struct run_entry {
  run_id run;
  std::string name; ///< the function's type
  progress counts;
};

/// All that one client has submitted, or the tasks of one worker.
struct client_entry {
  worker_id id;
  std::string name; ///< for people; empty: the tasks of a worker
  std::uint64_t runs = 0;
  progress counts;             ///< of all its runs
  std::vector<run_entry> open; ///< the first of those that have not ended
};

struct reason_entry {
  std::string reason; ///< in SLURM's word
  std::uint64_t jobs = 0;
};

/// The jobs of SLURM that the scheduler has submitted.
struct job_figures {
  std::uint64_t wanted = 0; ///< 0: it submits none
  std::uint64_t submitted = 0;
  std::uint64_t pending = 0;
  std::vector<reason_entry> reasons; ///< of the pending ones
  std::uint64_t starting = 0;
  std::uint64_t enrolled = 0;
  std::uint64_t draining = 0;
  std::uint64_t lost = 0;
  std::string sentence; ///< all of that in words
};

struct cluster_status {
  std::string host; ///< of the scheduler
  std::int32_t pid = 0;
  std::uint64_t uptime_ms = 0;
  std::string mode;       ///< how it gets workers: "local", "slurm", "test", or "connect" when they come by themselves
  std::string log_folder; ///< empty: it knows of none
  std::vector<worker_entry> workers;
  std::vector<client_entry> clients;
  job_figures jobs;
};

/// Client: end, with all workers. Answered before that begins.
struct end_cluster {};

// -- deployment -> scheduler --------------------------------------------------------------------------------

/// A launched worker process has ended.
struct worker_exited {
  std::uint32_t slot = 0;
  std::int32_t pid = 0;
  std::string how;            ///< "was killed by signal 9 (killed)"
  std::string output;         ///< last bytes of its log
  std::uint64_t log_size = 0; ///< of the whole log
};

/// The workers of a node get nothing new: it will end. What they have not begun goes elsewhere.
struct drain_node {
  std::uint32_t slot = 0; ///< which of the launched nodes
};

/// A node will end, by itself, after this time: its workers get what ends before. May change; without it there is no
/// such time.
struct node_time_left {
  std::uint32_t slot = 0;
  std::uint64_t milliseconds = 0;
};

/// A node has ended with all that it had, through no fault of a task.
struct node_lost {
  std::uint32_t slot = 0;
  error_code code = error_code::worker_node_lost; ///< or worker_walltime
  std::string how;                                ///< "was preempted with job 4711"
};

/// No worker is left and none will be started: what waits can never run.
struct workers_exhausted {
  std::string reason;
};

// -- progress ---------------------------------------------------------------------------------------------

/// Progress actor to scheduler: tell me, from now on, how these tasks are doing. 0 tasks end a subscription.
struct subscribe_progress {
  std::uint64_t subscription = 0;
  std::vector<run_range> tasks;
};

struct progress_event {
  std::uint64_t subscription = 0;
  progress counts;
};

} // namespace daskify::internal
