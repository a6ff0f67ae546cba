#pragma once

/// The options that a program may set in code: `daskify::daskified cluster{argc, argv, {.size = 4}};`
///
/// For a member that is not set, the environment, the config file or the default is used. The command line takes
/// precedence over values set here. Each value is checked when the options are read; an invalid value throws
/// config_error.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace daskify {

/// Where the workers run.
enum class cluster_mode : std::uint8_t {
  local,   ///< worker processes on this machine
  test,    ///< a small SLURM cluster for trials
  slurm,   ///< the full SLURM cluster
  connect, ///< a cluster that is already running
  hosts    ///< worker processes on a list of hosts that ssh reaches
};

/// How the workers of a SLURM cluster are submitted.
enum class job_shape : std::uint8_t {
  array,     ///< one job array
  separate,  ///< one job each
  allocation ///< one job, in which srun starts the workers
};

/// The form in which monitor_progress shows progress.
enum class progress_style : std::uint8_t {
  automatic, ///< `auto`: a bar on a terminal, lines elsewhere
  bar,       ///< a bar that is redrawn in place
  lines,     ///< a line from time to time
  off        ///< nothing
};

namespace detail {

inline constexpr std::array<std::string_view, 5> cluster_mode_names{"local", "test", "slurm", "connect", "hosts"};
inline constexpr std::array<std::string_view, 3> job_shape_names{"array", "separate", "allocation"};
inline constexpr std::array<std::string_view, 4> progress_style_names{"auto", "bar", "lines", "off"};

} // namespace detail

/// The word for a mode in config files and on the command line.
constexpr std::string_view to_string(cluster_mode mode) noexcept {
  auto i = static_cast<std::size_t>(mode);
  return i < detail::cluster_mode_names.size() ? detail::cluster_mode_names[i] : "unknown";
}

/// The word for a shape in config files and on the command line.
constexpr std::string_view to_string(job_shape shape) noexcept {
  auto i = static_cast<std::size_t>(shape);
  return i < detail::job_shape_names.size() ? detail::job_shape_names[i] : "unknown";
}

/// The word for a style in config files and on the command line.
constexpr std::string_view to_string(progress_style style) noexcept {
  auto i = static_cast<std::size_t>(style);
  return i < detail::progress_style_names.size() ? detail::progress_style_names[i] : "unknown";
}

namespace detail {

consteval std::int64_t bytes_of(unsigned long long count, std::int64_t unit) {
  if (count > static_cast<unsigned long long>(INT64_MAX / unit))
    throw "daskify: this amount of memory does not fit into 64 bits";
  return static_cast<std::int64_t>(count) * unit;
}

} // namespace detail

/// Amounts of memory: `.memory = 50_GB`, in units of 1000 bytes, or 1024 (`50_GiB`). Integers; a value that exceeds 64
/// bits does not compile.
inline namespace literals {

consteval std::int64_t operator""_KB(unsigned long long count) {
  return detail::bytes_of(count, 1'000);
}
consteval std::int64_t operator""_MB(unsigned long long count) {
  return detail::bytes_of(count, 1'000'000);
}
consteval std::int64_t operator""_GB(unsigned long long count) {
  return detail::bytes_of(count, 1'000'000'000);
}
consteval std::int64_t operator""_TB(unsigned long long count) {
  return detail::bytes_of(count, 1'000'000'000'000);
}
consteval std::int64_t operator""_KiB(unsigned long long count) {
  return detail::bytes_of(count, std::int64_t{1} << 10);
}
consteval std::int64_t operator""_MiB(unsigned long long count) {
  return detail::bytes_of(count, std::int64_t{1} << 20);
}
consteval std::int64_t operator""_GiB(unsigned long long count) {
  return detail::bytes_of(count, std::int64_t{1} << 30);
}
consteval std::int64_t operator""_TiB(unsigned long long count) {
  return detail::bytes_of(count, std::int64_t{1} << 40);
}

} // namespace literals

/// Defaults and limits are in defaults.hpp. The `{}` avoid warnings of -Wextra in programs that set only some members.
struct options {
  /// Config file to read. `--daskify.config` (or `--config`, see short_options) takes precedence over it, and it over
  /// DASKIFY_CONFIG.
  std::optional<std::string> config{};

  // The cluster.

  /// Where the workers run.
  std::optional<cluster_mode> mode{};
  /// Number of worker processes, at least 1. Default: the CPUs this process may use; 125 in mode slurm, 2 in test.
  std::optional<std::int64_t> size{};
  /// Number of tasks that one worker process runs at the same time, at least 1. More than 1 requires thread-safe
  /// functions.
  std::optional<std::int64_t> threads{};
  /// Number of nodes that the workers of a local cluster are spread over, each with a store of its own: to try out on
  /// one machine the behaviour of several. At least 1.
  std::optional<std::int64_t> nodes{};
  /// Program that is started as worker. Default: this program.
  std::optional<std::string> worker_program{};
  /// Shared libraries that the workers load, in order to run their functions.
  std::optional<std::vector<std::string>> load{};

  /// Hosts of mode hosts, as ssh accepts them: "n1", "someone@n2". Each gets a node with `processes` workers, or
  /// several nodes if `size` requires more workers.
  std::optional<std::vector<std::string>> hosts{};

  // SLURM jobs, in the modes slurm and test; processes, job_extra and job_prologue also in mode hosts.

  /// Partition; "none" (the default): the default partition of the site.
  std::optional<std::string> queue{};
  /// Account that the jobs are charged to. Default: the user's default account.
  std::optional<std::string> account{};
  /// Number of CPUs of each job, at least 1.
  std::optional<std::int64_t> cores{};
  /// Bytes of memory of each job. Default: the default of the site; 2 GB in mode test.
  std::optional<std::int64_t> memory{};
  /// Number of worker processes of each job, at least 1; they share a store.
  std::optional<std::int64_t> processes{};
  /// Time limit of each job.
  std::optional<std::chrono::milliseconds> walltime{};
  /// Further options of sbatch, one per element: "--gres=gpu:1".
  std::optional<std::vector<std::string>> job_extra{};
  /// Shell commands that each job runs before its workers start: "module load gcc".
  std::optional<std::vector<std::string>> job_prologue{};
  /// The form in which the jobs are submitted.
  std::optional<daskify::job_shape> job_shape{};
  /// Smallest and largest number of workers, between which the cluster adapts to the amount of work. Default: `size`,
  /// fixed.
  std::optional<std::int64_t> minimum{};
  std::optional<std::int64_t> maximum{};
  /// Network interface at which the scheduler listens for workers on other machines, or "all". Default: all in the
  /// modes slurm, test and hosts; the loopback interface for a standing cluster.
  std::optional<std::string> interface {};

  // A standing cluster, in mode connect.

  /// Folder to which the scheduler of a standing cluster writes its address. Default: ~/.daskify/cluster.
  std::optional<std::string> connection_directory{};
  /// Address of the scheduler, "host:port"; the secret is then in the environment variable DASKIFY_SECRET. Default: the
  /// address in connection_directory.
  std::optional<std::string> scheduler{};
  /// Port at which daskify-scheduler listens; 0: a free one.
  std::optional<std::int64_t> port{};

  // Timeouts and failures.

  /// Time for which start_cluster waits for the workers of start_when, while no job waits in SLURM's queue.
  std::optional<std::chrono::milliseconds> start_timeout{};
  /// Additional time for which it waits while jobs wait in SLURM's queue.
  std::optional<std::chrono::milliseconds> queue_timeout{};
  /// Continue with the workers that have joined, if any, when start_timeout expires.
  std::optional<bool> accept_fewer{};
  /// Interval at which a worker sends heartbeats.
  std::optional<std::chrono::milliseconds> heartbeat_interval{};
  /// Time without a heartbeat after which a worker is regarded as lost; more than two heartbeat intervals.
  std::optional<std::chrono::milliseconds> heartbeat_timeout{};
  /// Number of times that a task is run again after its worker died; 0: never.
  std::optional<std::int64_t> retries{};

  // Data.

  /// Bytes of memory that the data of one node may take. Default: a share of the memory that is free at the start.
  std::optional<std::int64_t> store_limit{};
  /// Folder for data that do not fit into memory; "none": data are never written to disk.
  std::optional<std::string> spill_directory{};

  // Files and output.

  /// Folder in which the private session folder is created. Default: in the modes slurm, test and hosts ~/.daskify,
  /// otherwise $XDG_RUNTIME_DIR, otherwise /tmp.
  std::optional<std::string> session_directory{};
  /// Folder for the folders with the output of the workers. Default: in the modes slurm, test and hosts "logs" in
  /// session_directory, otherwise the session folder, which is removed together with the cluster.
  std::optional<std::string> log_directory{};
  /// The form in which monitor_progress shows progress.
  std::optional<progress_style> progress{};

  // Later additions, at the end so that the order of the members above does not change.

  /// Number of workers that start_cluster waits for, at most as many as the cluster can have; the others join later.
  /// Default: all in mode local; in the modes slurm, test and hosts `minimum` if that is set, otherwise 1; 0 in mode
  /// connect.
  std::optional<std::int64_t> start_when{};
  /// Binds each worker process to CPUs of its own; workers beyond the number of CPUs share them. Default: off. In SLURM
  /// jobs only for jobs of several workers, where SLURM binds the job to CPUs as a whole.
  std::optional<bool> pin{};
  /// Lets rank 0 of a program that srun or mpirun has started as several ranks start a cluster; the other ranks never
  /// may. Default: no.
  std::optional<bool> allow_ranks{};
  /// Accept `--config` and `--mode` without the prefix `--daskify.` as options of daskify; false: they are left to the
  /// program. Default: yes.
  std::optional<bool> short_options{};
  /// Number of lost tasks at which the remaining tasks of a run are given up, at least 1. Default: no limit.
  std::optional<std::int64_t> max_lost{};
};

} // namespace daskify
