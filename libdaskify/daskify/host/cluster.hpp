#pragma once

#include "daskify/code/type_label.hpp"
#include "daskify/config/settings.hpp"
#include "daskify/program/start_call.hpp"
#include "daskify/session/cluster_session.hpp"
#include "daskify/session/run_handle.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace daskify::internal {

class attached_session;

/// The state of one daskified object: its settings, its session while one runs, and the runs that it remembers.
class cluster {
public:
  cluster(settings with, std::string program_name);
  ~cluster();

  void start(cluster_mode mode);
  void shutdown() noexcept;
  const settings& configured() const { return settings_; }
  const std::string& program_name() const { return program_name_; }

  /// Throws cluster_error(not_started or shut_down) if no session is running.
  std::shared_ptr<attached_session> session() const;

  /// Each worker process makes this call before its first task, from now on and after each start. Throws data_error if
  /// a running cluster cannot accept the call, which is then not registered.
  void on_worker_start(std::shared_ptr<const start_call> call);

  struct remembered_run {
    std::shared_ptr<run_handle> run;
    type_label result_type;
  };
  void remember(remembered_run run);
  /// Throws data_error(unknown_run) when there is none.
  remembered_run most_recent() const;
  std::vector<remembered_run> runs() const;
  void forget(const run_handle& run);
  void forget_all();

private:
  struct registered_call {
    std::shared_ptr<const start_call> call;
    std::vector<std::shared_ptr<const void>> keeps; ///< objects of the running session that the call uses
  };

  void make_start_calls(attached_session& of, settings with);
  static void announce(registered_call& call, attached_session& to);

  settings settings_;
  std::string program_name_;
  std::mutex starting_; ///< locked before the other
  mutable std::mutex mutex_;
  std::shared_ptr<attached_session> session_;
  bool was_started_ = false;
  std::vector<remembered_run> runs_;
  std::vector<registered_call> start_calls_;
};

} // namespace daskify::internal
