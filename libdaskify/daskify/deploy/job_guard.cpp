#include "daskify/deploy/job_guard.hpp"

#include "daskify/defaults.hpp"

#include <vector>

namespace daskify::internal {

void job_guard::watch(const std::set<std::string>& jobs) {
  // Folder, name and jobs are arguments and not part of the text: nothing in them reaches the shell. A user's option
  // may have given the jobs another name; then their numbers tell.
  std::vector<std::string> words{"daskify-job-guard",
                                 "-c",
                                 "trap '' TERM; read -r _ <&" + std::to_string(lifeline_descriptor) +
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
  return status == exit_status{exited{0}};
}

} // namespace daskify::internal
