#include "daskify/deploy/slurm/job_guard.hpp"

#include "daskify/defaults.hpp"
#include "daskify/deploy/slurm/slurm_text.hpp"
#include "daskify/error.hpp"
#include "daskify/os/log_tail.hpp"
#include "daskify/os/spawn.hpp"

#include <system_error>
#include <variant>
#include <vector>

namespace daskify::internal {

void job_guard::watch() {
  if (guard_ && !guard_->reap())
    return;
  guard_.reset();
  // Folder and name are arguments and not part of the text: nothing in them reaches the shell.
  std::vector<std::string> words{"daskify-job-guard",
                                 "-c",
                                 "trap '' HUP INT TERM; read -r _ <&" + std::to_string(lifeline_descriptor) +
                                     "; scancel --name=\"$2\"; code=$?; rm -rf -- \"$1\"; exit $code",
                                 "daskify-job-guard",
                                 session_folder_.string(),
                                 name_};
  spawn_request request{"/bin/sh", std::move(words), {}, log_};
  request.left_out = "SCANCEL_"; // filters that the user has for the terminal
  guard_.emplace(spawn(request));
}

void job_guard::release() {
  guard_.reset();
  std::error_code failed;
  if (std::filesystem::is_empty(log_, failed))
    std::filesystem::remove(log_, failed);
}

std::string job_guard::fire() {
  try {
    watch(); // somebody may have killed it
  } catch (const error& e) {
    return e.what();
  }
  guard_->ask_to_end(); // closes the lifeline
  ends_within(guard_->ended_descriptor(), tuning::scancel_timeout);
  auto status = guard_->reap();
  // Where the program takes exit codes away it is only known that scancel has ended.
  auto is_done = status && (*status == exit_status{exited{0}} || std::holds_alternative<unknown_end>(*status));
  auto why = is_done ? std::string{} : slurm_words(log_tail(log_));
  release();
  if (!status)
    return "scancel did not end in time";
  return is_done || !why.empty() ? why : "scancel " + explain(*status);
}

} // namespace daskify::internal
