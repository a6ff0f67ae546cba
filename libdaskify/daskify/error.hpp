#pragma once

/// All errors of daskify: one code each, one exception class per kind, one sentence per occurrence.
///
/// Thread-safety: all functions here are pure; exceptions are values.

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace daskify {

/// The codes of all errors. The comments describe when they occur; `describe` returns a short text.
enum class error_code : std::uint8_t {
  none, ///< no error

  // config_error
  unknown_option,    ///< an unknown option or config key
  bad_option_value,  ///< a known option with an invalid value
  unreadable_config, ///< a config file that is missing, unreadable or not of the form key = value

  // cluster_error
  not_started,      ///< a call that needs a cluster, before start_cluster
  already_started,  ///< start_cluster while a cluster is running
  shut_down,        ///< use after shutdown_cluster
  mode_unavailable, ///< a mode that this build does not support
  session_failed,   ///< the private session folder could not be created or read
  worker_failed,    ///< a worker process ended before it enrolled
  start_timeout,    ///< workers did not enrol in time
  other_build,      ///< a worker of another build of the program tried to enrol
  bad_secret,       ///< a process without the session's secret tried to enrol
  scheduler_gone,   ///< the scheduler's process ended
  no_answer,        ///< the scheduler, or another part of the cluster, did not answer in time
  no_workers,       ///< every worker has ended and none can be started
  command_failed,   ///< a required program could not be started
  slurm_missing,    ///< SLURM's commands are not on this machine
  slurm_silent,     ///< SLURM's controller, or a service on the way to it, did not answer in time
  slurm_refused,    ///< SLURM answered, but did not perform the request
  several_ranks,    ///< start_cluster in a program that srun or mpirun has started as several processes

  // task_error
  task_threw,         ///< the user's function threw an exception
  dependency_failed,  ///< a future that was passed as an argument failed
  function_not_found, ///< the worker has no such function loaded
  too_many_waiting,   ///< too many tasks of one worker wait for tasks that they have submitted
  not_in_a_task,      ///< a call that only a task may make, on a thread that runs no task
  start_call_failed,  ///< a call of on_worker_start failed on the worker, before the task

  // worker_lost
  worker_died,      ///< the worker's process ended while it had the task
  worker_silent,    ///< the worker stopped answering while it had the task
  worker_walltime,  ///< the time limit of the worker's job was reached before the task had ended
  worker_node_lost, ///< the worker's node failed, or its job was preempted or cancelled, while it had the task

  // cancelled
  task_cancelled, ///< the task was cancelled before it ended

  // data_error
  bad_argument,    ///< an invalid step, count or key
  foreign_handle,  ///< a future or scattered data of another cluster, or of an earlier start
  not_encodable,   ///< a value that cannot be encoded, such as a valueless variant
  not_decodable,   ///< a value whose own class threw while it was decoded
  unnamed_code,    ///< a function in a file without a build id, by which workers could identify the file
  truncated_bytes, ///< fewer bytes than the value needs
  corrupt_bytes,   ///< bytes that are not the encoding of a value
  unknown_key,     ///< no scattered data under that key
  unknown_object,  ///< scattered data that were freed
  object_lost,     ///< data whose only copy was on a node that has ended, or on a disk that damaged it
  key_taken,       ///< a key that is already in use
  wrong_type,      ///< data requested as another type than they were stored as
  unknown_run,     ///< no run yet, or a run that was released
  no_room,         ///< not enough memory for the data
  store_failed,    ///< the operating system refused shared memory
  too_many_tasks,  ///< a run with more tasks than a run may have

  // also worker_lost
  run_given_up, ///< so many tasks of the run were lost that the remaining ones were given up, see option max_lost

  // not_ready
  still_running, ///< a wait with a timeout expired before the tasks had ended

  last_ = still_running
};

/// The exception class an error code belongs to.
enum class error_kind : std::uint8_t { none, config, cluster, task, worker_lost, cancelled, data, not_ready };

namespace detail {

struct error_entry {
  error_code code;
  error_kind kind;
  std::string_view name;
  std::string_view text;
};

inline constexpr std::array error_table{
    error_entry{error_code::none, error_kind::none, "none", "no error"},
    error_entry{error_code::unknown_option, error_kind::config, "unknown_option", "unknown option"},
    error_entry{error_code::bad_option_value, error_kind::config, "bad_option_value", "bad value of an option"},
    error_entry{error_code::unreadable_config, error_kind::config, "unreadable_config", "config file cannot be read"},
    error_entry{error_code::not_started, error_kind::cluster, "not_started", "no cluster was started"},
    error_entry{error_code::already_started, error_kind::cluster, "already_started", "the cluster is already running"},
    error_entry{error_code::shut_down, error_kind::cluster, "shut_down", "the cluster was shut down"},
    error_entry{error_code::mode_unavailable, error_kind::cluster, "mode_unavailable", "this mode is not available"},
    error_entry{error_code::session_failed, error_kind::cluster, "session_failed", "no session folder"},
    error_entry{error_code::worker_failed, error_kind::cluster, "worker_failed", "a worker could not start"},
    error_entry{error_code::start_timeout, error_kind::cluster, "start_timeout", "the workers did not start in time"},
    error_entry{error_code::other_build, error_kind::cluster, "other_build",
                "the worker runs another build of the program"},
    error_entry{error_code::bad_secret, error_kind::cluster, "bad_secret",
                "the worker does not know the session's secret"},
    error_entry{error_code::scheduler_gone, error_kind::cluster, "scheduler_gone", "the scheduler is gone"},
    error_entry{error_code::no_answer, error_kind::cluster, "no_answer", "no answer in time"},
    error_entry{error_code::no_workers, error_kind::cluster, "no_workers", "no workers are left"},
    error_entry{error_code::command_failed, error_kind::cluster, "command_failed", "a program could not be started"},
    error_entry{error_code::slurm_missing, error_kind::cluster, "slurm_missing", "there is no SLURM here"},
    error_entry{error_code::slurm_silent, error_kind::cluster, "slurm_silent", "SLURM does not answer"},
    error_entry{error_code::slurm_refused, error_kind::cluster, "slurm_refused", "SLURM refused"},
    error_entry{error_code::several_ranks, error_kind::cluster, "several_ranks",
                "the program was started as several ranks"},
    error_entry{error_code::task_threw, error_kind::task, "task_threw", "the task threw an exception"},
    error_entry{error_code::dependency_failed, error_kind::task, "dependency_failed",
                "a task whose result is needed failed"},
    error_entry{error_code::function_not_found, error_kind::task, "function_not_found",
                "the function is not loaded in the worker"},
    error_entry{error_code::too_many_waiting, error_kind::task, "too_many_waiting",
                "too many tasks wait for other tasks"},
    error_entry{error_code::not_in_a_task, error_kind::task, "not_in_a_task", "no task is running here"},
    error_entry{error_code::start_call_failed, error_kind::task, "start_call_failed",
                "a call of on_worker_start failed"},
    error_entry{error_code::worker_died, error_kind::worker_lost, "worker_died", "the worker process died"},
    error_entry{error_code::worker_silent, error_kind::worker_lost, "worker_silent", "the worker stopped answering"},
    error_entry{error_code::worker_walltime, error_kind::worker_lost, "worker_walltime",
                "the time of the worker's job was over"},
    error_entry{error_code::worker_node_lost, error_kind::worker_lost, "worker_node_lost",
                "the worker's node or job was lost"},
    error_entry{error_code::task_cancelled, error_kind::cancelled, "task_cancelled", "the task was cancelled"},
    error_entry{error_code::bad_argument, error_kind::data, "bad_argument", "an argument makes no sense"},
    error_entry{error_code::foreign_handle, error_kind::data, "foreign_handle", "a future or data of another cluster"},
    error_entry{error_code::not_encodable, error_kind::data, "not_encodable", "the value cannot become bytes"},
    error_entry{error_code::not_decodable, error_kind::data, "not_decodable",
                "the value could not be made from its bytes"},
    error_entry{error_code::unnamed_code, error_kind::data, "unnamed_code",
                "the function is in a file without a build id"},
    error_entry{error_code::truncated_bytes, error_kind::data, "truncated_bytes", "the bytes end too early"},
    error_entry{error_code::corrupt_bytes, error_kind::data, "corrupt_bytes",
                "the bytes do not encode a value of this type"},
    error_entry{error_code::unknown_key, error_kind::data, "unknown_key", "nothing is scattered under this key"},
    error_entry{error_code::unknown_object, error_kind::data, "unknown_object", "the scattered data were freed"},
    error_entry{error_code::object_lost, error_kind::data, "object_lost", "the only copy of the data is gone"},
    error_entry{error_code::key_taken, error_kind::data, "key_taken", "the key is already in use"},
    error_entry{error_code::wrong_type, error_kind::data, "wrong_type", "the data have another type"},
    error_entry{error_code::unknown_run, error_kind::data, "unknown_run", "there is no such run"},
    error_entry{error_code::no_room, error_kind::data, "no_room", "not enough memory"},
    error_entry{error_code::store_failed, error_kind::data, "store_failed", "shared memory could not be used"},
    error_entry{error_code::too_many_tasks, error_kind::data, "too_many_tasks", "too many tasks in one run"},
    error_entry{error_code::run_given_up, error_kind::worker_lost, "run_given_up",
                "too many tasks of the run were lost"},
    error_entry{error_code::still_running, error_kind::not_ready, "still_running", "the tasks have not ended yet"},
};

consteval bool error_table_is_complete() {
  if (error_table.size() != static_cast<std::size_t>(error_code::last_) + 1)
    return false;
  for (std::size_t i = 0; i < error_table.size(); ++i)
    if (error_table[i].code != static_cast<error_code>(i) || error_table[i].text.empty() ||
        (i != 0 && error_table[i].kind == error_kind::none))
      return false;
  return true;
}
static_assert(error_table_is_complete(), "every error_code needs its line in error_table, in order");

} // namespace detail

/// Short text of a code, without a full stop; never empty.
constexpr std::string_view describe(error_code code) noexcept {
  auto i = static_cast<std::size_t>(code);
  return i < detail::error_table.size() ? detail::error_table[i].text : "unknown error";
}

/// The name of the enumerator, as in this file.
constexpr std::string_view to_string(error_code code) noexcept {
  auto i = static_cast<std::size_t>(code);
  return i < detail::error_table.size() ? detail::error_table[i].name : "unknown";
}

/// The exception class that is thrown for `code`.
constexpr error_kind kind_of(error_code code) noexcept {
  auto i = static_cast<std::size_t>(code);
  return i < detail::error_table.size() ? detail::error_table[i].kind : error_kind::none;
}

/// Base class of all exceptions of daskify. `what()` is one sentence: what happened, to what, why, and what to do.
class error : public std::runtime_error {
public:
  error(error_code code, const std::string& sentence) : std::runtime_error{sentence}, code_{code} {}

  error_code code() const noexcept { return code_; }

private:
  error_code code_;
};

/// A wrong option, config file or setting.
class config_error : public error {
public:
  using error::error;
};

/// The cluster could not start, does not exist, or has ended.
class cluster_error : public error {
public:
  using error::error;
};

/// Data that cannot be stored, found, encoded or decoded.
class data_error : public error {
public:
  using error::error;
};

/// A wait with a timeout expired before the tasks had ended. The tasks continue.
class not_ready : public error {
public:
  using error::error;
};

/// Information about a task that has no result.
struct task_details {
  std::string type;        ///< type of the task's exception, as in the source; empty if it threw none
  std::string text;        ///< its what() and those of nested exceptions, cut at 4000 bytes; or how the worker ended
  std::uint64_t task = 0;  ///< index in its run
  std::string combination; ///< its element of each iterable, as text: "0.25, 7"
  std::string worker;      ///< for example "worker-3"; empty if the task had no worker
  std::string host;
  std::string output; ///< last lines that the worker printed while it had the task
};

/// A task that has no result: base class of task_error, worker_lost and cancelled.
class unsuccessful_task : public error {
public:
  unsuccessful_task(error_code code, const std::string& sentence, task_details details)
      : error{code, sentence},
        details_{std::move(details)} {}

  const task_details& details() const noexcept { return details_; }

private:
  task_details details_;
};

/// The user's function threw, or could not be called.
class task_error : public unsuccessful_task {
public:
  using unsuccessful_task::unsuccessful_task;
};

/// The worker process ended while it had the task, or the run was given up after too many such losses.
class worker_lost : public unsuccessful_task {
public:
  using unsuccessful_task::unsuccessful_task;
};

/// The task was cancelled.
class cancelled : public unsuccessful_task {
public:
  using unsuccessful_task::unsuccessful_task;
};

} // namespace daskify
