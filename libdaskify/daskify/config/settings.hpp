#pragma once

/// The values that hold after every source of options has been read, and where each of them came from.

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daskify/defaults.hpp"
#include "daskify/options.hpp"
#include "daskify/protocol/endpoint.hpp"

namespace daskify::internal {

/// Members are named as in options.hpp, where they are explained; an empty optional is the text `auto`.
struct settings {
  cluster_mode mode = defaults::mode;
  std::optional<std::size_t> size;
  std::size_t threads = defaults::threads;
  std::size_t nodes = defaults::nodes;
  std::optional<std::string> worker_program;
  std::vector<std::string> load;
  std::vector<std::string> hosts;
  std::string queue{defaults::queue};
  std::optional<std::string> account;
  std::size_t cores = defaults::cores;
  std::optional<std::uint64_t> memory;
  std::size_t processes = defaults::processes;
  std::chrono::milliseconds walltime = defaults::walltime;
  std::vector<std::string> job_extra;
  std::vector<std::string> job_prologue;
  daskify::job_shape job_shape = defaults::job_shape;
  std::optional<std::size_t> minimum;
  std::optional<std::size_t> maximum;
  std::optional<std::string> interface;
  std::optional<std::string> connection_directory;
  std::optional<endpoint> scheduler;
  std::size_t port = defaults::port;
  std::chrono::milliseconds start_timeout = defaults::start_timeout;
  std::chrono::milliseconds queue_timeout = defaults::queue_timeout;
  bool accept_fewer = defaults::accept_fewer;
  std::chrono::milliseconds heartbeat_interval = defaults::heartbeat_interval;
  std::chrono::milliseconds heartbeat_timeout = defaults::heartbeat_timeout;
  std::size_t retries = defaults::retries;
  std::optional<std::uint64_t> store_limit;
  std::string spill_directory{defaults::spill_directory};
  std::optional<std::string> session_directory;
  std::optional<std::string> log_directory;
  progress_style progress = defaults::progress;
  std::optional<std::size_t> start_when;
  bool pin = defaults::pin;
  bool allow_ranks = defaults::allow_ranks;
  bool short_options = defaults::short_options;
  std::optional<std::size_t> max_lost;

  /// `--daskify.help` was given: the caller shows help_text() and starts nothing. Everything else is at its
  /// default.
  bool help = false;

  /// Where a value came from, by option name: "cluster.conf:3", "environment DASKIFY_SIZE", "code", "command
  /// line".
  std::map<std::string, std::string, std::less<>> origins;

  /// The origin of an option's value; "default" if it was not set.
  std::string origin(std::string_view name) const;

  /// Makes paths absolute, relative to `folder`, so that later changes of the working directory do not matter.
  void resolve_paths(const std::filesystem::path& folder);
  /// The same, relative to the working directory. Throws config_error if that no longer exists.
  void resolve_paths();

  /// Whether started workers run in SLURM's jobs.
  bool is_on_slurm() const noexcept { return mode == cluster_mode::slurm || mode == cluster_mode::test; }
  /// Whether started workers may run on other machines than this one.
  bool uses_other_machines() const noexcept { return is_on_slurm() || mode == cluster_mode::hosts; }
  /// The folder to spill to; nothing: spilling is off.
  std::optional<std::string> spill_folder() const;
  /// The partition; nothing: the site's default.
  std::optional<std::string> partition() const;
  /// The network interface that was named; nothing: none was, or all of them.
  std::optional<std::string> interface_name() const;
  /// Memory of a job in bytes, whose default depends on the mode; 0: the site's default.
  std::uint64_t job_memory() const;
  /// Number of workers of a cluster in jobs or on hosts, whose default depends on the mode.
  std::size_t fleet_size() const;
  /// Number of workers that start_cluster waits for, in a cluster of at most `most`. Throws config_error if start_when
  /// is larger.
  std::size_t workers_at_start(std::size_t most) const;

  /// Throws config_error(bad_option_value) if a value is out of its limits or two values are inconsistent.
  void validate() const;
};

/// One line per option, and per entry of a list, in the order of the table: `name = value  # origin`.
std::string describe_settings(const settings& all);

} // namespace daskify::internal
