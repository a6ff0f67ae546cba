#include "daskify/store/transfer.hpp"

#include "daskify/error.hpp"
#include "daskify/os/child_process.hpp"
#include "daskify/os/file_descriptor.hpp"
#include "daskify/store/transfer_server.hpp"
#include "support/leftovers.hpp"
#include "support/no_more_threads.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <random>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace daskify;
using namespace daskify::internal;
using namespace std::chrono_literals;
using daskify::test::eventually;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace {

constexpr std::uint64_t mib = chunk_size;
constexpr object_id the_object{7};

using problem = std::optional<std::string>;

/// The bytes of an object, and all that a trusted directory knows of it.
struct sample {
  explicit sample(std::uint64_t size, std::uint64_t seed = 1) : bytes(size) {
    std::mt19937_64 random{seed};
    for (auto& byte : bytes)
      byte = static_cast<std::byte>(random());
    sums = checksums_of_chunks(bytes);
    checksum = checksum_of_object(size, sums);
  }

  std::span<const std::byte> chunk(std::uint64_t which) const {
    return std::span{bytes}.subspan(which * mib, bytes_of_chunk(bytes.size(), which));
  }

  std::vector<std::byte> bytes;
  chunk_checksums sums;
  std::uint64_t checksum;
};

std::shared_ptr<file_descriptor> new_file() {
  return std::make_shared<file_descriptor>(::memfd_create("test", MFD_CLOEXEC));
}

using object_pointer = std::shared_ptr<chunked_object>;

object_pointer arriving(const sample& what, object_id id = the_object) {
  return std::make_shared<chunked_object>(id, new_file(), what.bytes.size(), what.checksum);
}

/// Begins somewhere in its file, as objects do that share one.
object_pointer whole(const sample& what, object_id id = the_object) {
  constexpr std::uint64_t offset = 12288;
  auto file = new_file();
  EXPECT_EQ(::pwrite(file->get(), what.bytes.data(), what.bytes.size(), offset),
            static_cast<ssize_t>(what.bytes.size()));
  return std::make_shared<chunked_object>(id, file, offset, what.bytes.size(), what.sums);
}

/// Stops after its first chunks, until somebody writes the others.
object_pointer stalled(const sample& what, std::uint64_t chunks_here) {
  auto object = arriving(what);
  object->learn_sums(what.sums);
  for (std::uint64_t chunk = 0; chunk < chunks_here; ++chunk)
    object->write(chunk, what.chunk(chunk));
  return object;
}

/// Says it has what it does not have.
object_pointer damaged(const sample& what, std::uint64_t where) {
  auto object = whole(what);
  auto wrong = static_cast<char>(~what.bytes[where]);
  EXPECT_EQ(::pwrite(object->file(), &wrong, 1, static_cast<off_t>(object->offset_of(0) + where)), 1);
  return object;
}

bool has_arrived(const chunked_object& object, const sample& what) {
  std::vector<std::byte> bytes(what.bytes.size());
  auto count = ::pread(object.file(), bytes.data(), bytes.size(), 0);
  return object.is_whole() && count == static_cast<ssize_t>(bytes.size()) && bytes == what.bytes;
}

/// A pull that goes on, and what it has called back.
struct going_pull {
  problem end() {
    EXPECT_EQ(result.wait_for(30s), std::future_status::ready) << "it hangs";
    return result.get();
  }
  bool has_ended() const { return result.wait_for(0s) == std::future_status::ready; }

  std::future<problem> result;
  std::future<lost_sources> lost; ///< as the first question for more sources said
};

/// One process of the cluster.
class node {
public:
  explicit node(std::chrono::milliseconds patience = 10s, std::string secret = "secret", std::string host = "127.0.0.1")
      : id_{++last_id()},
        transfer_{std::make_unique<transfer>(transfer_setup{std::move(secret), std::move(host),
                                                            [this](object_id id) { return find(id); }, 2, patience})} {}

  ~node() { die(); }

  void keep(const object_pointer& object) {
    std::lock_guard guard{mutex_};
    objects_[object->id()] = object;
  }

  /// All that it answers when it is asked for more sources are these.
  going_pull pull(const object_pointer& into, std::vector<pull_source> from,
                  std::optional<std::vector<pull_source>> more = std::vector<pull_source>{}) {
    auto ended = std::make_shared<std::promise<problem>>();
    auto asked = std::make_shared<std::promise<lost_sources>>();
    auto first = std::make_shared<std::atomic<bool>>(true);
    going_pull going{ended->get_future(), asked->get_future()};
    transfer_->pull(
        into, std::move(from), [ended](problem what) { ended->set_value(std::move(what)); },
        [this, asked, first, more, id = into->id()](lost_sources lost) {
          bool is_first = first->exchange(false);
          if (is_first)
            asked->set_value(std::move(lost));
          if (more)
            transfer_->add_sources(id, is_first ? *more : std::vector<pull_source>{});
        });
    return going;
  }

  void die() { transfer_.reset(); }
  transfer& its_transfer() { return *transfer_; }
  std::uint64_t bytes_sent() const { return transfer_->bytes_sent(); }
  node_id id() const { return {id_}; }
  operator pull_source() const { return {{id_}, transfer_->address()}; }

private:
  static std::atomic<std::uint64_t>& last_id() {
    static std::atomic<std::uint64_t> last = 0;
    return last;
  }

  object_pointer find(object_id id) {
    std::lock_guard guard{mutex_};
    auto found = objects_.find(id);
    return found == objects_.end() ? nullptr : found->second;
  }

  std::uint64_t id_;
  std::mutex mutex_;
  std::map<object_id, object_pointer> objects_;
  std::unique_ptr<transfer> transfer_;
};

/// A node that does as the test says with each connection, on one thread.
class fake_node {
public:
  using behaviour = std::function<void(tcp_socket&)>;

  explicit fake_node(behaviour serve) : listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_.get(), any, size), 0);
    EXPECT_EQ(::listen(listener_.get(), 100), 0);
    EXPECT_EQ(::getsockname(listener_.get(), any, &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = start_thread("fake-node", [this, serve = std::move(serve)] {
      while (true) {
        file_descriptor accepted{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        if (!accepted)
          return;
        ++connections_;
        try {
          tcp_socket client{std::move(accepted), 20s};
          client.receive_message<hello>();
          serve(client);
        } catch (const connection_lost&) {
        }
      }
    });
  }

  ~fake_node() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

  int connections() const { return connections_; }
  operator pull_source() const { return {{1000}, {"127.0.0.1", port_}}; }

private:
  file_descriptor listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::thread thread_;
};

/// A client that says what the test wants.
std::unique_ptr<tcp_socket> connect_to(const pull_source& where, std::chrono::milliseconds patience = 20s) {
  auto address = find_addresses(where.where);
  auto socket = std::make_unique<tcp_socket>(open_socket(*address), patience);
  socket->connect(*address);
  return socket;
}

std::string end_of(tcp_socket& socket) {
  try {
    while (true)
      socket.receive_message<std::byte>();
  } catch (const connection_lost& e) {
    return e.what();
  }
}

template <class F>
std::chrono::milliseconds time_of(F&& f) {
  auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
}

TEST(transfer_server_without_threads, turns_clients_away_and_goes_on) {
  transfer_server server{"secret", "127.0.0.1", [](object_id) { return nullptr; }, 10s};
  auto connection = [&] {
    auto where = find_addresses(server.address());
    tcp_socket client{open_socket(*where), 10s};
    client.connect(*where);
    client.send_message(greeting("secret"));
    client.send_message(request{request_kind::sums, 7, 0});
    return client.receive_message<reply>().status;
  };
  {
    test::no_more_threads here;
    EXPECT_THROW(connection(), connection_lost);
  }
  EXPECT_EQ(connection(), reply_status::not_here);
}

} // namespace

TEST(transfer, brings_an_object_bit_by_bit) {
  for (std::uint64_t size : {std::uint64_t{1}, mib - 1, mib, mib + 1, 20 * mib + 12'345}) {
    sample data{size};
    node a, b;
    a.keep(whole(data));
    auto into = arriving(data);
    EXPECT_EQ(b.pull(into, {a}).end(), std::nullopt);
    EXPECT_TRUE(has_arrived(*into, data)) << size;
    EXPECT_EQ(a.bytes_sent(), size);
  }
}

TEST(transfer, brings_a_small_object_into_memory) {
  sample data{1000};
  node a, b;
  a.keep(whole(data));
  auto into = std::make_shared<chunked_object>(the_object, data.bytes.size(), data.checksum);
  EXPECT_EQ(b.pull(into, {a}).end(), std::nullopt);
  auto bytes = into->take_bytes();
  EXPECT_TRUE(std::ranges::equal(std::span<const std::byte>{bytes}, data.bytes));
}

TEST(transfer, of_no_bytes_needs_no_source) {
  node a;
  auto empty = std::make_shared<chunked_object>(the_object, 0, checksum_of_object(0, {}));
  EXPECT_EQ(a.pull(empty, {}).end(), std::nullopt);
}

TEST(transfer, takes_from_two_sources_at_the_same_time) {
  sample data{20 * mib + 1};
  node a, b, c;
  a.keep(whole(data));
  b.keep(whole(data));
  auto into = arriving(data);
  EXPECT_EQ(c.pull(into, {a, b}).end(), std::nullopt);
  EXPECT_TRUE(has_arrived(*into, data));
  EXPECT_GT(a.bytes_sent(), 0u);
  EXPECT_GT(b.bytes_sent(), 0u);
  EXPECT_LT(a.bytes_sent() + b.bytes_sent(), data.bytes.size() + 8 * mib) << "much was sent twice";
}

TEST(transfer, joins_what_no_source_has_alone) {
  sample data{6 * mib};
  node a{1s}, b{1s}, c{1s};
  auto even = stalled(data, 0), odd = stalled(data, 0);
  for (std::uint64_t chunk = 0; chunk < 6; ++chunk)
    (chunk % 2 == 0 ? even : odd)->write(chunk, data.chunk(chunk));
  a.keep(even);
  b.keep(odd);
  auto into = arriving(data);
  EXPECT_EQ(c.pull(into, {a, b}).end(), std::nullopt);
  EXPECT_TRUE(has_arrived(*into, data));
  EXPECT_EQ(a.bytes_sent(), 3 * mib);
  EXPECT_EQ(b.bytes_sent(), 3 * mib);
}

TEST(transfer, passes_chunks_on_while_the_object_still_arrives) {
  sample data{20 * mib + 77};
  std::array<node, 4> nodes;
  std::array<object_pointer, 4> objects{whole(data), arriving(data), arriving(data), arriving(data)};
  for (std::size_t i = 0; i < nodes.size(); ++i)
    nodes[i].keep(objects[i]);
  std::vector<going_pull> pulls;
  for (std::size_t i = 3; i > 0; --i)
    pulls.push_back(nodes[i].pull(objects[i], {nodes[i - 1]}));
  for (auto& pull : pulls)
    EXPECT_EQ(pull.end(), std::nullopt);
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    EXPECT_TRUE(has_arrived(*objects[i], data));
    EXPECT_EQ(nodes[i - 1].bytes_sent(), data.bytes.size());
  }
}

TEST(transfer, passes_a_chunk_on_before_the_next_one_has_arrived) {
  sample data{3 * mib};
  node a, b;
  auto source = stalled(data, 1), into = arriving(data);
  a.keep(source);
  auto going = b.pull(into, {a});
  EXPECT_TRUE(into->wait_for(0, 20s));
  EXPECT_FALSE(into->has(1));
  source->write(1, data.chunk(1));
  EXPECT_TRUE(into->wait_for(1, 20s));
  EXPECT_FALSE(going.has_ended());
  source->write(2, data.chunk(2));
  EXPECT_EQ(going.end(), std::nullopt);
}

TEST(transfer, replaces_a_source_that_dies_and_asks_for_nothing_again) {
  sample data{20 * mib};
  node b, c;
  auto a = std::make_unique<node>();
  a->keep(stalled(data, 10));
  b.keep(whole(data));
  auto into = arriving(data);
  auto going = c.pull(into, {*a}, std::vector<pull_source>{b});
  EXPECT_TRUE(into->wait_for(9, 20s));
  EXPECT_TRUE(eventually([&] { return a->bytes_sent() == 10 * mib; }));
  auto id = a->id();
  a.reset();
  EXPECT_EQ(going.end(), std::nullopt);
  auto lost = going.lost.get();
  EXPECT_THAT(lost.silent, ElementsAre(id));
  EXPECT_THAT(lost.wrong, IsEmpty());
  EXPECT_TRUE(lost.progress);
  EXPECT_TRUE(has_arrived(*into, data));
  EXPECT_EQ(b.bytes_sent(), 10 * mib);
}

TEST(transfer, turns_to_a_spare_source_without_a_question) {
  sample data{4 * mib};
  node a, b, c;
  b.keep(whole(data));
  auto into = arriving(data);
  std::optional<pull_source> gone;
  {
    node dead;
    gone = dead;
  }
  auto going = c.pull(into, {a, *gone, b}, std::nullopt); // `a` is alive, but does not have it
  EXPECT_EQ(going.end(), std::nullopt);
  EXPECT_TRUE(has_arrived(*into, data));
}

TEST(transfer, is_not_held_up_by_a_slow_source_at_the_end) {
  sample data{12 * mib};
  node a, b, c;
  a.keep(stalled(data, 0));
  b.keep(whole(data));
  auto into = arriving(data);
  problem end;
  EXPECT_LT(time_of([&] { end = c.pull(into, {a, b}).end(); }), 5s);
  EXPECT_EQ(end, std::nullopt);
  EXPECT_TRUE(has_arrived(*into, data));
}

TEST(transfer, takes_sources_that_come_unasked) {
  sample data{6 * mib};
  node a, b, c;
  a.keep(stalled(data, 2));
  b.keep(whole(data));
  auto into = arriving(data);
  auto going = c.pull(into, {a}, std::nullopt);
  EXPECT_TRUE(into->wait_for(1, 20s));
  c.its_transfer().add_sources(the_object, {});
  c.its_transfer().add_sources({12345}, {b});
  c.its_transfer().add_sources(the_object, {a, b});
  EXPECT_EQ(going.end(), std::nullopt);
  EXPECT_TRUE(has_arrived(*into, data));
}

TEST(transfer, ends_with_a_sentence_when_there_are_no_more_sources) {
  sample data{3 * mib};
  node a, b;
  auto going = b.pull(arriving(data), {a});
  EXPECT_THAT(going.end(),
              testing::Optional(std::string{
                  "object 7 of 3.0 MiB cannot be fetched from any other node: node " + std::to_string(a.id().value) +
                  " at 127.0.0.1:" + std::to_string(a.its_transfer().address().port) + " does not have it"}));
  auto lost = going.lost.get();
  EXPECT_THAT(lost.silent, ElementsAre(a.id()));
  EXPECT_THAT(lost.why, HasSubstr("does not have it"));
  EXPECT_FALSE(lost.progress);

  auto alone = b.pull(arriving(data), {});
  EXPECT_EQ(alone.end(), "object 7 of 3.0 MiB cannot be fetched from any other node: none has it");
  EXPECT_THAT(alone.lost.get().silent, IsEmpty());
}

TEST(transfer, says_why_a_source_was_of_no_use) {
  sample data{3 * mib};
  node a{500ms}, b{500ms};
  auto why = [&](const object_pointer& object) {
    a.keep(object);
    return b.pull(arriving(data), {a}).end().value_or("no problem");
  };
  auto given_up = stalled(data, 1);
  given_up->fail();
  EXPECT_THAT(why(given_up), HasSubstr("could not get it either"));
  auto closed = whole(data);
  closed->close();
  EXPECT_THAT(why(closed), HasSubstr("does not have it"));
  EXPECT_THAT(why(stalled(data, 2)), HasSubstr("got nothing more of it for 0.5 s"));
  EXPECT_THAT(why(arriving(data)), HasSubstr("got nothing more of it for 0.5 s")) << "not even the checksums";
  EXPECT_THAT(why(std::make_shared<chunked_object>(the_object, 10, 0)), HasSubstr("does not have it")) << "in memory";
}

TEST(transfer, gets_a_damaged_chunk_from_elsewhere) {
  sample data{5 * mib};
  node a, b, c;
  a.keep(damaged(data, 3 * mib + 4711));
  b.keep(whole(data));
  auto into = arriving(data);
  auto going = c.pull(into, {a}, std::vector<pull_source>{b});
  EXPECT_EQ(going.end(), std::nullopt);
  auto lost = going.lost.get();
  EXPECT_THAT(lost.wrong, ElementsAre(a.id()));
  EXPECT_THAT(lost.silent, IsEmpty());
  EXPECT_TRUE(has_arrived(*into, data));
  EXPECT_EQ(b.bytes_sent(), mib) << "only what was damaged";
}

TEST(transfer, refuses_damaged_chunks_and_wrong_checksums) {
  node a, b;
  sample small{1000};
  a.keep(damaged(small, 500));
  auto into = arriving(small);
  EXPECT_THAT(b.pull(into, {a}).end().value_or(""), HasSubstr("sends damaged data"));
  EXPECT_FALSE(into->has(0));

  sample data{2 * mib}, another{2 * mib, 2};
  a.keep(whole(another));
  EXPECT_THAT(b.pull(arriving(data), {a}).end().value_or(""), HasSubstr("sends wrong checksums"));
}

TEST(transfer, gives_up_a_source_that_is_silent) {
  fake_node silent{[](tcp_socket& client) { end_of(client); }};
  node a{300ms}, b;
  sample data{1000};
  b.keep(whole(data));
  auto into = arriving(data);
  auto going = a.pull(into, {silent}, std::vector<pull_source>{b});
  EXPECT_EQ(going.end(), std::nullopt);
  EXPECT_THAT(going.lost.get().silent, ElementsAre(node_id{1000}));
  EXPECT_THAT(a.pull(arriving(data), {silent}).end().value_or(""), HasSubstr("was silent for 0.3 s"));
}

TEST(transfer, gives_up_a_source_that_sends_in_drops) {
  sample data{1000};
  fake_node slow{[&](tcp_socket& client) {
    auto asked = client.receive_message<request>();
    client.send_message(reply{reply_status::ok, asked, data.bytes.size()});
    for (std::size_t i = 0; i + 1 < data.bytes.size(); ++i) {
      client.send(std::span{data.bytes}.subspan(i, 1));
      std::this_thread::sleep_for(20ms);
    }
  }};
  node a{100ms};
  EXPECT_THAT(a.pull(arriving(data), {slow}).end().value_or(""), HasSubstr("sends too slowly"));
}

TEST(transfer, believes_no_header_that_is_wrong) {
  sample data{1000};
  request right{request_kind::chunk, the_object.value, 0};
  std::vector<reply> wrong{
      {reply_status::ok, right, std::uint64_t{1} << 60},
      {reply_status::ok, right, 999},
      {reply_status::ok, right, 0},
      {reply_status::not_here, right, 1000},
      {reply_status::not_yet, right, ~std::uint64_t{0}},
      {reply_status{77}, right, 0},
      {reply_status::ok, {request_kind::sums, the_object.value, 0}, 1000},
      {reply_status::ok, {request_kind::chunk, 8, 0}, 1000},
      {reply_status::ok, {request_kind::chunk, the_object.value, 1}, 1000},
  };
  for (const auto& header : wrong) {
    fake_node liar{[&](tcp_socket& client) {
      EXPECT_EQ(client.receive_message<request>(), right);
      client.send_message(header);
      client.send(data.bytes);
      end_of(client);
    }};
    node a{2s};
    EXPECT_THAT(a.pull(arriving(data), {liar}).end().value_or(""),
                testing::AnyOf(HasSubstr("sent a reply that matches no request"), HasSubstr("got nothing more")));
  }
}

TEST(transfer, survives_sources_that_stop_anywhere) {
  sample data{2 * mib};
  auto sums = std::as_bytes(std::span{data.sums});
  for (std::size_t stop : {0, 1, 39, 40, 41, 55}) {
    fake_node half{[&](tcp_socket& client) {
      reply header{reply_status::ok, client.receive_message<request>(), sums.size()};
      std::vector<std::byte> all(sizeof header);
      std::memcpy(all.data(), &header, sizeof header);
      all.insert(all.end(), sums.begin(), sums.end());
      client.send(std::span{all}.first(stop));
    }};
    node a;
    EXPECT_THAT(a.pull(arriving(data), {half}).end().value_or(""), HasSubstr("closed the connection")) << stop;
  }
}

TEST(transfer, asks_a_connection_that_was_closed_meanwhile_for_another_one) {
  sample data{1000};
  fake_node forgetful{[&](tcp_socket& client) { // closes each connection after one answer
    client.send_message(reply{reply_status::ok, client.receive_message<request>(), data.bytes.size()});
    client.send(data.bytes);
  }};
  node a;
  for (int i = 1; i <= 5; ++i) {
    auto into = arriving(data);
    EXPECT_EQ(a.pull(into, {forgetful}, std::nullopt).end(), std::nullopt);
    EXPECT_TRUE(has_arrived(*into, data));
    EXPECT_EQ(forgetful.connections(), i);
  }
}

TEST(transfer, keeps_a_connection_for_the_next_pull_but_not_for_ever) {
  sample data{1000};
  fake_node source{[&](tcp_socket& client) {
    while (true) {
      client.send_message(reply{reply_status::ok, client.receive_message<request>(), data.bytes.size()});
      client.send(data.bytes);
    }
  }};
  node a{300ms};
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(a.pull(arriving(data), {source}).end(), std::nullopt);
  EXPECT_EQ(source.connections(), 1);
  std::atomic<bool> asked_again = false;
  EXPECT_TRUE(eventually([&] { // the source's only thread accepts once the idle connection is closed
    if (!asked_again.exchange(true))
      connect_to(source)->send_message(greeting("x"));
    return source.connections() == 2;
  }));
}

TEST(transfer, gives_nothing_to_whoever_does_not_know_the_secret) {
  sample data{1000};
  for (std::string wrong : {"", "Secret", "secre", "secret0"}) {
    node a, b{10s, wrong};
    a.keep(whole(data));
    EXPECT_THAT(b.pull(arriving(data), {a}).end().value_or(""), HasSubstr("closed the connection"));
    EXPECT_EQ(a.bytes_sent(), 0u);
  }
  auto too_long = [] { node{10s, std::string(257, 'x')}; };
  EXPECT_THROW(too_long(), cluster_error);
}

TEST(transfer, is_not_disturbed_by_clients_that_make_no_sense) {
  sample data{5 * mib};
  node a{400ms}, b;
  a.keep(whole(data));
  auto hello = greeting("secret");
  auto as_bytes = [](const auto& message) { return std::as_bytes(std::span{&message, 1}); };
  auto bad_magic = hello;
  bad_magic.magic ^= 1;
  std::vector<std::byte> garbage(100'000, std::byte{'x'});

  std::vector<std::unique_ptr<tcp_socket>> clients;
  auto say = [&](std::span<const std::byte> what, bool knows_secret) {
    clients.push_back(connect_to(a));
    if (knows_secret)
      clients.back()->send_message(hello);
    try {
      clients.back()->send(what);
    } catch (const connection_lost&) { // closed before all was said
    }
  };
  say({}, false);
  say(as_bytes(hello).first(5), false);
  say(as_bytes(hello).first(sizeof hello - 1), false);
  say(as_bytes(bad_magic), false);
  say(garbage, false);
  say(garbage, true);
  say(as_bytes(request{request_kind{99}, the_object.value, 0}), true);
  say(as_bytes(request{request_kind::chunk, the_object.value, 5}), true);
  say(as_bytes(request{request_kind::chunk, the_object.value, ~std::uint64_t{0}}), true);
  say(as_bytes(request{request_kind::chunk, the_object.value, 0}).first(10), true);

  auto into = arriving(data);
  EXPECT_EQ(b.pull(into, {a}).end(), std::nullopt);
  EXPECT_TRUE(has_arrived(*into, data));
  for (auto& client : clients)
    EXPECT_EQ(end_of(*client), "closed the connection");
}

TEST(transfer, is_not_disturbed_by_a_client_that_stops_reading) {
  sample data{20 * mib};
  auto a = std::make_unique<node>();
  node b;
  a->keep(whole(data));
  auto lazy = connect_to(*a);
  lazy->send_message(greeting("secret"));
  for (std::uint64_t chunk = 0; chunk < 20; ++chunk)
    lazy->send_message(request{request_kind::chunk, the_object.value, chunk});
  EXPECT_TRUE(eventually([&] { return a->bytes_sent() > 0; }));
  auto into = arriving(data);
  EXPECT_EQ(b.pull(into, {*a}).end(), std::nullopt);
  EXPECT_TRUE(has_arrived(*into, data));
  EXPECT_LT(time_of([&] { a.reset(); }), 2s);
}

TEST(transfer, turns_away_more_clients_than_it_can_serve) {
  sample data{1000};
  node a{20s}, b;
  a.keep(whole(data));
  {
    std::vector<std::unique_ptr<tcp_socket>> silent;
    for (int i = 0; i < 256; ++i)
      silent.push_back(connect_to(a));
    EXPECT_EQ(end_of(*connect_to(a)), "closed the connection");
    EXPECT_THAT(b.pull(arriving(data), {a}).end().value_or(""), HasSubstr("closed the connection"));
  }
  EXPECT_TRUE(eventually([&] { return !b.pull(arriving(data), {a}).end(); }));
}

TEST(transfer, serves_chunks_beyond_4_gib) {
  constexpr std::uint64_t size = 5 * 1024 * mib + 123;
  sample tail{123};
  chunk_checksums sums(chunks_of(size), checksum_of(std::vector<std::byte>(mib)));
  sums.back() = tail.sums[0];
  auto file = new_file(); // sparse
  ASSERT_EQ(::pwrite(file->get(), tail.bytes.data(), 123, static_cast<off_t>(size - 123)), 123);
  node a;
  a.keep(std::make_shared<chunked_object>(the_object, file, 0, size, sums));
  auto client = connect_to(a);
  client->send_message(greeting("secret"));
  client->send_message(request{request_kind::sums, the_object.value, 0});
  EXPECT_EQ(client->receive_message<reply>().length, sums.size() * 8);
  chunk_checksums received(sums.size());
  client->receive(std::as_writable_bytes(std::span{received}));
  EXPECT_EQ(received, sums);
  client->send_message(request{request_kind::chunk, the_object.value, 5120});
  EXPECT_EQ(client->receive_message<reply>().length, 123u);
  std::vector<std::byte> bytes(123);
  client->receive(bytes);
  EXPECT_EQ(bytes, tail.bytes);
}

TEST(transfer, can_be_cancelled_and_goes_on_where_it_was) {
  sample data{8 * mib};
  node a, b;
  auto source = stalled(data, 5), into = arriving(data);
  a.keep(source);
  auto going = b.pull(into, {a});
  EXPECT_TRUE(into->wait_for(4, 20s));
  EXPECT_TRUE(eventually([&] { return a.bytes_sent() == 5 * mib; }));
  EXPECT_LT(time_of([&] {
              b.its_transfer().cancel({12345});
              b.its_transfer().cancel(the_object);
              EXPECT_EQ(going.end(), "object 7 of 8.0 MiB was not fetched, because the transfer was cancelled");
            }),
            5s);
  b.its_transfer().cancel(the_object);
  for (std::uint64_t chunk = 5; chunk < 8; ++chunk)
    source->write(chunk, data.chunk(chunk));
  EXPECT_EQ(b.pull(into, {a}).end(), std::nullopt);
  EXPECT_TRUE(has_arrived(*into, data));
  EXPECT_LE(a.bytes_sent(), 9 * mib) << "but for the chunk that the cancelled pull waited for, nothing is sent again";
}

TEST(transfer, can_be_cancelled_before_its_turn_and_while_it_waits_for_sources) {
  sample data{3 * mib};
  node a, b; // two pulls at a time
  std::vector<going_pull> first;
  for (std::uint64_t id : {1, 2}) {
    auto never = std::make_shared<chunked_object>(object_id{id}, new_file(), data.bytes.size(), data.checksum);
    a.keep(never);
    first.push_back(b.pull(arriving(data, {id}), {a}, std::nullopt));
  }
  a.keep(whole(data));
  auto queued = b.pull(arriving(data), {a});
  b.its_transfer().cancel(the_object);
  EXPECT_THAT(queued.end().value_or(""), HasSubstr("cancelled"));
  b.its_transfer().cancel({1});
  b.its_transfer().cancel({2});
  for (auto& pull : first)
    EXPECT_THAT(pull.end().value_or(""), HasSubstr("cancelled"));

  auto waits = b.pull(arriving(data), {}, std::nullopt);
  waits.lost.wait();
  b.its_transfer().cancel(the_object);
  EXPECT_THAT(waits.end().value_or(""), HasSubstr("cancelled"));
}

TEST(transfer, queues_what_is_too_much_at_a_time) {
  sample data{2 * mib};
  node a, b;
  std::vector<object_pointer> objects;
  std::vector<going_pull> pulls;
  for (std::uint64_t id = 1; id <= 20; ++id) {
    a.keep(whole(data, {id}));
    objects.push_back(arriving(data, {id}));
    pulls.push_back(b.pull(objects.back(), {a}));
  }
  for (auto& pull : pulls)
    EXPECT_EQ(pull.end(), std::nullopt);
  for (auto& object : objects)
    EXPECT_TRUE(has_arrived(*object, data));
}

TEST(transfer, ends_its_pulls_when_it_is_destroyed) {
  sample data{8 * mib};
  node a;
  auto b = std::make_unique<node>();
  fake_node silent{[](tcp_socket& client) { end_of(client); }};
  a.keep(stalled(data, 3));
  std::vector<going_pull> pulls;
  auto into = arriving(data);
  pulls.push_back(b->pull(into, {a}));
  pulls.push_back(b->pull(arriving(data, {8}), {silent}));
  pulls.push_back(b->pull(arriving(data, {9}), {a}));
  pulls.push_back(b->pull(arriving(data, {10}), {}, std::nullopt));
  EXPECT_TRUE(into->wait_for(2, 20s));
  EXPECT_LT(time_of([&] { b.reset(); }), 2s);
  for (auto& pull : pulls) {
    EXPECT_TRUE(pull.has_ended());
    EXPECT_THAT(pull.end().value_or(""), HasSubstr("this process shuts down"));
  }
}

TEST(transfer, may_be_destroyed_at_any_time) {
  sample data{6 * mib};
  for (int i = 0; i < 30; ++i) {
    auto a = std::make_unique<node>(), b = std::make_unique<node>();
    a->keep(whole(data));
    auto into = arriving(data);
    auto going = b->pull(into, {*a});
    if (i % 3 != 0)
      into->wait_for(static_cast<std::uint64_t>(i % 6), 20s);
    (i % 2 == 0 ? a : b).reset();
    auto end = going.end();
    EXPECT_EQ(!end, into->is_whole());
    EXPECT_TRUE(end || has_arrived(*into, data));
  }
}

TEST(transfer, does_nothing_in_a_forked_process) {
  auto a = std::make_unique<node>();
  auto child = ::fork();
  if (child == 0) {
    a.reset();
    ::_exit(0);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(transfer, ends_when_an_object_cannot_be_stored) {
  sample data{3 * mib};
  node a, b;
  a.keep(whole(data));
  auto read_only = std::make_shared<file_descriptor>(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  auto into = std::make_shared<chunked_object>(the_object, read_only, data.bytes.size(), data.checksum);
  EXPECT_THAT(b.pull(into, {a}).end().value_or(""), HasSubstr("object 7 of 3.0 MiB cannot be written"));
}

TEST(transfer, finds_nodes_by_name_and_by_address) {
  sample data{1000};
  node b;
  for (auto host : {"localhost", "::1", "127.0.0.1"}) {
    try {
      node a{10s, "secret", host};
      a.keep(whole(data));
      EXPECT_EQ(a.its_transfer().address().host, host);
      EXPECT_EQ(b.pull(arriving(data), {a}).end(), std::nullopt);
    } catch (const cluster_error&) {
      EXPECT_STRNE(host, "127.0.0.1") << "a machine may be without IPv6, and without names";
    }
  }
  pull_source nowhere{{1}, {"no such host", 1}};
  EXPECT_THAT(b.pull(arriving(data), {nowhere}).end().value_or(""),
              HasSubstr("node 1 at no such host:1 has no address"));
}

TEST(transfer, says_where_it_cannot_listen) {
  for (auto host : {"no such host", "8.8.8.8"}) {
    try {
      node a{10s, "secret", host};
      ADD_FAILURE() << host;
    } catch (const cluster_error& e) {
      EXPECT_EQ(e.code(), error_code::session_failed);
      EXPECT_THAT(e.what(), HasSubstr("cannot listen at '" + std::string{host} + "' for other nodes"));
    }
  }
}

TEST(transfer, brings_many_small_objects_over_few_connections) {
  constexpr std::uint64_t count = 5000;
  sample data{2000};
  node a, b;
  std::vector<object_pointer> objects;
  std::vector<going_pull> pulls;
  auto file = new_file();
  ASSERT_EQ(::pwrite(file->get(), data.bytes.data(), data.bytes.size(), 0), 2000);
  for (std::uint64_t id = 1; id <= count; ++id)
    a.keep(std::make_shared<chunked_object>(object_id{id}, file, 0, data.bytes.size(), data.sums));
  auto time = time_of([&] {
    for (std::uint64_t id = 1; id <= count; ++id) {
      objects.push_back(std::make_shared<chunked_object>(object_id{id}, data.bytes.size(), data.checksum));
      pulls.push_back(b.pull(objects.back(), {a}));
    }
    for (auto& pull : pulls)
      ASSERT_EQ(pull.end(), std::nullopt);
  });
  for (auto& object : objects) {
    auto bytes = object->take_bytes();
    ASSERT_TRUE(std::ranges::equal(std::span<const std::byte>{bytes}, data.bytes));
  }
  std::printf("%.0f small objects per second\n", 1000.0 * count / static_cast<double>(std::max<long>(time.count(), 1)));
}
