#include "daskify/transport/connect.hpp"

#include "daskify/error.hpp"
#include "daskify/protocol/wire_version.hpp"

#include <caf/io/middleman_actor.hpp>
#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <chrono>

namespace daskify::internal::detail {

namespace {

/// A machine that is there answers at once; what drops packets would keep us for minutes.
constexpr auto connect_patience = std::chrono::seconds{3};
/// That one which is there gets, however little is left of the patience.
constexpr auto least_patience = std::chrono::seconds{1};

std::string in_seconds(std::chrono::milliseconds time) {
  auto tenths = (time.count() + 50) / 100;
  return std::to_string(tenths / 10) + (tenths % 10 == 0 ? "" : "." + std::to_string(tenths % 10)) + " s";
}

} // namespace

untyped_peer connect(caf::actor_system& system, const std::vector<endpoint>& addresses,
                     const std::set<std::string>& messages, const std::string& what,
                     std::chrono::milliseconds patience) {
  using clock = std::chrono::steady_clock;
  auto until = clock::now() + patience;
  std::string tried;
  auto remaining = addresses;
  while (!remaining.empty()) {
    auto answer = find_reachable(remaining, connect_patience);
    auto* found = std::get_if<reached>(&answer);
    if (!found) {
      tried += (tried.empty() ? "" : ", ") + std::get<unreached>(answer).tried;
      break;
    }
    std::string problem;
    bool is_other_version = false;
    caf::strong_actor_ptr actor;
    // Where there is another address to be tried, time is kept for it.
    auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now());
    bool is_last = found->peer == remaining.back();
    auto given =
        std::max<std::chrono::milliseconds>(is_last ? left : std::min(left, handshake_timeout), least_patience);
    caf::scoped_actor self{system};
    self->request(system.middleman().actor_handle(), given, caf::connect_atom::value, found->peer.host,
                  found->peer.port)
        .receive(
            [&](caf::node_id&, caf::strong_actor_ptr& there, std::set<std::string>& speaks) {
              if (!there)
                problem = "nobody is published there";
              else if (!std::ranges::includes(speaks, messages))
                is_other_version = true;
              else
                actor = there;
            },
            [&](caf::error& why) {
              problem = why == caf::sec::request_timeout
                            ? "takes the connection, and says nothing for " + in_seconds(given)
                            : caf::to_string(why);
            });
    if (is_other_version)
      throw cluster_error{error_code::other_build,
                          "The " + what + " at " + to_text(found->peer) +
                              " is of another version of daskify than this program (whose messages are of version " +
                              wire_version() + "); build both with the same one."};
    if (actor)
      return {std::move(actor), *found};
    tried += (tried.empty() ? "" : ", ") + to_text(found->peer) + " (" + problem + ")";
    remaining.erase(remaining.begin(), std::ranges::find(remaining, found->peer) + 1);
  }
  throw cluster_error{error_code::scheduler_gone,
                      "This process reached the " + what + " at none of its addresses: " + tried +
                          "; check that it still runs, that no firewall is between, and that the option interface "
                          "names the network that both are on."};
}

endpoint publish(caf::actor_system& system, const caf::strong_actor_ptr& actor, std::set<std::string> messages,
                 const std::string& what, const std::optional<std::string>& listen_at, std::uint16_t port) {
  caf::expected<std::uint16_t> bound = caf::sec::none;
  caf::scoped_actor self{system};
  self->request(system.middleman().actor_handle(), handshake_timeout, caf::publish_atom::value, port, actor,
                std::move(messages), listen_at.value_or(""), false)
      .receive([&](std::uint16_t got) { bound = got; }, [&](caf::error& why) { bound = std::move(why); });
  if (!bound)
    throw cluster_error{error_code::session_failed,
                        "The " + what + " could not listen at " +
                            (listen_at ? *listen_at : std::string{"the addresses of this machine"}) +
                            (port == 0 ? std::string{} : ", port " + std::to_string(port)) + " (" +
                            caf::to_string(bound.error()) +
                            (port == 0 ? "); check the limits on sockets and open files."
                                       : "); the port may be taken: name another one, or 0 for a free one.")};
  return {listen_at.value_or(""), *bound};
}

} // namespace daskify::internal::detail
