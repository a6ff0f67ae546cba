#pragma once

#include "daskify/config/settings.hpp"
#include "daskify/deploy/batch/batch_system.hpp"
#include "daskify/deploy/batch/session_guard.hpp"
#include "daskify/os/child_process.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace daskify::internal {

/// Hosts that ssh reaches. A unit is one ssh process and the node that it runs on its host; the third unit started on
/// host n1 is "n1-3". Units start at once. The node ends with its ssh process, whose input is the node's lifeline.
class host_system final : public batch_system {
public:
  /// For the cluster whose session has this folder; the output of the units is kept in `log_folder`.
  host_system(settings options, std::string session_folder, std::string log_folder, std::string program_name);

  std::string_view name() const override { return "ssh"; }
  std::string_view submit_command() const override { return "ssh"; }
  std::string_view query_command() const override { return "ssh"; }
  std::string cancel_command(const std::vector<std::string>& units) const override;
  bool can_never_start(std::string_view) const override { return false; }
  std::string explain(std::string_view) const override { return {}; }
  bool has_advice_on(std::string_view) const override { return false; }
  std::string log_of(const std::string& unit) const override;

  void check(std::size_t count) const override;
  submission_result submit(std::size_t count, std::stop_token no_more, std::stop_token stop) override;
  std::vector<job_status> query(const std::vector<std::string>& units, std::stop_token stop) override;
  bool cancel(const std::vector<std::string>& units, std::stop_token stop) override;
  void cancel_pending(const std::vector<std::string>&, std::stop_token) override {} // units start at once

  void guard() override { guard_.watch(); }
  void release() override { guard_.release(); }
  std::string cancel_all() override;

private:
  struct host_record {
    std::string name;
    std::size_t started = 0; ///< units started so far
    std::size_t running = 0;
    std::size_t failures = 0; ///< units in a row that ended without having been cancelled
  };
  struct running_unit {
    std::size_t on; ///< index of its host
    child ssh;
  };

  host_record& next_host();
  std::string start_on(host_record& at);
  std::vector<std::string> command_for(const std::string& host, const std::string& unit) const;
  job_status status_of(const std::string& id, const exit_status& end) const;

  settings options_;
  std::string session_folder_;
  std::string log_folder_;
  std::string program_name_;
  session_guard guard_;
  std::vector<host_record> hosts_;
  std::map<std::string, running_unit> units_; ///< whose end has not been noticed
};

} // namespace daskify::internal
