#include "daskify/store/transfer_server.hpp"

#include "daskify/error.hpp"
#include "daskify/os/file_descriptor.hpp"

#include <algorithm>
#include <cerrno>
#include <netinet/in.h>
#include <sys/socket.h>
#include <system_error>

namespace daskify::internal {

namespace {

/// Further connections are closed immediately, so that their clients turn to other nodes.
constexpr std::size_t most_visitors = 256;

/// Time limit for a client to send the secret, as a fraction (1/n) of the patience; it needs no time to think.
constexpr int hello_part = 4;

/// Time limit for waiting for a chunk that is still arriving, as a fraction (1/n) of the patience of the waiting
/// client.
constexpr int wait_part = 10;

/// Time limit for a client that sends no requests or reads no replies, as a multiple of the patience. Clients time out
/// earlier.
constexpr int idle_times = 3;

[[noreturn]] void fail(const std::string& host, const std::string& why) {
  throw cluster_error{error_code::session_failed, "cannot listen at '" + host + "' for other nodes that want data: " +
                                                      why + "; choose an address of this machine"};
}

file_descriptor listen_at(const std::string& host) {
  try {
    auto addresses = find_addresses({host, 0});
    auto socket = open_socket(*addresses);
    if (::bind(socket.get(), addresses->ai_addr, addresses->ai_addrlen) != 0 ||
        ::listen(socket.get(), static_cast<int>(most_visitors)) != 0)
      fail(host, std::generic_category().message(errno));
    return socket;
  } catch (const connection_lost& e) {
    fail(host, std::string{"it "} + e.what());
  }
}

std::uint16_t port_of(const file_descriptor& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

/// Constant-time comparison, so that the time reveals nothing about the secret.
bool is_same(const hello& a, const hello& b) {
  unsigned different = a.magic != b.magic || a.secret_size != b.secret_size;
  for (std::size_t i = 0; i < a.secret.size(); ++i)
    different |= static_cast<unsigned char>(a.secret[i] ^ b.secret[i]);
  return different == 0;
}

} // namespace

hello greeting(const std::string& secret) {
  hello result;
  if (secret.size() > result.secret.size())
    throw cluster_error{error_code::session_failed,
                        "the secret of the session is too long: " + std::to_string(secret.size()) +
                            " bytes, where at most " + std::to_string(result.secret.size()) + " are allowed"};
  result.secret_size = secret.size();
  std::copy(secret.begin(), secret.end(), result.secret.begin());
  return result;
}

transfer_server::transfer_server(const std::string& secret, const std::string& host, find_object find,
                                 std::chrono::milliseconds patience)
    : expected_{greeting(secret)},
      find_{std::move(find)},
      patience_{patience},
      listener_{listen_at(host)},
      address_{host, port_of(listener_)},
      acceptor_{start_thread("daskify-accept", [this] { accept_visitors(); })} {}

transfer_server::~transfer_server() {
  stop_.request_stop();
  ::shutdown(listener_.get(), SHUT_RDWR); // ends accept4
  acceptor_.join();
  for (auto& known : visitors_) {
    if (auto socket = known.socket.lock())
      socket->shut_down();
    known.thread.join();
  }
}

void transfer_server::accept_visitors() {
  while (!stop_.stop_requested()) {
    file_descriptor accepted{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (accepted)
      receive(std::move(accepted));
    else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
      std::this_thread::sleep_for(std::chrono::milliseconds{50}); // until other parts of the process have released some
  }
}

void transfer_server::receive(file_descriptor accepted) {
  std::erase_if(visitors_, [](visitor& known) {
    bool gone = known.socket.expired();
    if (gone && known.thread.joinable())
      known.thread.join();
    return gone;
  });
  if (visitors_.size() >= most_visitors)
    return;
  try {
    auto socket = std::make_shared<tcp_socket>(std::move(accepted), patience_ / hello_part);
    std::list<visitor> added; // added to visitors_ only together with its thread
    added.push_back({socket, {}});
    added.front().thread = start_thread("daskify-serve", [this, socket] { serve(*socket); });
    visitors_.splice(visitors_.end(), added);
  } catch (const std::exception&) { // too many threads, or no memory: the client turns to another node
  }
}

void transfer_server::serve(tcp_socket& client) {
  try {
    if (!is_same(client.receive_message<hello>(), expected_))
      return;
    client.set_patience(patience_ * idle_times);
    while (true)
      answer(client, client.receive_message<request>());
  } catch (const std::exception&) { // the client has closed the connection or sent garbage; it will ask other nodes
  }
}

void transfer_server::answer(tcp_socket& client, const request& asked) {
  auto object = find_({asked.object});
  if (!object || object->file() < 0 || object->is_closed())
    return client.send_message(reply{reply_status::not_here, asked, 0});
  if (asked.kind == request_kind::sums)
    give_sums(client, asked, *object);
  else if (asked.kind == request_kind::chunk && asked.chunk < object->chunks())
    give_chunk(client, asked, *object);
  else
    throw connection_lost{"asked for what does not exist"};
}

void transfer_server::give_sums(tcp_socket& client, const request& asked, const chunked_object& object) {
  auto* sums = object.wait_for_sums(patience_ / wait_part, stop_.get_token());
  if (sums == nullptr)
    return client.send_message(reply{object.is_failed() ? reply_status::failed : reply_status::not_yet, asked, 0});
  auto bytes = std::as_bytes(std::span{*sums});
  client.send_message(reply{reply_status::ok, asked, bytes.size()}, true);
  client.send(bytes);
}

void transfer_server::give_chunk(tcp_socket& client, const request& asked, const chunked_object& object) {
  if (!object.wait_for(asked.chunk, patience_ / wait_part, stop_.get_token()))
    return client.send_message(reply{object.is_failed() ? reply_status::failed : reply_status::not_yet, asked, 0});
  auto size = bytes_of_chunk(object.size(), asked.chunk);
  client.send_message(reply{reply_status::ok, asked, size}, true);
  bytes_sent_ += size; // counted before sending, because a client may read it as soon as it has the chunk
  client.send_file(object.file(), object.offset_of(asked.chunk), size);
}

} // namespace daskify::internal
