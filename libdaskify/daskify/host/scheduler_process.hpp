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

/// Whether a cluster ends with the program that has started it, and is of its build, or serves any that come. The
/// workers of a standing one come by themselves; or it starts some, too.
enum class cluster_kind : std::uint8_t { of_one_program, standing, standing_with_workers };

/// The middle of a cluster: its scheduler, its object directory and the store of this process's node, at an address
/// that the session folder tells; and the deployment that starts the processes around them.
///
/// REQUIRES: it outlives the actor system that it was started in, and `stop` and `end_actors` have been called before
/// that is destroyed, also when `start` has thrown.
class scheduler_process {
public:
  /// Makes the session folder, or claims the connection directory. Throws cluster_error.
  scheduler_process(const settings& with, std::string program_name, cluster_kind kind = cluster_kind::of_one_program);
  ~scheduler_process();
  scheduler_process(const scheduler_process&) = delete;
  scheduler_process& operator=(const scheduler_process&) = delete;

  /// What is to be done when a client asks for the end of the cluster, on an actor's thread; must not block. Before
  /// `start`.
  void on_end_wanted(std::function<void()> end) { on_end_wanted_ = std::move(end); }
  /// What is to be done with lines on how the jobs are while the start waits for them; by default they are notices.
  /// Before `start`.
  void on_start_news(std::function<void(const std::string& lines)> tell) { on_start_news_ = std::move(tell); }
  /// The logs go there, and into no folder of its own. Before `start`.
  void log_into(const std::filesystem::path& folder) { logs_ = share_log_folder(folder); }

  /// Starts the actors and the processes of the cluster. Throws error.
  void start(caf::actor_system& system);
  /// Returns when it can take work. Throws error.
  void wait_until_ready() { deployment_->wait_until_ready(); }

  /// Ends all processes of the cluster.
  void stop() noexcept;
  /// Ends the actors.
  void end_actors() noexcept;

  const std::string& secret() const noexcept { return secret_; }
  const session_folder& folder() const noexcept { return folder_; }
  /// Where it is told to be; after `start`.
  const std::vector<endpoint>& addresses() const noexcept { return addresses_; }
  const scheduler_actor& scheduler() const noexcept { return scheduler_; }
  const store_actor& store() const noexcept { return store_; }
  deployment& processes() const noexcept { return *deployment_; }

private:
  bool is_standing() const noexcept { return kind_ != cluster_kind::of_one_program; }
  /// In which the processes that it starts find it.
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
  /// Of a standing cluster that starts workers: they, and what ends with them, know of no folder that others may have
  /// after it.
  std::optional<session_folder> folder_of_workers_;
  std::function<void()> on_end_wanted_;
  std::function<void(const std::string&)> on_start_news_ = notice;
  log_folder logs_;             ///< of this cluster; an empty path: nowhere
  std::size_t own_workers_ = 0; ///< whose slots are not for others
  std::string secret_;
  std::vector<endpoint> addresses_;
  std::uint64_t store_limit_ = 0;                                          ///< bytes, of each node on this machine
  std::shared_ptr<actor_bridge> voice_ = std::make_shared<actor_bridge>(); ///< in whose name the deployment speaks
  std::shared_ptr<node_store> node_;
  directory_actor directory_;
  store_actor store_;
  scheduler_actor scheduler_;
  std::unique_ptr<deployment> deployment_;
};

} // namespace daskify::internal
