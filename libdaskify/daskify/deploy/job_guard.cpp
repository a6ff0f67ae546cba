#include "daskify/deploy/job_guard.hpp"

#include "daskify/defaults.hpp"

#include <variant>
#include <vector>

namespace daskify::internal {

void job_guard::watch(const std::set<std::string>& jobs) {
  // Folder, name and jobs are arguments and not part of the text: nothing in them reaches the shell. Filters that the
  // user has for the terminal are not for this scancel.
  std::vector<std::string> words{
      "daskify-job-guard",
      "-c",
      "unset $(env | sed -n 's/^\\(SCANCEL_[A-Z_]*\\)=.*/\\1/p'); trap '' TERM; read -r _ <&" +
          std::to_string(lifeline_descriptor) +
          "; rm -rf -- \"$1\"; scancel --name=\"$2\" & shift 2; "
          "[ $# -eq 0 ] || scancel \"$@\"; wait $!",
      "daskify-job-guard",
      session_folder_.string(),
      name_};
  words.insert(words.end(), jobs.begin(), jobs.end());
  auto next = spawn({"/bin/sh", std::move(words), {}, log_});
  guard_.reset(); // after the next one is there, lest nobody watches for a moment
  guard_.emplace(std::move(next));
}

bool job_guard::fire() {
  if (!guard_)
    return false;
  guard_->ask_to_end(); // closes the lifeline
  ends_within(guard_->ended_descriptor(), tuning::scancel_timeout);
  auto status = guard_->reap();
  guard_.reset();
  // Where the program takes exit codes away it is only known that scancel has ended.
  return status && (*status == exit_status{exited{0}} || std::holds_alternative<unknown_end>(*status));
}

} // namespace daskify::internal
