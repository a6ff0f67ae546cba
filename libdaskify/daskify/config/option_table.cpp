#include "daskify/config/option_table.hpp"

#include <set>
#include <type_traits>
#include <utility>

#include "daskify/config/value_text.hpp"
#include "daskify/defaults.hpp"
#include "daskify/error.hpp"
#include "daskify/text/printable.hpp"

namespace daskify::internal {

namespace {

template <class T>
constexpr bool is_optional = false;
template <class T>
constexpr bool is_optional<std::optional<T>> = true;

/// An option of any kind (see value_text.hpp). If its setting is an optional, it also accepts the text `auto`.
template <class Given, class Effective, class Kind>
option_entry entry(std::string_view name, std::optional<Given> options::*given, Effective settings::*effective,
                   Kind kind, std::string_view help) {
  constexpr bool has_auto = is_optional<Effective>;
  return {
      .name = name,
      .form = kind.form() + (has_auto ? ", or auto" : ""),
      .help = help,
      .is_list = std::is_same_v<Kind, line_list>,
      .read =
          [=](std::string_view text, settings& into) {
            if constexpr (has_auto)
              if (text == "auto") {
                (into.*effective).reset();
                return;
              }
            into.*effective = kind.read(text);
          },
      .write =
          [=](const settings& from) {
            if constexpr (has_auto)
              return from.*effective ? kind.write(*(from.*effective)) : "auto";
            else
              return kind.write(from.*effective);
          },
      .given =
          [=](const options& from) { return from.*given ? std::optional{kind.write(*(from.*given))} : std::nullopt; },
  };
}

/// `text` with `prefix` before each of its lines, and a line end after the last.
std::string indented(std::string_view prefix, std::string_view text) {
  std::string result{prefix};
  for (char c : text) {
    result += c;
    if (c == '\n')
      result += prefix;
  }
  return result += '\n';
}

} // namespace

const std::vector<option_entry>& option_table() {
  static const std::vector<option_entry> table{
      entry("mode", &options::mode, &settings::mode, choice<cluster_mode>{detail::cluster_mode_names},
            "Where the workers run: as processes of this machine (local), in jobs of SLURM (slurm), in two\n"
            "small jobs, to try things out (test), on hosts that ssh reaches (hosts), or in a cluster that is\n"
            "already running (connect).\n"
            "local, because it works everywhere."),
      entry("size", &options::size, &settings::size, whole_number{1, limits::size},
            "Number of worker processes; in the modes slurm, test and hosts rounded up to whole jobs (processes).\n"
            "auto: on this machine as many as the CPUs that this process may use, so that none idles or\n"
            "is shared; 125 in mode slurm, 2 in mode test, processes for each host in mode hosts."),
      entry("threads", &options::threads, &settings::threads, whole_number{1, limits::threads},
            "Tasks that one worker process runs at the same time.\n"
            "1, because not every function is thread-safe; for those that are, threads share memory."),
      entry("nodes", &options::nodes, &settings::nodes, whole_number{1, limits::nodes},
            "Nodes that the workers of a local cluster are spread over, each with a store of its own.\n"
            "1, because one store per machine is best; more, to try out what happens between nodes."),
      entry("worker_program", &options::worker_program, &settings::worker_program, file_path{},
            "Program that is started as worker.\n"
            "auto: this program itself, which has the functions to run; for daskify-worker, that knows\n"
            "no functions but those of the libraries it loads."),
      entry("load", &options::load, &settings::load, line_list{"the path of a shared library"},
            "Shared libraries that the workers load before their first task.\n"
            "none, because the functions of most programs are in the program itself."),
      entry("hosts", &options::hosts, &settings::hosts, host_list{},
            "Hosts of mode hosts, which ssh must reach without a password, and which must see this program and\n"
            "session_directory under the same paths.\n"
            "none, because sites differ."),
      entry("queue", &options::queue, &settings::queue, word{},
            "Partition of SLURM for the jobs of the modes slurm and test; none: the site's default one.\n"
            "none, because each site names its partitions as it likes."),
      entry("account", &options::account, &settings::account, word{},
            "Account that the jobs are charged to.\n"
            "auto: SLURM's default for you."),
      entry("cores", &options::cores, &settings::cores, whole_number{1, limits::cores},
            "CPUs of each job; in shape allocation of each node of it.\n"
            "1, which is what one worker with one thread uses."),
      entry("memory", &options::memory, &settings::memory, byte_size{},
            "Memory of each job; in shape allocation of each node of it.\n"
            "auto: what the site gives a job that does not ask, which suits its machines; 2GB in mode test."),
      entry("processes", &options::processes, &settings::processes, whole_number{1, limits::processes},
            "Workers of each job, in shape allocation of each node of it, in mode hosts of each host. They share\n"
            "its CPUs, its memory, and one copy of the scattered data.\n"
            "1, so that a job asks for no more than a worker needs."),
      entry("walltime", &options::walltime, &settings::walltime, duration{},
            "How long each job may run. Jobs that come to their end are replaced early, so it may be\n"
            "shorter than the work takes; short jobs wait less.\n"
            "10h, which most sites allow."),
      entry("job_extra", &options::job_extra, &settings::job_extra, line_list{"an option of sbatch, or of ssh"},
            "Further options of sbatch, such as --gres=gpu:1, or, in mode hosts, of ssh, such as -p 2222. Those\n"
            "that daskify needs for itself are refused: --array, --clusters, --error, --job-name, --output,\n"
            "--test-only and --wait.\n"
            "none, because sites differ."),
      entry("job_prologue", &options::job_prologue, &settings::job_prologue, line_list{"a line of shell"},
            "What each job runs before its workers start, such as module load gcc.\n"
            "none, because jobs have the environment that the program has."),
      entry("job_shape", &options::job_shape, &settings::job_shape, choice<job_shape>{detail::job_shape_names},
            "How the jobs are submitted: as one job array (array), as a job each (separate), or as one\n"
            "job that starts the workers by srun (allocation), all of them at the same moment.\n"
            "array, because it is one request, and its jobs start one by one as there is room."),
      entry("minimum", &options::minimum, &settings::minimum, whole_number{1, limits::size},
            "Fewest workers of a SLURM cluster that follows the work there is; start_cluster waits for so many,\n"
            "unless start_when says otherwise.\n"
            "auto: as many as size, or as maximum where that is less; without both the number is fixed."),
      entry("maximum", &options::maximum, &settings::maximum, whole_number{1, limits::size},
            "Most workers of a SLURM cluster that follows the work there is. It begins with size of them.\n"
            "auto: as many as size, or as minimum where that is more; without both the number is fixed."),
      entry("interface", &options::interface, &settings::interface, word{},
            "Network interface at which other machines find the scheduler, such as ib0; all: each is tried.\n"
            "auto: all in the modes slurm, test and hosts; a standing cluster serves only this machine."),
      entry("connection_directory", &options::connection_directory, &settings::connection_directory, file_path{},
            "Private folder in which the scheduler of a standing cluster tells where it is, and in which\n"
            "workers, and programs in mode connect, look for it.\n"
            "auto: ~/.daskify/cluster, which the machines of many sites share."),
      entry("scheduler", &options::scheduler, &settings::scheduler, host_and_port{},
            "Where the scheduler of a standing cluster is, for machines that do not see its folder. The\n"
            "secret is then taken from the environment, DASKIFY_SECRET.\n"
            "auto: as the file in connection_directory says."),
      entry("port", &options::port, &settings::port, whole_number{0, limits::port},
            "Port at which daskify-scheduler listens; 0: a free one.\n"
            "0, because the file in connection_directory tells which it is."),
      entry("start_timeout", &options::start_timeout, &settings::start_timeout, duration{},
            "How long start_cluster waits for the workers of start_when before it gives up, where no job waits\n"
            "in SLURM's queue; how long a job that runs may take until its workers are there; in mode connect,\n"
            "and for daskify-worker: how long a scheduler is waited for.\n"
            "Long enough for a busy machine with slow disks."),
      entry("queue_timeout", &options::queue_timeout, &settings::queue_timeout, duration{},
            "How much longer than start_timeout start_cluster waits while jobs wait in SLURM's queue; it says\n"
            "for what. 'daskify up' does not wait for them: its tasks do.\n"
            "Longer than most queues are; start_when says how many workers are waited for."),
      entry("start_when", &options::start_when, &settings::start_when, whole_number{0, limits::size},
            "Number of workers that start_cluster waits for; the others join as they come.\n"
            "auto: all in mode local; in the modes slurm, test and hosts as many as minimum where that is set,\n"
            "else 1, because the first jobs should work while the others start; 0 in mode connect."),
      entry("accept_fewer", &options::accept_fewer, &settings::accept_fewer, yes_or_no{},
            "What start_cluster does when start_timeout is over and there are some workers, but fewer than\n"
            "start_when: goes on with them, while the others may still come (yes), or gives up (no).\n"
            "no, because a program that sets start_when counts on them."),
      entry("heartbeat_interval", &options::heartbeat_interval, &settings::heartbeat_interval, duration{},
            "How often a worker says that it is alive.\n"
            "Often enough to be seen many times within heartbeat_timeout."),
      entry("heartbeat_timeout", &options::heartbeat_timeout, &settings::heartbeat_timeout, duration{},
            "Silence after which a worker counts as lost; more than two heartbeat intervals.\n"
            "Long enough for a machine that swaps or stalls."),
      entry("retries", &options::retries, &settings::retries, whole_number{0, limits::retries},
            "How often a task is run again after its worker died; 0: not at all.\n"
            "A few, because a worker may die through no fault of the task, but not without end,\n"
            "because a task may kill each worker that runs it."),
      entry("max_lost", &options::max_lost, &settings::max_lost, whole_number{1, limits::max_lost},
            "Number of lost tasks after which the rest of a run is given up as lost, too.\n"
            "auto: no limit as long as workers can be started, so that no task is lost for another one's fault."),
      entry("store_limit", &options::store_limit, &settings::store_limit, byte_size{},
            "Memory that the data of one node may take.\n"
            "auto: 60 % of what the machine and the control group have free at the start, divided by\n"
            "the nodes on this machine, so that the tasks have memory, too."),
      entry("spill_directory", &options::spill_directory, &settings::spill_directory, file_path{},
            "Folder for data that do not fit into the memory of a node; none: they are refused.\n"
            "/var/tmp, because it is on disk, where /tmp is often in memory. It is made if need be, and\n"
            "stays; no files are left in it."),
      entry("session_directory", &options::session_directory, &settings::session_directory, file_path{},
            "Folder in which the private folder of a session is made.\n"
            "auto: in the modes slurm, test and hosts ~/.daskify, which the nodes must see, too; else\n"
            "$XDG_RUNTIME_DIR when it is a folder of yours, else /tmp."),
      entry("log_directory", &options::log_directory, &settings::log_directory, file_path{},
            "Folder for what the workers print. Each cluster, and each daskify-worker, makes one of its own in\n"
            "it, which stays: its name is the time of the start and a process, such as 20240501-100000-4711.\n"
            "auto: in the modes slurm, test and hosts, and for 'daskify up', the folder logs in\n"
            "session_directory, to show what went wrong when nobody was looking; else, and for daskify-worker, the "
            "session's own, so\n"
            "that nothing stays when the cluster ends."),
      entry("progress", &options::progress, &settings::progress, choice<progress_style>{detail::progress_style_names},
            "How monitor_progress shows itself: a bar redrawn in place (bar), a line now and then\n"
            "(lines), or nothing (off).\n"
            "auto: a bar on a terminal, lines elsewhere."),
      entry("pin", &options::pin, &settings::pin, on_or_off{},
            "Binds each worker process to CPUs of its own (on), as long as there are enough; else some share one.\n"
            "In jobs of SLURM only where a job of several processes is bound to its CPUs, but not each of them.\n"
            "off, because the system's scheduler does well where other programs run, too."),
      entry("allow_ranks", &options::allow_ranks, &settings::allow_ranks, yes_or_no{},
            "Whether rank 0 of a program that srun or mpirun has started as several ranks may start a cluster,\n"
            "or attach to one; the other ranks never may.\n"
            "no, because a program that does not know of its ranks would run its sweep once in each of them:\n"
            "daskify starts the workers itself."),
      entry("short_options", &options::short_options, &settings::short_options, yes_or_no{},
            "Whether --config and --mode, without the prefix, are options of daskify (yes) or of the program\n"
            "(no). --daskify.config and --daskify.mode always work. A config file can say no where it is not\n"
            "itself named by --config.\n"
            "yes, because few programs have options of these names."),
  };
  return table;
}

void set_option(settings& into, const option_entry& option, std::string_view text, std::string origin) {
  try {
    option.read(text, into);
  } catch (const bad_value& why) {
    throw config_error{error_code::bad_option_value, "cannot use " + in_quotes(text) + " for '" +
                                                         std::string{option.name} + "' (" + origin + "): it " +
                                                         why.what() + "; give " + option.form};
  }
  into.origins.insert_or_assign(std::string{option.name}, std::move(origin));
}

std::string help_text() {
  std::string text{"Options of daskify. Each may also be a line `NAME = VALUE` in a config file, or a variable\n"
                   "DASKIFY_NAME in the environment. The command line wins over what the program sets, that over\n"
                   "the environment, that over the file.\n"
                   "\n"
                   "  --daskify.config FILE  or  --config FILE\n"
                   "      The config file to read; else the one the program names, else that in DASKIFY_CONFIG.\n"
                   "\n"
                   "  --daskify.help\n"
                   "      Shows this.\n"};
  for (const auto& option : option_table()) {
    auto name = std::string{option.name};
    text += "\n  --daskify." + name + " VALUE" + (name == "mode" ? "  or  --mode VALUE" : "") + "\n";
    text += indented("      ", option.help);
    text += "      VALUE: " + option.form + ". Default: " + option.write({}) + ".\n";
  }
  return text;
}

std::string example_config(cluster_mode mode) {
  bool slurm = mode == cluster_mode::slurm;
  settings shown;
  std::set<std::string_view> set;
  if (slurm) {
    shown.mode = mode;
    shown.size = shown.fleet_size();
    set = {"mode", "size", "queue", "memory", "walltime"};
  }
  if (mode == cluster_mode::connect) {
    shown.mode = mode;
    set = {"mode", "size", "load", "interface", "connection_directory", "port"};
  }
  std::string text{
      mode == cluster_mode::connect
          ? "# Settings of daskify for a standing cluster, to be read by daskify-scheduler, daskify-worker and the\n"
            "# programs that use it: every option, at its default. Those that depend on the site most are set.\n"
      : slurm ? "# Settings of daskify for a cluster in jobs of SLURM: every option, at its default. Those that\n"
                "# depend on the site most are set.\n"
              : "# Settings of daskify for a cluster on this machine: every option, at its default.\n"};
  text += "#\n"
          "# Take away the '#' before a name to change its value. A '#' at the start of a line or after a\n"
          "# blank starts a comment. Stronger than this file are, in this order, DASKIFY_NAME in the\n"
          "# environment, what the program sets, and --daskify.NAME VALUE on its command line.\n"
          "\n"
          "[daskify]\n";
  for (const auto& option : option_table()) {
    text += "\n" + indented("# ", option.help);
    text += "# Value: " + option.form + ".\n";
    text += (set.contains(option.name) ? "" : "#") + std::string{option.name} + " = " + option.write(shown) + "\n";
  }
  return text;
}

} // namespace daskify::internal
