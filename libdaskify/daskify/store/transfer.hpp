#pragma once

/// Moves objects between the stores of nodes, over TCP, in chunks that are verified one by one.

#include "daskify/protocol/endpoint.hpp"
#include "daskify/protocol/ids.hpp"
#include "daskify/store/chunked_object.hpp"
#include "daskify/store/transfer_puller.hpp"
#include "daskify/store/transfer_server.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace daskify::internal {

struct transfer_setup {
  std::string secret;                ///< of the session: peers without it are refused; at most 256 bytes
  std::string host = "127.0.0.1";    ///< address to listen at, with a free port; empty: all addresses
  transfer_server::find_object find; ///< objects for other nodes; null: not here. Called from any thread.
  std::size_t pulls_at_a_time = 4;   ///< further pulls are queued
  std::chrono::milliseconds patience = std::chrono::seconds{10}; ///< a source that gives nothing for so long is lost
};

/// Serves this node's objects to other nodes, and pulls theirs; one per process. Thread-safe, except for destruction.
///
/// A pull requests chunks from up to two sources at a time, and replaces a lost source: one that closes the connection,
/// is silent, has nothing new for too long, or sends wrong data. Chunks that have arrived are not requested again. A
/// source may still be pulling the object itself: it forwards each chunk as soon as the chunk has arrived.
class transfer {
public:
  /// The pull has ended, without a problem if the object is complete; the problem is a sentence. Called once, from a
  /// thread of the transfer; after that the pull neither uses its object nor makes any other call. Must not block or
  /// throw.
  using done = transfer_puller::done;

  /// All sources are lost; the argument describes those lost since the last call. Must be answered by `add_sources`,
  /// from any thread and at any time; until then the pull waits. Must not block or throw.
  using more_sources = transfer_puller::more_sources;

  /// Throws cluster_error(session_failed) when it cannot listen.
  explicit transfer(transfer_setup setup);

  /// Ends all threads and connections; pulls in progress end with a problem. Must not be called from a callback. Does
  /// nothing in a forked process.
  ~transfer();
  transfer(const transfer&) = delete;
  transfer& operator=(const transfer&) = delete;

  /// The address for other nodes.
  endpoint address() const;

  /// Fills `into` from these sources, the first ones first. Chunks that it has are not requested. Does not call
  /// `into->fail()`: after a problem it may be pulled again. Throws cluster_error(session_failed) if the threads cannot
  /// be started.
  void pull(std::shared_ptr<chunked_object> into, std::vector<pull_source> from, done on_end,
            more_sources on_none_left);

  /// Adds sources to a pull, also without a request. An empty list as an answer to a request ends the pull with a
  /// problem. Does nothing if there is no such pull.
  void add_sources(object_id object, std::vector<pull_source> more);

  /// Ends a pull with a problem, unless it has ended.
  void cancel(object_id object);

  /// Bytes of chunks sent to other nodes.
  std::uint64_t bytes_sent() const;

private:
  const int owner_; ///< the process that started the threads
  std::unique_ptr<transfer_server> server_;
  std::unique_ptr<transfer_puller> puller_;
};

} // namespace daskify::internal
