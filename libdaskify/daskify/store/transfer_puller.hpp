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

/// A node that has an object, or will have it soon.
struct pull_source {
  node_id node;
  endpoint where;
};

/// What became of the sources of a pull since more were asked for.
struct lost_sources {
  std::vector<node_id> silent; ///< closed, said nothing, or had nothing to give: at another time they may
  std::vector<node_id> wrong;  ///< gave what is wrong
  std::string why;             ///< of the last of them: a sentence about it
  bool progress = false;       ///< a chunk has arrived
};

/// Connections without work: all that was asked is answered, so the next pull can go on with them. Not thread-safe.
class idle_connections {
public:
  /// They are closed when nobody has taken them for so long.
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

/// Pulls objects from other nodes; see `transfer`, which it is a part of.
///
/// Pulls wait in a list, and a fixed number of threads look there for something to do: to ask one source for chunks (a
/// `line`), or to call back. All else only changes the list and wakes a thread.
class transfer_puller {
public:
  using done = std::function<void(std::optional<std::string> problem)>;
  using more_sources = std::function<void(lost_sources lost)>;

  transfer_puller(const hello& greeting, std::size_t pulls_at_a_time, std::chrono::milliseconds patience);
  ~transfer_puller();
  transfer_puller(const transfer_puller&) = delete;
  transfer_puller& operator=(const transfer_puller&) = delete;

  /// Throws cluster_error(session_failed) when the threads for it cannot be started.
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

  std::mutex mutex_;                // guards all that follows but the threads
  std::condition_variable changed_; ///< there may be something to do
  std::list<pull_state> pulls_;     ///< in the order in which they came, but those that have ended first
  std::size_t pulls_at_work_ = 0;   ///< how many have lines
  idle_connections idle_;
  bool stopping_ = false;

  std::mutex threads_mutex_;
  std::vector<std::thread> threads_;
};

} // namespace daskify::internal
