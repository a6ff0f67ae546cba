#include "daskify/deploy/slurm/slurm_commands.hpp"

#include "daskify/config/value_text.hpp"
#include "daskify/defaults.hpp"
#include "daskify/deploy/slurm/slurm_text.hpp"
#include "daskify/error.hpp"
#include "daskify/os/child_process.hpp"
#include "daskify/os/command.hpp"
#include "daskify/os/environment.hpp"
#include "daskify/os/notice.hpp"
#include "daskify/text/blanks.hpp"
#include "daskify/text/printable.hpp"
#include "daskify/text/words.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>
#include <utility>

namespace daskify::internal {

namespace {

/// The number of ids that fit into one word of a command line, which must be shorter than 128 KiB.
constexpr std::size_t most_ids = 4000;

/// SLURM's messages when one of its components does not answer. A retry may succeed.
constexpr std::array silence{
    std::string_view{"Unable to contact slurm"},
    std::string_view{"timed out"},
    std::string_view{"Connection refused"},
    std::string_view{"Connection reset"},
    std::string_view{"Zero Bytes were transmitted"},
    std::string_view{"not responding"},
    std::string_view{"temporarily un"}, // "unable to accept job", "unavailable"
    std::string_view{"in standby mode"},
    std::string_view{"Munge encode failed"},
    std::string_view{"job queue full"},
};

/// Describes an action, for messages.
struct action {
  std::string_view name;   ///< continues "cannot "
  std::string_view advice; ///< what to do when SLURM refuses
  std::string_view doubt;  ///< what to look at when there was no answer
};

constexpr action submission{"submit the job", "ask for what the site offers (sinfo, scontrol show partition)",
                            "and whether the job was queued all the same (squeue --me), "};
constexpr action inquiry{"ask SLURM about jobs", "see whether squeue works at the terminal", ""};
constexpr action cancellation{"cancel jobs", "see which are left with squeue --me, and end them with scancel", ""};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Calls `f` with each line, without its newline.
template <class F>
void each_line(std::string_view text, F&& f) {
  while (!text.empty()) {
    auto end = std::min(text.find('\n'), text.size());
    f(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

bool is_silence(std::string_view errors) {
  return std::any_of(silence.begin(), silence.end(), [&](auto words) { return errors.find(words) != errors.npos; });
}

[[noreturn]] void fail(error_code code, const action& what, const std::string& why, std::string_view advice) {
  throw cluster_error{code, "cannot " + std::string{what.name} + ": " + why + "; " + std::string{advice}};
}

[[noreturn]] void fail(const action& what, const std::string& command, const command_result& result) {
  auto when_silent = "see whether SLURM is up (scontrol ping), " + std::string{what.doubt} + "then try again";
  auto words = slurm_words(result.errors);
  if (result.stopped)
    fail(error_code::shut_down, what, "the cluster is being shut down", "do it before, or in another cluster");
  if (result.timed_out)
    fail(error_code::slurm_silent, what,
         "SLURM did not answer " + command + " in time" + (words.empty() ? "" : " (it said: " + words + ")"),
         when_silent);
  if (is_silence(result.errors)) // not `words`, which may be cut
    fail(error_code::slurm_silent, what, "SLURM does not answer: " + words, when_silent);
  if (words.empty())
    fail(error_code::slurm_refused, what, command + " " + explain(result.status),
         "see whether " + command + " works at the terminal");
  if (words.find("unrecognized option") != words.npos || words.find("invalid option") != words.npos)
    fail(error_code::slurm_refused, what, command + " said: " + words, "correct job_extra");
  throw slurm_refusal{"cannot " + std::string{what.name} + ": SLURM refused: " + words, words, what.advice};
}

/// If the exit code is unknown, the text on stderr decides. scancel's exit codes are cut to a byte and may be 0.
bool succeeded(const command_result& result) {
  if (result.timed_out || result.stopped)
    return false;
  if (std::holds_alternative<unknown_end>(result.status))
    return result.errors.find("error") == std::string::npos && result.errors.find("failure") == std::string::npos;
  return result.status == exit_status{exited{0}};
}

command_result run(const action& what, const std::vector<std::string>& words, std::string_view input,
                   std::chrono::milliseconds timeout, const std::stop_token& stop,
                   const std::vector<std::string>& environment, int kept = -1) {
  auto result = run_command(words, input, timeout, stop, environment, kept);
  if (!result)
    fail(error_code::slurm_missing, what, "there is no " + words[0] + " on this machine",
         "run the program where jobs can be submitted, or add the folder of SLURM's commands to PATH");
  return std::move(*result);
}

std::string_view name_of(std::string_view variable) {
  return variable.substr(0, variable.find('='));
}

/// The environment without the user's filters and formats, which are for the terminal.
std::vector<std::string> environment_without(std::string_view prefix) {
  auto environment = own_environment();
  std::erase_if(environment, [&](const std::string& variable) {
    return variable.starts_with(prefix) || name_of(variable) == "SLURM_TIME_FORMAT";
  });
  return environment;
}

void check_ids(const std::vector<std::string>& job_ids) {
  for (const auto& id : job_ids) {
    auto task = std::min(id.find('_'), id.size());
    auto is_number = [](std::string_view part) {
      return !part.empty() && std::all_of(part.begin(), part.end(), is_digit);
    };
    auto text = std::string_view{id};
    if (!is_number(text.substr(0, task)) || (task != id.size() && !is_number(text.substr(task + 1))))
      throw data_error{error_code::bad_argument,
                       "'" + printable(id) + "' is no id of a SLURM job; it must be a number, or two like 12_3"};
  }
}

/// Calls `f` with as many ids at a time as a command can take.
template <class F>
void each_part(std::span<const std::string> job_ids, F&& f) {
  while (!job_ids.empty()) {
    auto size = std::min(job_ids.size(), most_ids);
    f(job_ids.first(size));
    job_ids = job_ids.subspan(size);
  }
}

std::string query_part(std::span<const std::string> job_ids, const std::string& format,
                       std::chrono::milliseconds timeout, const std::stop_token& stop) {
  std::string list;
  for (const auto& id : job_ids)
    list.append(list.empty() ? "" : ",").append(id);
  // With --me the controller sends this user's jobs; for several ids it would otherwise send the jobs of all users.
  std::vector<std::string> words{"squeue",         "--noheader",        "--me", "--array", "--states=all",
                                 "--jobs=" + list, "--format=" + format};
  auto result = run(inquiry, words, "", timeout, stop, environment_without("SQUEUE_"));
  if (succeeded(result)) {
    if (result.cut)
      fail(error_code::slurm_refused, inquiry, "the output of squeue does not fit into memory", inquiry.advice);
    return result.output;
  }
  // Reported for a single unknown job. If there are several jobs, SLURM 22.05 leaves out the unknown ones.
  if (result.errors.find("Invalid job id specified") == std::string::npos)
    fail(inquiry, "squeue", result);
  std::string text;
  if (job_ids.size() > 1)
    for (std::size_t i = 0; i < job_ids.size(); ++i)
      text += query_part(job_ids.subspan(i, 1), format, timeout, stop);
  return text;
}

/// The SBATCH_* variables that correspond to an option of sbatch or to its opposite; without "SBATCH_".
std::vector<std::string> variables_of(std::string_view option) {
  using names = std::vector<std::string>;
  static const std::vector<std::pair<names, names>> irregular{
      {{"array", "a"}, {"ARRAY_INX"}},
      {{"bb"}, {"BURST_BUFFER"}},
      {{"mem", "mem-per-cpu", "mem-per-gpu"}, {"MEM_PER_NODE", "MEM_PER_CPU", "MEM_PER_GPU"}},
      {{"requeue", "no-requeue"}, {"REQUEUE", "NO_REQUEUE"}},
      {{"switches"}, {"REQ_SWITCH", "WAIT4SWITCH"}},
      {{"time", "t"}, {"TIMELIMIT"}},
      {{"A"}, {"ACCOUNT"}},
      {{"C"}, {"CONSTRAINT"}},
      {{"G"}, {"GPUS"}},
      {{"J"}, {"JOB_NAME"}},
      {{"M"}, {"CLUSTERS"}},
      {{"O"}, {"OVERCOMMIT"}},
      {{"S"}, {"CORE_SPEC"}},
      {{"e"}, {"ERROR"}},
      {{"i"}, {"INPUT"}},
      {{"k"}, {"NO_KILL"}},
      {{"m"}, {"DISTRIBUTION"}},
      {{"o"}, {"OUTPUT"}},
      {{"p"}, {"PARTITION"}},
      {{"q"}, {"QOS"}},
  };
  for (const auto& [options, variables] : irregular)
    if (std::find(options.begin(), options.end(), option) != options.end())
      return variables;
  std::string regular{option};
  for (auto& c : regular)
    c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return {regular};
}

/// The full names of the variables that correspond to the #SBATCH lines of a script.
std::vector<std::string> decided_by(std::string_view script) {
  constexpr std::string_view directive = "#SBATCH";
  std::vector<std::string> decided;
  bool commands_began = false;
  each_line(script, [&](std::string_view line) {
    commands_began = commands_began || !(trimmed(line).empty() || line.starts_with('#'));
    if (commands_began || !line.starts_with(directive))
      return;
    line.remove_prefix(directive.size());
    while (!(line = trimmed(line)).empty()) {
      auto word = line.substr(0, line.find_first_of(blanks));
      line.remove_prefix(word.size());
      if (word.starts_with("#"))
        return;
      std::string_view option;
      if (word.starts_with("--"))
        option = word.substr(2, word.find('=') - 2);
      else if (word.starts_with("-"))
        option = word.substr(1, 1);
      if (!option.empty())
        for (const auto& name : variables_of(option))
          decided.push_back("SBATCH_" + name);
    }
  });
  return decided;
}

} // namespace

std::vector<std::string> sbatch_environment(std::vector<std::string> environment, std::string_view script) {
  constexpr std::array settings{
      std::string_view{"SLURM_CONF"},     std::string_view{"SLURM_CONF_SERVER"}, std::string_view{"SLURM_JWT"},
      std::string_view{"SLURM_CLUSTERS"}, std::string_view{"SLURM_MPI_TYPE"},    std::string_view{"SLURM_TIME_FORMAT"},
  };
  auto contains = [](const auto& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  auto decided = decided_by(script);
  decided.emplace_back("SBATCH_WAIT");
  bool in_job = std::any_of(environment.begin(), environment.end(), [](std::string_view variable) {
    return name_of(variable) == "SLURM_JOB_ID" || name_of(variable) == "SLURM_JOBID";
  });
  std::erase_if(environment, [&](std::string_view variable) {
    auto name = name_of(variable);
    bool of_job = name.starts_with("SLURM_") || name.starts_with("SLURMD_") || name == "SRUN_DEBUG";
    return contains(decided, name) || (in_job && of_job && !contains(settings, name));
  });
  return environment;
}

slurm_commands::slurm_commands(std::chrono::milliseconds timeout, std::stop_token stop)
    : timeout_{timeout},
      stop_{std::move(stop)} {}

std::string slurm_commands::submit(const std::string& script, int kept) const {
  auto environment = sbatch_environment(own_environment(), script);
  auto result = run(submission, {"sbatch", "--parsable"}, script, timeout_, stop_, environment, kept);
  // sbatch prints the id as soon as the job exists; a later failure of sbatch does not matter.
  auto id = parse_submitted(result.output);
  if (!id && succeeded(result))
    fail(error_code::slurm_refused, submission,
         "sbatch gave no number of a job, but " +
             (trimmed(result.output).empty() ? "nothing" : in_quotes(trimmed(result.output).substr(0, 200))),
         "see what the sbatch in PATH is");
  if (!id)
    fail(submission, "sbatch", result);
  return *id;
}

std::string slurm_commands::test_only(const std::string& script) const {
  auto environment = sbatch_environment(own_environment(), script);
  auto result = run(submission, {"sbatch", "--test-only"}, script, timeout_, stop_, environment);
  if (!succeeded(result))
    fail(submission, "sbatch", result);
  return slurm_words(result.errors);
}

std::string slurm_commands::query(const std::vector<std::string>& job_ids, const std::string& format) const {
  check_ids(job_ids);
  std::string text;
  each_part(job_ids, [&](std::span<const std::string> part) { text += query_part(part, format, timeout_, stop_); });
  return text;
}

void slurm_commands::cancel(const std::vector<std::string>& job_ids) const {
  cancel(job_ids, {});
}

void slurm_commands::cancel_pending(const std::vector<std::string>& job_ids) const {
  cancel(job_ids, {"--state=PENDING"});
}

void slurm_commands::cancel(const std::vector<std::string>& job_ids, const std::vector<std::string>& options) const {
  check_ids(job_ids);
  each_part(job_ids, [&](std::span<const std::string> part) {
    std::vector<std::string> words{"scancel"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), part.begin(), part.end());
    auto result = run(cancellation, words, "", timeout_, stop_, environment_without("SCANCEL_"));
    if (!succeeded(result) || result.errors.find("error:") != std::string::npos)
      fail(cancellation, "scancel", result);
  });
}

std::string slurm_commands::time_left(const std::string& job_id) const {
  std::string left;
  // The id of one task may be that of the array: then squeue lists all tasks.
  each_line(query({job_id}, "%i %A %t %L"), [&](std::string_view line) {
    std::array<std::string_view, 4> fields;
    for (auto& field : fields)
      field = take_until(line, ' ');
    auto [name, id, state, time] = fields;
    if (name == job_id || (id == job_id && state != "PD"))
      left = time;
  });
  return left;
}

std::optional<std::chrono::seconds> time_left_of_own_job(const std::string& who) {
  const auto* job = std::getenv("SLURM_JOB_ID");
  if (!job)
    return {};
  try {
    return parse_time(slurm_commands{tuning::time_left_timeout}.time_left(job));
  } catch (const error& e) {
    notice(who + " does not know when its job ends: " + e.what());
    return {};
  }
}

} // namespace daskify::internal
