/// Which of several addresses a process gets through to, and how long it waits for one that takes its connection and
/// says nothing.

#include "daskify/error.hpp"
#include "daskify/protocol/actors.hpp"
#include "daskify/protocol/endpoint.hpp"
#include "daskify/transport/actor_system.hpp"
#include "daskify/transport/connect.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace daskify::internal {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

/// Takes connections like a process that stands still, or none at all.
class listener {
public:
  explicit listener(bool takes_connections, int queue = 16) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    if (::bind(socket_, reinterpret_cast<sockaddr*>(&at), size) != 0 ||
        (takes_connections && ::listen(socket_, queue)) ||
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&at), &size) != 0)
      throw std::runtime_error{"no socket for the test"};
    at_ = {loopback, ntohs(at.sin_port)};
  }
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;
  ~listener() { ::close(socket_); }

  const endpoint& at() const { return at_; }

private:
  int socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
  endpoint at_;
};

struct connect_test : testing::Test {
  system_config config;
  caf::actor_system system{config};
  listener silent{true};
  listener refusing{false};

  std::string refusal(const std::vector<endpoint>& addresses, const connect_patience& patience) {
    try {
      connect_to<link_actor>(system, addresses, "client", patience);
    } catch (const cluster_error& e) {
      if (e.code() != error_code::scheduler_gone)
        throw;
      return e.what();
    }
    return "";
  }
};

TEST_F(connect_test, says_what_each_address_answered) {
  EXPECT_THAT(refusal({refusing.at(), silent.at()}, {100ms}),
              AllOf(HasSubstr(to_text(refusing.at()) + " (Connection refused), "),
                    HasSubstr(to_text(silent.at()) + " (takes the connection, and says nothing for ")));
}

TEST_F(connect_test, has_all_its_patience_with_an_address_that_is_not_the_last) {
  auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(refusal({silent.at(), refusing.at()}, {2500ms}),
              ContainsRegex(to_text(silent.at()) + " .takes the connection, and says nothing for [2-9]"));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 2500ms);
}

TEST_F(connect_test, gets_through_to_an_address_behind_one_that_says_nothing) {
  system_config their_config;
  caf::actor_system there{their_config};
  auto actor = there.spawn([]() -> link_actor::behavior_type { return {[](node_tick) {}}; });
  auto where = publish(there, actor, "client");
  auto found = connect_to<link_actor>(system, {silent.at(), where}, "client", {10min});
  EXPECT_EQ(found.by.peer, where);
  caf::anon_send_exit(actor, caf::exit_reason::kill);
}

/// Its queue of connections is full: it drops what comes, as a firewall does.
struct swallowing : listener {
  swallowing() : listener{true, 0} {
    for (auto& visitor : visitors_) {
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      to.sin_port = htons(at().port);
      visitor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      ::connect(visitor, reinterpret_cast<sockaddr*>(&to), sizeof to);
    }
  }
  ~swallowing() {
    for (int visitor : visitors_)
      ::close(visitor);
  }

private:
  std::array<int, 4> visitors_;
};

TEST_F(connect_test, ends_when_nobody_wants_it_any_more) {
  swallowing firewall;
  for (const auto& where : {silent.at(), firewall.at()}) {
    int asked = 0;
    EXPECT_THROW(refusal({where}, {10min, [&] { return ++asked < 3; }}), cluster_error);
    EXPECT_EQ(asked, 3);
  }
}

TEST_F(connect_test, gives_up_an_address_that_never_answers) {
  swallowing firewall;
  EXPECT_THAT(refusal({firewall.at()}, {10min}), HasSubstr(to_text(firewall.at()) + " (no answer within 1s)"));
}

} // namespace
} // namespace daskify::internal
