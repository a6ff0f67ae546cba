#include "daskify/deploy/hosts/host_system.hpp"

#include "daskify/deploy/batch/node_in_job.hpp"
#include "daskify/deploy/hosts/ssh_command.hpp"
#include "daskify/error.hpp"
#include "daskify/os/spawn.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <tuple>
#include <utility>

namespace daskify::internal {

namespace {

constexpr int ssh_failed = 255;

/// Searches the log for the line, because ssh may print lines of its own and the host's banner before it.
bool was_reached(const std::string& log) {
  constexpr std::streamsize most = 1 << 16;
  std::string begin(most, '\0');
  std::ifstream file{log, std::ios::binary};
  file.read(begin.data(), most);
  begin.resize(static_cast<std::size_t>(file.gcount()));
  return begin.find(reached_line()) != begin.npos;
}

std::string current_folder() {
  std::error_code ignored; // on failure the node runs in the home folder
  return std::filesystem::current_path(ignored).string();
}

} // namespace

host_system::host_system(settings options, std::string session_folder, std::string log_folder, std::string program_name)
    : options_{std::move(options)},
      session_folder_{std::move(session_folder)},
      log_folder_{std::move(log_folder)},
      program_name_{std::move(program_name)},
      guard_{{session_folder_, log_folder_ + "/guard.log", {"true"}, {}}} {
  for (const auto& name : options_.hosts)
    hosts_.push_back({name});
}

std::string host_system::cancel_command(const std::vector<std::string>& units) const {
  std::string command = "kill";
  for (const auto& [id, of] : units_)
    if (units.empty() || std::ranges::find(units, id) != units.end())
      command += " " + std::to_string(of.ssh.pid());
  return command;
}

std::string host_system::log_of(const std::string& unit) const {
  return log_folder_ + "/job-" + unit + ".log";
}

std::vector<std::string> host_system::command_for(const std::string& host, const std::string& unit) const {
  auto node = node_in_job(options_, session_folder_, log_folder_, program_name_);
  node.unit = unit;
  return ssh_command({host, options_.job_extra, options_.job_prologue, current_folder(), to_environment(node),
                      program_on_nodes(options_)});
}

void host_system::check(std::size_t) const {
  static_cast<void>(command_for(options_.hosts.front(), "1"));
}

/// The host with the fewest units and failures; among equals, the one with the fewest starts so far.
host_system::host_record& host_system::next_host() {
  return *std::ranges::min_element(hosts_, {}, [](const host_record& h) {
    return std::tuple{h.running + h.failures, h.started};
  });
}

std::string host_system::start_on(host_record& at) {
  auto id = at.name + "-" + std::to_string(++at.started);
  // Runs ssh by a shell, because the input of a child is empty, and ssh is to read the lifeline instead.
  auto lifeline = std::to_string(lifeline_descriptor);
  std::vector<std::string> words{"daskify-ssh", "-c", "exec \"$@\" <&" + lifeline + " " + lifeline + "<&-",
                                 "daskify-ssh"};
  auto command = command_for(at.name, id);
  words.insert(words.end(), command.begin(), command.end());
  units_.emplace(id, running_unit{static_cast<std::size_t>(&at - hosts_.data()),
                                  spawn({"/bin/sh", std::move(words), {}, log_of(id)})});
  ++at.running;
  return id;
}

submission_result host_system::submit(std::size_t count, std::stop_token no_more, std::stop_token stop) {
  submission_result result;
  try {
    while (result.units.size() < count && !no_more.stop_requested() && !stop.stop_requested())
      result.units.push_back(start_on(next_host()));
  } catch (const error& e) {
    result.refusal = e.what();
  }
  return result;
}

job_status host_system::status_of(const std::string& id, const exit_status& end) const {
  job_status status{.id = id,
                    .job_id = id,
                    .state = job_state::failed,
                    .reason = "ssh " + internal::explain(end),
                    .nodes = {},
                    .time_left = {}};
  if (end == exit_status{exited{0}})
    status.state = job_state::completed;
  else if (end == exit_status{exited{ssh_failed}} && was_reached(log_of(id)))
    status.state = job_state::node_failed;
  return status;
}

std::vector<job_status> host_system::query(const std::vector<std::string>& units, std::stop_token) {
  std::vector<job_status> answer;
  for (const auto& id : units) {
    auto known = units_.find(id);
    if (known == units_.end())
      continue;
    auto& at = hosts_[known->second.on];
    auto end = known->second.ssh.reap();
    if (!end) {
      answer.push_back(
          {.id = id, .job_id = id, .state = job_state::running, .reason = {}, .nodes = at.name, .time_left = {}});
      continue;
    }
    answer.push_back(status_of(id, *end));
    answer.back().nodes = at.name;
    --at.running;
    at.failures = answer.back().state == job_state::completed ? 0 : at.failures + 1;
    units_.erase(known);
  }
  return answer;
}

bool host_system::cancel(const std::vector<std::string>& units, std::stop_token) {
  for (const auto& id : units)
    if (auto known = units_.find(id); known != units_.end()) {
      --hosts_[known->second.on].running;
      units_.erase(known); // kills ssh, and the host closes the lifeline of the node
    }
  return true;
}

std::string host_system::cancel_all() {
  units_.clear();
  guard_.release();
  return {};
}

} // namespace daskify::internal
