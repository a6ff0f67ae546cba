#pragma once

/// The messages between nodes that move objects, and the TCP connections for them.
///
///     client:  hello  request request ...          any number at a time
///     server:         reply payload  reply payload ...     in the order of the requests
///
/// Numbers are in the byte order of the machine, which is the same on all machines of a cluster.

#include "daskify/os/file_descriptor.hpp"
#include "daskify/os/thread.hpp"
#include "daskify/protocol/endpoint.hpp"
#include "daskify/transport/network.hpp" // endpoint, its text

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <netdb.h>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace daskify::internal {

inline constexpr std::uint64_t transfer_magic = 0x3179'6669'6b73'6164; // "daskify1"

/// The first message of a client. Without the right secret there is no answer.
struct hello {
  std::uint64_t magic = transfer_magic;
  std::uint64_t secret_size = 0;
  std::array<char, 256> secret{}; ///< zeros after its end
};

enum class request_kind : std::uint64_t {
  sums = 1, ///< the checksums of all chunks
  chunk,    ///< the bytes of one chunk
};

struct request {
  request_kind kind;
  std::uint64_t object;
  std::uint64_t chunk; ///< 0 if all are requested
  bool operator==(const request&) const = default;
};

enum class reply_status : std::uint64_t {
  ok = 1,
  not_here, ///< this node does not have the object
  not_yet,  ///< it is still arriving: ask again later
  failed,   ///< it did not arrive, and will not
};

struct reply {
  reply_status status;
  request answered;
  std::uint64_t length; ///< bytes that follow; 0 unless ok
};

/// A type without padding and pointers, whose bytes can be sent.
template <class T>
concept wire_struct = std::is_trivially_copyable_v<T> && std::has_unique_object_representations_v<T>;

/// The connection is unusable. `what()` gives the reason and continues a sentence that begins with the peer: "closed
/// the connection".
struct connection_lost : std::runtime_error {
  explicit connection_lost(const std::string& why, bool by_peer = false) : std::runtime_error{why}, closed{by_peer} {}
  bool closed; ///< the peer closed it, and may not have received the last message
};

/// The peer sent an invalid answer. Asking it again is useless.
struct wrong_answer : connection_lost {
  using connection_lost::connection_lost;
};

/// One end of a TCP connection. All blocking operations throw connection_lost if the peer does nothing for `patience`,
/// or closes, or if another thread calls `shut_down`. Otherwise not thread-safe.
class tcp_socket {
public:
  tcp_socket(file_descriptor socket, std::chrono::milliseconds patience);

  void connect(const addrinfo& where);

  void send(std::span<const std::byte> bytes, bool more_follows = false);
  void send_file(int file, std::uint64_t offset, std::uint64_t size);

  /// Fills all of `into`. The total time is limited to a few times `patience`, also if bytes keep arriving slowly.
  void receive(std::span<std::byte> into);

  template <wire_struct T>
  void send_message(const T& message, bool more_follows = false) {
    send(std::as_bytes(std::span{&message, 1}), more_follows);
  }
  template <wire_struct T>
  T receive_message() {
    T message;
    receive(std::as_writable_bytes(std::span{&message, 1}));
    return message;
  }

  void set_patience(std::chrono::milliseconds patience);

  /// Ends sending and receiving, also of a thread that is blocked in it. Can be called from any thread.
  void shut_down() noexcept;

private:
  [[noreturn]] void fail(int reason) const;

  file_descriptor socket_;
  std::chrono::milliseconds patience_;
};

struct free_addresses {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

/// The addresses of a host, to connect to or to listen at, at least one; without a host, to listen at all addresses.
/// Throws connection_lost. Looking up a name (not an address) takes as long as the system's resolver takes.
std::unique_ptr<addrinfo, free_addresses> find_addresses(const endpoint& where);

/// A new socket; throws connection_lost when the system has none.
file_descriptor open_socket(const addrinfo& for_address);

/// "10 s", "1.5 s"
std::string to_text(std::chrono::milliseconds time);

} // namespace daskify::internal
