#pragma once

#include "daskify/bridge/actor_bridge.hpp"
#include "daskify/config/settings.hpp"
#include "daskify/deploy/deployment.hpp"
#include "daskify/launch/log_folder.hpp"
#include "daskify/os/notice.hpp"
#include "daskify/protocol/actors.hpp"
#include "daskify/protocol/endpoint.hpp"
#include "daskify/store/store_actor.hpp"
#include "daskify/transport/session_folder.hpp"

#include <caf/actor_system.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace daskify::internal {

/// Whether a cluster is of the build of the program that started it, and ends with it, or serves all programs. The
/// workers of a standing cluster join by themselves; `standing_with_workers` also starts some.
enum class cluster_kind : std::uint8_t { of_one_program, standing, standing_with_workers };

/// The centre of a cluster: its scheduler, its object directory and the store of this process's node, at an address
/// published in the session folder; and the deployment that starts the other processes.
///
/// REQUIRES: outlives the actor system in which it was started, and `stop` and `end_actors` are called before that
/// system is destroyed, even if `start` has thrown.
class scheduler_process {
public:
  /// Creates the session folder, or claims the connection directory. Throws cluster_error.
  scheduler_process(const settings& with, std::string program_name, cluster_kind kind = cluster_kind::of_one_program);
  ~scheduler_process();
  scheduler_process(const scheduler_process&) = delete;
  scheduler_process& operator=(const scheduler_process&) = delete;

  /// Sets what is called when a client asks for the end of the cluster, on an actor's thread; must not block. To be
  /// called before `start`.
  void on_end_wanted(std::function<void()> end) { on_end_wanted_ = std::move(end); }
  /// Sets what receives lines about the state of the jobs while the start waits for them; by default they are notices.
  /// To be called before `start`.
  void on_start_news(std::function<void(const std::string& lines)> tell) { on_start_news_ = std::move(tell); }
  /// Writes the logs to this folder, instead of a new one. To be called before `start`.
  void log_into(const std::filesystem::path& folder) { logs_ = share_log_folder(folder); }

  /// Starts the actors and the processes of the cluster. Throws error.
  void start(caf::actor_system& system);
  /// Returns when the cluster can take work. Throws error.
  void wait_until_ready() { deployment_->wait_until_ready(); }

  /// Ends all processes of the cluster.
  void stop() noexcept;
  /// Ends the actors.
  void end_actors() noexcept;

  const std::string& secret() const noexcept { return secret_; }
  const session_folder& folder() const noexcept { return folder_; }
  /// The published addresses; after `start`.
  const std::vector<endpoint>& addresses() const noexcept { return addresses_; }
  const scheduler_actor& scheduler() const noexcept { return scheduler_; }
  const store_actor& store() const noexcept { return store_; }
  deployment& processes() const noexcept { return *deployment_; }

private:
  bool is_standing() const noexcept { return kind_ != cluster_kind::of_one_program; }
  /// The folder in which the processes that it starts find it.
  const session_folder& own_folder() const noexcept { return folder_of_workers_ ? *folder_of_workers_ : folder_; }
  void require_spill_folder() const;
  bool serves_other_machines() const;
  bool keeps_logs() const;
  void choose_log_folder();
  std::unique_ptr<deployment> make_deployment();
  void start_actors(caf::actor_system& system);
  void listen(caf::actor_system& system);

  settings settings_;
  cluster_kind kind_;
  std::string program_name_;
  session_folder folder_;
  /// Set for a standing cluster that starts workers: these, and their cleanup, use no folder that another scheduler may
  /// claim later.
  std::optional<session_folder> folder_of_workers_;
  std::function<void()> on_end_wanted_;
  std::function<void(const std::string&)> on_start_news_ = notice;
  log_folder logs_;             ///< of this cluster; an empty path: no logs
  std::size_t own_workers_ = 0; ///< whose slots are reserved
  std::string secret_;
  std::vector<endpoint> addresses_;
  std::uint64_t store_limit_ = 0;                                          ///< bytes, of each node on this machine
  std::shared_ptr<actor_bridge> voice_ = std::make_shared<actor_bridge>(); ///< sends the deployment's messages
  std::shared_ptr<node_store> node_;
  directory_actor directory_;
  store_actor store_;
  scheduler_actor scheduler_;
  std::unique_ptr<deployment> deployment_;
};

} // namespace daskify::internal
