#include "daskify/deploy/batch/session_guard.hpp"

#include "daskify/defaults.hpp"
#include "daskify/error.hpp"
#include "daskify/os/log_tail.hpp"
#include "daskify/os/spawn.hpp"

#include <system_error>
#include <variant>

namespace daskify::internal {

void session_guard::watch() {
  if (guard_ && !guard_->reap())
    return;
  guard_.reset();
  // Folder and command are arguments and not part of the script, so that the shell does not interpret them.
  std::vector<std::string> words{"daskify-guard", "-c",
                                 "trap '' HUP INT TERM; read -r _ <&" + std::to_string(lifeline_descriptor) +
                                     "; folder=$1; shift; \"$@\"; code=$?; rm -rf -- \"$folder\"; exit $code",
                                 "daskify-guard", setup_.session_folder.string()};
  words.insert(words.end(), setup_.command.begin(), setup_.command.end());
  spawn_request request{"/bin/sh", std::move(words), {}, setup_.log};
  request.left_out = setup_.left_out;
  guard_.emplace(spawn(request));
}

void session_guard::release() {
  guard_.reset();
  std::error_code failed;
  if (std::filesystem::is_empty(setup_.log, failed))
    std::filesystem::remove(setup_.log, failed);
}

std::string session_guard::fire() {
  try {
    watch(); // the guard may have been killed
  } catch (const error& e) {
    return e.what();
  }
  guard_->ask_to_end(); // closes the lifeline
  ends_within(guard_->ended_descriptor(), tuning::scancel_timeout);
  auto status = guard_->reap();
  // Where the program ignores SIGCHLD or waits for any child, only the end of the command is known.
  auto is_done = status && (*status == exit_status{exited{0}} || std::holds_alternative<unknown_end>(*status));
  auto output = is_done ? std::string{} : log_tail(setup_.log);
  release();
  if (!status)
    return setup_.command.front() + " did not end in time";
  return is_done || !output.empty() ? output : setup_.command.front() + " " + explain(*status);
}

} // namespace daskify::internal
