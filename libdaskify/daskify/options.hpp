#pragma once

/// What a program may set in code: `daskify::daskified cluster{argc, argv, {.size = 4}};`
///
/// A member that is left out says nothing: the environment, the config file or the default decides. The
/// command line is stronger than what is set here. Each value is checked when the options are read; a wrong
/// one is a config_error.

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
  test,    ///< a small SLURM cluster, to try things out
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

/// How monitor_progress shows itself.
enum class progress_style : std::uint8_t {
  automatic, ///< `auto`: a bar on a terminal, lines elsewhere
  bar,       ///< a bar that is redrawn in place
  lines,     ///< a line now and then
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

/// Amounts of memory: `.memory = 50_GB`, of 1000 bytes, or 1024 (`50_GiB`). Whole numbers; one that does not fit does
/// not compile.
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

/// Defaults and limits are in defaults.hpp. The `{}` keep -Wextra quiet in programs that set only some
/// members.
struct options {
  /// Config file to read. `--daskify.config` (or `--config`, see short_options) is stronger, DASKIFY_CONFIG weaker.
  std::optional<std::string> config{};

  // The cluster.

  /// Where the workers run.
  std::optional<cluster_mode> mode{};
  /// Number of worker processes, at least 1. Default: the CPUs this process may use; 125 in mode slurm, 2 in test.
  std::optional<std::int64_t> size{};
  /// Tasks that one worker process runs at the same time, at least 1. More than 1 needs thread-safe
  /// functions.
  std::optional<std::int64_t> threads{};
  /// Nodes that the workers of a local cluster are spread over, each with a store of its own: to try out on one machine
  /// what happens between several. At least 1.
  std::optional<std::int64_t> nodes{};
  /// Program that is started as worker. Default: this program itself.
  std::optional<std::string> worker_program{};
  /// Shared libraries that the workers load, whose functions they can then run.
  std::optional<std::vector<std::string>> load{};

  /// Hosts of mode hosts, as ssh takes them: "n1", "someone@n2". Each gets a node with `processes` workers; when size
  /// asks for more, several.
  std::optional<std::vector<std::string>> hosts{};

  // Jobs of SLURM, in the modes slurm and test; processes, job_extra and job_prologue also in mode hosts.

  /// Partition; "none", the default: the site's default one.
  std::optional<std::string> queue{};
  /// Account that the jobs are charged to. Default: the user's own.
  std::optional<std::string> account{};
  /// CPUs of each job, at least 1.
  std::optional<std::int64_t> cores{};
  /// Bytes of memory of each job. Default: the site's own; 2 GB in mode test.
  std::optional<std::int64_t> memory{};
  /// Worker processes of each job, at least 1; they share a store.
  std::optional<std::int64_t> processes{};
  /// How long each job may run.
  std::optional<std::chrono::milliseconds> walltime{};
  /// Further options of sbatch, one each: "--gres=gpu:1".
  std::optional<std::vector<std::string>> job_extra{};
  /// Lines of shell that each job runs before its workers start: "module load gcc".
  std::optional<std::vector<std::string>> job_prologue{};
  /// How the jobs are submitted.
  std::optional<daskify::job_shape> job_shape{};
  /// Fewest and most workers, between which the cluster follows the work there is. Default: `size`, fixed.
  std::optional<std::int64_t> minimum{};
  std::optional<std::int64_t> maximum{};
  /// Network interface at which the scheduler listens for workers on other machines, or "all". Default: all in the
  /// modes slurm and test; the loopback for a standing cluster.
  std::optional<std::string> interface {};

  // A standing cluster, in mode connect.

  /// Folder in which the scheduler of a standing cluster tells where it is. Default: ~/.daskify/cluster.
  std::optional<std::string> connection_directory{};
  /// Where the scheduler is, "host:port"; the secret is then in the environment, DASKIFY_SECRET. Default: as the folder
  /// says.
  std::optional<std::string> scheduler{};
  /// Port at which daskify-scheduler listens; 0: a free one.
  std::optional<std::int64_t> port{};

  // Time and failure.

  /// How long start_cluster waits for the workers of start_when, where no job waits in SLURM's queue.
  std::optional<std::chrono::milliseconds> start_timeout{};
  /// How much longer it waits while jobs wait in SLURM's queue.
  std::optional<std::chrono::milliseconds> queue_timeout{};
  /// Go on with the workers there are, if any, when start_timeout is over.
  std::optional<bool> accept_fewer{};
  /// How often a worker says that it is alive.
  std::optional<std::chrono::milliseconds> heartbeat_interval{};
  /// Silence after which a worker counts as lost; more than two heartbeat intervals.
  std::optional<std::chrono::milliseconds> heartbeat_timeout{};
  /// How often a task is run again after its worker died; 0: not at all.
  std::optional<std::int64_t> retries{};

  // Data.

  /// Bytes of memory that the data of one node may take. Default: a share of what is free at the start.
  std::optional<std::int64_t> store_limit{};
  /// Folder for data that do not fit into memory; "none": there is none.
  std::optional<std::string> spill_directory{};

  // Files and output.

  /// Folder in which the private session folder is made. Default: in modes slurm and test ~/.daskify, else
  /// $XDG_RUNTIME_DIR, else /tmp.
  std::optional<std::string> session_directory{};
  /// Folder for folders of what the workers print. Default: in modes slurm and test "logs" in session_directory, else
  /// the session folder, which goes away with the cluster.
  std::optional<std::string> log_directory{};
  /// How monitor_progress shows itself.
  std::optional<progress_style> progress{};

  // Later additions, at the end so that the order of the members above stays.

  /// Workers that start_cluster waits for, at most as many as the cluster can have; the others join as they come.
  /// Default: all in mode local; in the modes slurm and test `minimum` where that is set, else 1; 0 in mode connect.
  std::optional<std::int64_t> start_when{};
  /// Binds each worker process to CPUs of its own; workers beyond the number of CPUs share them. Default: off. In jobs
  /// of SLURM only for jobs of several workers, where SLURM binds the job to CPUs as a whole.
  std::optional<bool> pin{};
  /// Lets rank 0 of a program that srun or mpirun has started as several ranks start a cluster; the others never may.
  /// Default: no.
  std::optional<bool> allow_ranks{};
  /// `--config` and `--mode` without the prefix `--daskify.` are options of daskify; false: they are left to the
  /// program. Default: yes.
  std::optional<bool> short_options{};
  /// Lost tasks after which the rest of a run is given up, at least 1. Default: no limit.
  std::optional<std::int64_t> max_lost{};
};

} // namespace daskify
