#pragma once

#include "daskify/client/cluster_session.hpp"
#include "daskify/client/scheduler_link.hpp"
#include "daskify/config/settings.hpp"
#include "daskify/deploy/local_fleet.hpp"
#include "daskify/store/shared_memory.hpp"
#include "daskify/transport/actor_system.hpp"

#include <caf/actor_system.hpp>

#include <atomic>
#include <mutex>
#include <unistd.h>

namespace daskify::internal {

/// A cluster on this machine: client, scheduler, store and progress actors in this process, workers in their own.
class local_session final : public client_session, public std::enable_shared_from_this<local_session> {
public:
  /// Returns when all workers have enrolled. Throws cluster_error; nothing is left behind then.
  local_session(const settings& with, const std::string& program_name);
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
  std::shared_ptr<object_handle> put(const std::string& key, bool replace, std::uint64_t type,
                                     const std::string& type_name, part bytes) override;
  std::unique_ptr<data_room> reserve(std::uint64_t bytes) override;
  std::shared_ptr<object_handle> put(const std::string& key, bool replace, std::uint64_t type,
                                     const std::string& type_name, std::unique_ptr<data_room> filled) override;
  shared_bytes map(object_id object) override;
  shared_bytes find(const std::string& key, std::uint64_t type, const std::string& type_name) override;

  worker_list workers();
  object_list objects();
  void drop_key(const std::string& key);
  void release_object(object_id object) noexcept;

private:
  class handle;
  class shared_room;

  std::shared_ptr<object_handle> put_segment(const std::string& key, bool replace, std::uint64_t type,
                                             const std::string& type_name, segment bytes);

  int owner_ = ::getpid(); ///< the process that has the cluster; forked copies do not
  settings settings_;
  session_folder folder_;
  system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  store_actor store_;
  scheduler_actor scheduler_;
  progress_actor progress_;
  crossing crossing_;
  scheduler_link link_{crossing_, scheduler_link::distance::same_process};
  std::unique_ptr<local_fleet> fleet_;

  std::mutex shutdown_mutex_;
  bool ended_ = false;
  std::atomic<std::uint64_t> last_run_{0};
  std::atomic<std::uint64_t> last_object_{0};
};

} // namespace daskify::internal
