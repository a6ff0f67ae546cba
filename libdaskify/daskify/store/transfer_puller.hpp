#pragma once

#include "daskify/bytes.hpp"
#include "daskify/protocol/endpoint.hpp"
#include "daskify/protocol/ids.hpp"
#include "daskify/store/chunked_object.hpp"
#include "daskify/store/transfer_protocol.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace daskify::internal {

/// A node that has an object, or is about to have it.
struct pull_source {
  node_id node;
  endpoint where;
};

/// The sources that a pull has lost since it last requested more.
struct lost_sources {
  std::vector<node_id> silent; ///< closed, were silent, or had nothing to give: may be retried later
  std::vector<node_id> wrong;  ///< sent wrong data
  std::string why;             ///< a sentence about the last of them
  bool progress = false;       ///< a chunk has arrived
};

/// Connections without open requests, which the next pull can reuse. Not thread-safe.
class idle_connections {
public:
  /// `longest`: time after which an idle connection is closed.
  explicit idle_connections(std::chrono::milliseconds longest) : longest_{longest} {}

  /// Null when there is none.
  std::shared_ptr<tcp_socket> take(const endpoint& where);
  void keep(const endpoint& where, std::shared_ptr<tcp_socket> socket);
  void drop(const endpoint& where);
  void drop_old();
  bool empty() const noexcept { return kept_.empty(); }

private:
  struct idle {
    endpoint where;
    std::shared_ptr<tcp_socket> socket;
    std::chrono::steady_clock::time_point since;
  };
  const std::chrono::milliseconds longest_;
  std::deque<idle> kept_; ///< the oldest first
};

/// Pulls objects from other nodes; part of `transfer`.
///
/// Pulls are kept in a list, and a fixed number of threads take work from it: requesting chunks from one source (a
/// `line`), or calling back. All other functions only change the list and wake a thread.
class transfer_puller {
public:
  using done = std::function<void(std::optional<std::string> problem)>;
  using more_sources = std::function<void(lost_sources lost)>;

  transfer_puller(const hello& greeting, std::size_t pulls_at_a_time, std::chrono::milliseconds patience);
  ~transfer_puller();
  transfer_puller(const transfer_puller&) = delete;
  transfer_puller& operator=(const transfer_puller&) = delete;

  /// Throws cluster_error(session_failed) if the threads cannot be started.
  void pull(std::shared_ptr<chunked_object> into, std::vector<pull_source> from, done on_end,
            more_sources on_none_left);
  void add_sources(object_id object, const std::vector<pull_source>& more);
  void cancel(object_id object);

private:
  class line;
  struct pull_state;
  using position = std::list<pull_state>::iterator;
  using lock = std::unique_lock<std::mutex>;

  void start_threads();
  void stop();
  void run();
  bool do_something(lock& guard, byte_buffer& room);
  void run_line(position pull, lock& guard, byte_buffer& room);
  void ask_for_sources(position pull, lock& guard);
  void finish(position pull, lock& guard);
  void end(position pull, std::optional<std::string> problem, const line* by = nullptr);

  const hello greeting_;
  const std::size_t pulls_at_a_time_;
  const std::chrono::milliseconds patience_;

  std::mutex mutex_;                // guards all members that follow except the threads
  std::condition_variable changed_; ///< there may be work
  std::list<pull_state> pulls_;     ///< in order of arrival, but those that have ended first
  std::size_t pulls_at_work_ = 0;   ///< number of pulls with lines
  idle_connections idle_;
  bool stopping_ = false;

  std::mutex threads_mutex_;
  std::vector<std::thread> threads_;
};

} // namespace daskify::internal
