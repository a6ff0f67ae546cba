#pragma once

#include "daskify/os/file_descriptor.hpp"
#include "daskify/protocol/endpoint.hpp"
#include "daskify/store/chunked_object.hpp"
#include "daskify/store/transfer_protocol.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

namespace daskify::internal {

/// Serves the chunks of objects that are here or arriving to other nodes: one thread that accepts connections, and one
/// for each connection. A client that is slow, silent or sends garbage delays only itself. Thread-safe.
class transfer_server {
public:
  using find_object = std::function<std::shared_ptr<chunked_object>(object_id)>;

  /// Listens at a free port of `host`. `find` is called from many threads at a time.
  /// Throws cluster_error(session_failed) when it cannot listen.
  transfer_server(const std::string& secret, const std::string& host, find_object find,
                  std::chrono::milliseconds patience);
  ~transfer_server();
  transfer_server(const transfer_server&) = delete;
  transfer_server& operator=(const transfer_server&) = delete;

  const endpoint& address() const noexcept { return address_; }
  std::uint64_t bytes_sent() const noexcept { return bytes_sent_; }

private:
  /// The thread owns the connection, which is therefore closed when the thread ends.
  struct visitor {
    std::weak_ptr<tcp_socket> socket;
    std::thread thread;
  };

  void accept_visitors();
  void receive(file_descriptor accepted);
  void serve(tcp_socket& client);
  void answer(tcp_socket& client, const request& asked);
  void give_sums(tcp_socket& client, const request& asked, const chunked_object& object);
  void give_chunk(tcp_socket& client, const request& asked, const chunked_object& object);

  const hello expected_;
  const find_object find_;
  const std::chrono::milliseconds patience_;
  file_descriptor listener_;
  endpoint address_;
  std::atomic<std::uint64_t> bytes_sent_ = 0;
  std::stop_source stop_;
  std::list<visitor> visitors_; // used by the accepting thread; after its end, by the destructor
  std::thread acceptor_;
};

/// The first message of a client that has the secret. Throws cluster_error(session_failed) if the secret is too long.
hello greeting(const std::string& secret);

} // namespace daskify::internal
