#include "daskify/deploy/job_guard.hpp"

#include "daskify/defaults.hpp"

#include <system_error>
#include <variant>
#include <vector>

namespace daskify::internal {

void job_guard::watch() {
  if (guard_)
    return;
  // Folder and name are arguments and not part of the text: nothing in them reaches the shell. Filters that the user
  // has for the terminal are not for this scancel.
  std::vector<std::string> words{
      "daskify-job-guard",
      "-c",
      "unset $(env | sed -n 's/^\\(SCANCEL_[A-Z_]*\\)=.*/\\1/p'); trap '' TERM; read -r _ <&" +
          std::to_string(lifeline_descriptor) + "; scancel --name=\"$2\"; code=$?; rm -rf -- \"$1\"; exit $code",
      "daskify-job-guard",
      session_folder_.string(),
      name_};
  guard_.emplace(spawn({"/bin/sh", std::move(words), {}, log_}));
}

void job_guard::release() {
  guard_.reset();
  std::error_code failed;
  if (std::filesystem::is_empty(log_, failed))
    std::filesystem::remove(log_, failed);
}

bool job_guard::fire() {
  if (!guard_)
    return false;
  guard_->ask_to_end(); // closes the lifeline
  ends_within(guard_->ended_descriptor(), tuning::scancel_timeout);
  auto status = guard_->reap();
  release();
  // Where the program takes exit codes away it is only known that scancel has ended.
  return status && (*status == exit_status{exited{0}} || std::holds_alternative<unknown_end>(*status));
}

} // namespace daskify::internal
