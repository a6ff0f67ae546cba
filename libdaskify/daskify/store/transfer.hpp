#pragma once

/// Moves objects between the stores of nodes, over TCP, in chunks that are each checked.

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
  std::string secret;                ///< of the session: who does not show it is given nothing; at most 256 bytes
  std::string host = "127.0.0.1";    ///< listens here, at a free port; empty: at all addresses
  transfer_server::find_object find; ///< what is given to others; null: not here. Called from any thread.
  std::size_t pulls_at_a_time = 4;   ///< the rest queues
  std::chrono::milliseconds patience = std::chrono::seconds{10}; ///< a source that gives nothing for so long is lost
};

/// Gives this node's objects to other nodes, and pulls theirs; one per process. Thread-safe, but for its destruction.
///
/// A pull takes chunks from up to two sources at a time, and turns to others when one is lost: it closes, is silent,
/// has nothing new for too long, or sends what is wrong. What has arrived is not asked again. A source may itself be
/// pulling the object: a chunk goes on as soon as it is there.
class transfer {
public:
  /// The pull is over, without a problem when the object is whole; the problem is a sentence. Called once, from a
  /// thread of the transfer; from then on the pull touches its object no more and makes no other call. Must not block
  /// or throw.
  using done = transfer_puller::done;

  /// All sources are lost; told are those since the last time. Wants `add_sources` as an answer, from any thread
  /// and at any time; until then the pull waits. Must not block or throw.
  using more_sources = transfer_puller::more_sources;

  /// Throws cluster_error(session_failed) when it cannot listen.
  explicit transfer(transfer_setup setup);

  /// Ends all threads and connections; pulls that go on end with a problem. Not to be called from a callback. In a
  /// process forked from this one, it does nothing.
  ~transfer();
  transfer(const transfer&) = delete;
  transfer& operator=(const transfer&) = delete;

  /// Where other nodes find this one.
  endpoint address() const;

  /// Fills `into` from these sources, the first ones first. Chunks that it has are not asked for. Does not call
  /// `into->fail()`: after a problem it may be pulled again. Throws cluster_error(session_failed) when the threads for
  /// it cannot be started.
  void pull(std::shared_ptr<chunked_object> into, std::vector<pull_source> from, done on_end,
            more_sources on_none_left);

  /// More sources for a pull; may also come unasked. None, when it was asked for: the pull ends with a problem. Nothing
  /// happens when no such pull goes on.
  void add_sources(object_id object, std::vector<pull_source> more);

  /// Ends a pull with a problem, unless it has ended.
  void cancel(object_id object);

  /// Bytes of chunks that other nodes were given.
  std::uint64_t bytes_sent() const;

private:
  const int owner_; ///< the process that has the threads
  std::unique_ptr<transfer_server> server_;
  std::unique_ptr<transfer_puller> puller_;
};

} // namespace daskify::internal
