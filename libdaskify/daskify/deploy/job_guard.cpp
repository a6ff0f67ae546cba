#include "daskify/deploy/job_guard.hpp"

#include "daskify/defaults.hpp"

#include <vector>

namespace daskify::internal {

void job_guard::watch(const std::set<std::string>& jobs) {
  // Folder and jobs are arguments and not part of the text: nothing in them reaches the shell.
  std::vector<std::string> words{"daskify-job-guard", "-c",
                                 "trap '' TERM; read -r _ <&" + std::to_string(lifeline_descriptor) +
                                     "; rm -rf -- \"$1\"; shift; [ $# -eq 0 ] || exec scancel \"$@\"",
                                 "daskify-job-guard", session_folder_.string()};
  words.insert(words.end(), jobs.begin(), jobs.end());
  auto next = spawn({"/bin/sh", std::move(words), {}, log_});
  guard_.reset(); // after the next one is there, lest nobody watches for a moment
  guard_.emplace(std::move(next));
}

void job_guard::fire() {
  if (!guard_)
    return;
  guard_->ask_to_end(); // closes the lifeline
  ends_within(guard_->ended_descriptor(), tuning::scancel_timeout);
  guard_.reset();
}

} // namespace daskify::internal
