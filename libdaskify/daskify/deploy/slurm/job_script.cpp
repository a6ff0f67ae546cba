#include "daskify/deploy/slurm/job_script.hpp"

#include "daskify/config/value_text.hpp"
#include "daskify/deploy/slurm/slurm_text.hpp"
#include "daskify/error.hpp"
#include "daskify/launch/slurm_variables.hpp"
#include "daskify/text/printable.hpp"
#include "daskify/text/shell_words.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace daskify::internal {

namespace {

[[noreturn]] void refuse(const std::string& sentence) {
  throw config_error{error_code::bad_option_value, sentence};
}

std::uint64_t divide_up(std::uint64_t amount, std::uint64_t unit) {
  return amount / unit + (amount % unit != 0);
}

void check_resources(const job_request& request) {
  if (request.jobs == 0 || request.cores == 0)
    refuse("A batch job needs at least one process and one core for it, not " + std::to_string(request.jobs) + " and " +
           std::to_string(request.cores));
  // SLURM counts seconds in an int.
  constexpr std::chrono::seconds longest{std::numeric_limits<std::int32_t>::max() - 60};
  if (request.walltime.count() < 0 || request.walltime > longest)
    refuse("The walltime of a batch job must be from 0 to " + std::to_string(longest.count()) + " s, not " +
           std::to_string(request.walltime.count()) + " s");
}

void check_output(const std::string& output) {
  if (output.find('\\') != output.npos)
    refuse("The log of a batch job cannot be " + in_quotes(output) +
           ": SLURM puts no job number into a path with a backslash; name another folder by log_directory");
}

/// The letters of short options in one word, as sbatch takes them: of "-QJx" Q, which takes no value, and J.
std::string_view letters_of(std::string_view option) {
  constexpr std::string_view without_value = "HhkOQsuVvW";
  if (!option.starts_with('-') || option.starts_with("--"))
    return {};
  option.remove_prefix(1);
  auto last = std::min(option.find_first_not_of(without_value), option.size());
  return option.substr(0, last + 1);
}

/// Refuses options that would hide what daskify must know of its jobs: where they are, how many, their numbers, names
/// and output.
void check_extra(std::string_view option) {
  struct unusable {
    std::string_view name;
    char letter;
    std::string_view why;
  };
  constexpr std::string_view why_not_printed_elsewhere =
      "what the jobs print is read when they fail; log_directory says where it is kept";
  constexpr std::array<unusable, 7> all{
      unusable{"--job-name", 'J', "the session's jobs are found by their name when the program is killed"},
      unusable{"--wait", 'W', "sbatch would print the job's number only after its end"},
      unusable{"--array", 'a', "size, processes and job_shape say how many jobs there are"},
      unusable{"--output", 'o', why_not_printed_elsewhere},
      unusable{"--error", 'e', why_not_printed_elsewhere},
      unusable{"--clusters", 'M', "squeue and scancel would not find the jobs there; run the program on that cluster"},
      unusable{"--test-only", '\0', "nothing would be submitted; 'daskify script --dry-run' does what it does"}};
  auto name = option.substr(0, option.find_first_of("= \t"));
  auto letters = letters_of(option);
  for (const auto& [unusable_name, letter, why] : all) // sbatch accepts abbreviated long names, too
    if (unusable_name.starts_with(name) || letters.find(letter) != letters.npos)
      refuse("The option " + in_quotes(option) + " of sbatch cannot be in job_extra: " + std::string{why});
}

void check_prologue(const std::string& line) {
  using namespace std::string_view_literals;
  if (line.find_first_of("\n\r\0"sv) != line.npos)
    refuse("A line of the job's prologue, " + in_quotes(line) +
           ", holds a newline or NUL character: make each line an entry of its own");
}

/// Refuses names that bash does not accept, and the variables that are read-only in bash.
void check_variable(const std::string& name) {
  constexpr std::array<std::string_view, 6> read_only{"BASHOPTS", "BASH_VERSINFO", "EUID", "PPID", "SHELLOPTS", "UID"};
  auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (name.empty() || is_digit(name.front()) ||
      !std::ranges::all_of(name, [&](char c) { return is_letter(c) || is_digit(c); }))
    refuse("A job's environment cannot have a variable " + in_quotes(name) +
           ": its name must be of letters, digits and _, and not begin with a digit");
  if (std::ranges::find(read_only, name) != read_only.end())
    refuse("A job's environment cannot set " + name + ", which bash keeps for itself");
}

void check_command(const std::vector<std::string>& command) {
  if (command.empty() || command.front().empty())
    refuse("A batch job needs a program to run");
  if (command.front().starts_with('-'))
    refuse("A batch job cannot run " + in_quotes(command.front()) + ": it would be taken for an option");
}

std::string words_for_shell(const std::vector<std::string>& command) {
  std::string line;
  for (const auto& word : command)
    line.append(line.empty() ? "" : " ").append(quoted_for_shell(word));
  return line;
}

/// The `#SBATCH` lines.
class directives {
public:
  void add(std::string_view option, std::string_view comment = {}) {
    text_ += "#SBATCH " + quoted_for_sbatch(option);
    if (!comment.empty())
      text_.append(" # ").append(comment);
    text_ += '\n';
  }

  void add_unless_empty(const std::string& option, const std::string& value) {
    if (!value.empty())
      add(option + "=" + value);
  }

  /// An option and its value, separated by a blank, are two arguments to sbatch.
  void add_extra(const std::string& option) {
    if (!option.starts_with('-') || option.find_first_not_of('-') == option.npos)
      refuse("The sbatch option " + in_quotes(option) + " must begin with '-', like --gres=gpu:1");
    check_extra(option);
    auto blank = option.find_first_of(" \t");
    if (blank == option.npos || option.find('=') < blank)
      return add(option);
    text_ += "#SBATCH " + quoted_for_sbatch(option.substr(0, blank));
    if (auto value = option.find_first_not_of(" \t", blank); value != option.npos)
      text_ += " " + quoted_for_sbatch(option.substr(value));
    text_ += '\n';
  }

  const std::string& text() const { return text_; }

private:
  std::string text_;
};

std::string resources(const job_request& request) {
  bool is_allocation = request.shape == job_shape::allocation;
  directives lines;
  lines.add_unless_empty("--job-name", request.name);
  lines.add_unless_empty("--partition", request.queue);
  lines.add_unless_empty("--account", request.account);
  if (request.shape == job_shape::array)
    lines.add(request.jobs == 1 ? "--array=0" : "--array=0-" + std::to_string(request.jobs - 1));
  lines.add("--ntasks=" + std::to_string(is_allocation ? request.jobs : 1));
  lines.add("--cpus-per-task=" + std::to_string(request.cores));
  if (request.memory != 0) {
    auto size = divide_up(request.memory, mebibyte);
    // --mem is per node, and SLURM chooses how many tasks of an allocation a node gets.
    lines.add(is_allocation ? "--mem-per-cpu=" + std::to_string(divide_up(size, request.cores)) + "M"
                            : "--mem=" + std::to_string(size) + "M");
  }
  if (request.walltime.count() != 0)
    lines.add("--time=" + format_time(std::chrono::ceil<std::chrono::minutes>(request.walltime)));
  lines.add_unless_empty("--chdir", request.working_directory);
  lines.add_unless_empty("--output", request.output);
  lines.add("--open-mode=append", "started again, the job goes on in its log");
  lines.add("--requeue");
  if (is_allocation)
    lines.add("--no-kill", "a node that fails does not end the job, unless it is the first");
  for (const auto& option : request.job_extra)
    lines.add_extra(option);
  return lines.text();
}

std::string prologue(const std::vector<std::string>& lines) {
  if (lines.empty())
    return {};
  // A command precedes the user's lines, because sbatch reads no options after the first command.
  std::string text = "# A line that fails here ends the job; what fails within functions and sourced files does not.\n"
                     "trap '((${#BASH_SOURCE[@]} > 1)) ||"
                     " { echo \"Line $LINENO of the job script failed.\" >&2; exit 1; }' ERR\n";
  for (const auto& line : lines) {
    check_prologue(line);
    text += line + '\n';
  }
  return text + '\n'; // an empty line, so that a final backslash does not join the next line
}

std::string exports(const std::vector<std::pair<std::string, std::string>>& environment) {
  std::string text;
  for (const auto& [name, value] : environment) {
    check_variable(name);
    text += "export " + name + '=' + quoted_for_shell(value) + '\n';
  }
  return environment.empty() ? text : text + '\n';
}

/// Uses exec, so that SLURM's SIGTERM reaches the program: bash would die of it at once, and the job with it.
std::string start(const job_request& request) {
  auto command = request.command;
  if (request.shape != job_shape::allocation)
    return "exec " + words_for_shell(command) + '\n';

  // srun takes an argument ":" at any position for the end of the command.
  if (std::ranges::find(command, ":") != command.end())
    command = {"/bin/sh", "-c", "exec " + words_for_shell(command)};
  return "# They may be another job's, the one in which sbatch was called; srun knows this job's without them.\n"
         "unset \"${!SLURM_MEM_PER_@}\" \"${!SLURM_CPU_BIND@}\"\n\n"
         "# A task or node that fails ends no other one.\n"
         "exec srun --export=ALL --cpus-per-task=" +
         std::to_string(request.cores) + " --kill-on-bad-exit=0 --wait=0 --no-kill \\\n  " + words_for_shell(command) +
         '\n';
}

} // namespace

std::string job_script(const job_request& request) {
  check_resources(request);
  check_output(request.output);
  check_command(request.command);
  return "#!/bin/bash\n" + resources(request) + "\n" + prologue(request.job_prologue) + exports(request.environment) +
         start(request);
}

std::string file_pattern(std::string_view path) {
  std::string pattern;
  for (char c : path)
    pattern.append(c == '%' ? 2 : 1, c);
  return pattern;
}

} // namespace daskify::internal
