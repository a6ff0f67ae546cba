#pragma once

#include "daskify/config/settings.hpp"
#include "daskify/os/notice.hpp"
#include "daskify/os/serial_executor.hpp"
#include "daskify/progress/staffing_notice.hpp"
#include "daskify/protocol/actors.hpp"
#include "daskify/protocol/endpoint.hpp"
#include "daskify/store/store_actor.hpp"
#include "daskify/transport/connect.hpp"
#include "daskify/transport/find_cluster.hpp"

#include <caf/actor_system.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <string>

namespace daskify::internal {

/// A client's part of a cluster whose scheduler is in another process: the connection, and a store of its own, which is
/// a node of the cluster as long as the client is attached.
///
/// REQUIRES: outlives the actor system in which it was connected, and `stop` is called before that system is destroyed,
/// even if a call has thrown.
class attachment {
public:
  /// Finds the cluster. Throws cluster_error.
  attachment(const settings& with, std::string program_name);

  /// Connects to the scheduler, which may take start_timeout to answer. Throws cluster_error.
  void connect(caf::actor_system& system);
  /// Joins as a client that sends through these two actors. `on_lost` receives the reason why the cluster cannot be
  /// used any more; it is called on an actor's thread and must not block. Throws cluster_error.
  void join(caf::actor_system& system, const caf::strong_actor_ptr& speaker, const progress_actor& progress,
            std::function<void(std::exception_ptr)> on_lost);
  /// Ends the actors of this object; the scheduler notices that the connection is closed.
  void stop() noexcept;

  const scheduler_for_clients& scheduler() const noexcept { return found_.actor; }
  const store_actor& store() const noexcept { return store_; }
  const std::string& secret() const noexcept { return cluster_.secret; }
  worker_id client() const noexcept { return client_; }
  const endpoint& reached_at() const noexcept { return found_.by.peer; }
  /// The error that reports the loss of the scheduler.
  std::exception_ptr lost_scheduler() const;

private:
  void tell_who_works(const cluster_alive& there);

  settings settings_;
  std::string program_name_;
  found_cluster cluster_;
  remote_peer<scheduler_for_clients> found_;
  std::shared_ptr<node_store> node_;
  store_actor store_;
  link_actor link_;
  worker_id client_;
  staffing_notice idle_{staffing_notice::time_point{}}; ///< workers may have been missing for long; used by the link
  std::unique_ptr<serial_executor> speech_;             ///< writes notices, as a terminal may block; last
};

} // namespace daskify::internal
