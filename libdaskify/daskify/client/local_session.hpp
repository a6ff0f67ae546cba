#pragma once

#include "daskify/client/cluster_session.hpp"
#include "daskify/client/scheduler_link.hpp"
#include "daskify/client/store_link.hpp"
#include "daskify/config/settings.hpp"
#include "daskify/deploy/local_fleet.hpp"
#include "daskify/store/store_actor.hpp"
#include "daskify/transport/actor_system.hpp"

#include <caf/actor_system.hpp>

#include <atomic>
#include <mutex>
#include <unistd.h>

namespace daskify::internal {

/// A cluster on this machine: client, scheduler, object directory, store and progress actors in this process, workers
/// in their own. With several nodes, this process and its workers are the first of them, and each other one is a
/// process with a store and workers of its own.
class local_session final : public client_session, public std::enable_shared_from_this<local_session> {
public:
  /// Returns when all workers have enrolled. Throws cluster_error; nothing is left behind then.
  static std::shared_ptr<local_session> start(const settings& with, const std::string& program_name);
  local_session(const settings& with, const std::string& program_name); ///< for `start`
  ~local_session() override;

  /// Ends everything. May be called again and from several threads.
  void shutdown() noexcept;

  run_id submit(run_spec spec) override;
  awaited_tasks await(const std::vector<run_range>& tasks, std::uint64_t how_many, bool want_results,
                      deadline until) override;
  progress count(const std::vector<run_range>& tasks) override;
  void cancel(const std::vector<run_range>& tasks) override;
  progress monitor(const std::vector<run_range>& tasks) override;
  void release(run_id run) noexcept override;
  std::shared_ptr<object_handle> put_value(const type_label& type, part bytes) override;
  shared_bytes map(object_id object) override;
  std::unique_ptr<data_room> reserve(std::uint64_t bytes) override;
  std::shared_ptr<object_handle> put(const std::string& key, bool replace, const type_label& type, part bytes) override;
  std::shared_ptr<object_handle> put(const std::string& key, bool replace, const type_label& type,
                                     std::unique_ptr<data_room> filled) override;
  std::vector<shared_bytes> map_all(const std::vector<object_id>& objects) override;
  shared_bytes find(const std::string& key, const type_label& type) override;
  void spread(object_id object) override;

  worker_list workers();
  object_list objects();
  node_list nodes();
  void drop_key(const std::string& key);

private:
  void start_actors(const std::string& secret);
  std::string node_name(std::size_t node) const;
  local_fleet::setup fleet_setup(const std::string& program_name);
  std::unique_ptr<local_fleet> fleet_of_workers(const std::string& program_name);
  std::unique_ptr<local_fleet> fleet_of_nodes(const std::string& program_name);
  /// Of the workers of a node: the first slot and how many.
  std::pair<std::uint32_t, std::size_t> workers_of(std::size_t node) const;
  void fleet_exhausted(const std::string& reason);

  int owner_ = ::getpid(); ///< the process that has the cluster; forked copies do not
  settings settings_;
  session_folder folder_;
  system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  std::size_t size_ = 1;          ///< workers
  std::uint64_t store_limit_ = 0; ///< bytes, of each node
  std::shared_ptr<node_store> node_;
  directory_actor directory_;
  store_actor store_;
  scheduler_actor scheduler_;
  progress_actor progress_;
  std::shared_ptr<crossing> crossing_ = std::make_shared<crossing>();
  scheduler_link link_{*crossing_, scheduler_link::distance::same_process};
  std::shared_ptr<store_link> data_ = std::make_shared<store_link>(crossing_, store_link::distance::same_process);
  std::unique_ptr<local_fleet> workers_;
  std::unique_ptr<local_fleet> nodes_; ///< none: this process is the only node
  std::atomic<std::size_t> working_fleets_{0};

  std::mutex shutdown_mutex_;
  bool ended_ = false;
  std::atomic<std::uint64_t> last_run_{0};
};

} // namespace daskify::internal
