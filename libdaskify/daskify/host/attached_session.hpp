#pragma once

#include "daskify/bridge/scheduler_link.hpp"
#include "daskify/bridge/store_link.hpp"
#include "daskify/code/type_label.hpp"
#include "daskify/config/settings.hpp"
#include "daskify/existing_key.hpp"
#include "daskify/host/attachment.hpp"
#include "daskify/host/scheduler_process.hpp"
#include "daskify/host/started_tasks.hpp"
#include "daskify/protocol/endpoint.hpp"
#include "daskify/session/cluster_session.hpp"
#include "daskify/transport/actor_system.hpp"

#include <caf/actor_system.hpp>

#include <atomic>
#include <mutex>
#include <unistd.h>

namespace daskify::internal {

/// A running cluster as its client sees it. The scheduler is in this process or, in mode connect, in another one.
class attached_session final : public client_session, public std::enable_shared_from_this<attached_session> {
public:
  /// Starts or joins a cluster. Returns when the cluster can take work. Throws cluster_error, leaving nothing behind.
  static std::shared_ptr<attached_session> start(const settings& with, const std::string& program_name);
  attached_session(const settings& with, const std::string& program_name); ///< for `start`
  ~attached_session() override;

  /// Ends everything that was started by this session. May be called again and from several threads.
  void shutdown() noexcept;

  run_id submit(run_spec spec) override;
  awaited_tasks await(const std::vector<run_range>& tasks, std::uint64_t how_many, bool want_results,
                      deadline until) override;
  progress count(const std::vector<run_range>& tasks) override;
  void cancel(const std::vector<run_range>& tasks) override;
  void start_unattended(run_spec spec) override;
  bool wait_for_workers(std::uint64_t count, deadline until) override;
  progress monitor(const std::vector<run_range>& tasks) override;
  void release(run_id run) noexcept override;
  std::shared_ptr<object_handle> put_value(const type_label& type, part bytes) override;
  shared_bytes map(object_id object) override;
  std::unique_ptr<data_room> reserve(std::uint64_t bytes) override;
  std::shared_ptr<object_handle> put(const std::string& key, existing_key when_taken, const type_label& type,
                                     part bytes) override;
  std::shared_ptr<object_handle> put(const std::string& key, existing_key when_taken, const type_label& type,
                                     std::unique_ptr<data_room> filled) override;
  std::vector<shared_bytes> map_all(const std::vector<object_id>& objects) override;
  shared_bytes find(const std::string& key, const type_label& type) override;
  void spread(object_id object) override;

  /// Each worker makes this call before it gets further tasks. The caller keeps the objects that the call uses.
  void add_start_call(run_spec call);

  worker_list workers();
  /// The status of the whole cluster, including its other clients.
  cluster_status status();
  /// Ends a cluster of another process. Returns true if its scheduler has ended within `timeout`.
  bool end_cluster(std::chrono::milliseconds timeout);
  /// In mode connect: the address at which the scheduler was reached, and the id of this session among its clients.
  endpoint reached() const { return attached_->reached_at(); }
  worker_id client() const noexcept { return client_; }
  object_list objects();
  node_list nodes();
  void drop_key(const std::string& key);
  void drop_key_of(object_id object);

private:
  void start_client();
  void number(run_spec& spec);
  void send(run_spec spec);
  void end_started() noexcept;
  awaited_workers await_workers_until(std::uint64_t count, deadline until);
  void wait_for_first(const settings& with);
  actor_bridge::patience limit() const;

  int owner_ = ::getpid(); ///< the process that owns the cluster; forked copies do not
  progress_style style_;
  // One of the two is set.
  std::unique_ptr<scheduler_process> host_;
  std::unique_ptr<attachment> attached_;
  system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  scheduler_for_clients scheduler_;
  progress_actor progress_;
  worker_id client_; ///< none: the client in the scheduler's process
  std::shared_ptr<actor_bridge> bridge_ = std::make_shared<actor_bridge>();
  scheduler_link link_;
  std::shared_ptr<store_link> data_ = std::make_shared<store_link>(bridge_, store_link::distance::same_process);

  std::shared_ptr<started_tasks> started_ = std::make_shared<started_tasks>();

  std::mutex shutdown_mutex_;
  bool ended_ = false;
  std::atomic<std::uint64_t> last_run_{0};
  std::atomic<std::uint64_t> last_start_call_{0};
};

} // namespace daskify::internal
