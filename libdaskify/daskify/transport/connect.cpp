#include "daskify/transport/connect.hpp"

#include "daskify/error.hpp"
#include "daskify/protocol/endpoint.hpp"
#include "daskify/protocol/wire_version.hpp"

#include <caf/io/middleman_actor.hpp>
#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <chrono>
#include <deque>

namespace daskify::internal::detail {

namespace {

/// How long one address is tried before the next one, and the interval at which `is_wanted` is called.
constexpr std::chrono::milliseconds turn = std::chrono::seconds{1};
/// A reachable machine answers at once; an address that drops packets would block us for minutes.
constexpr int most_probes = 3;

using steady = std::chrono::steady_clock;

/// An address that may still answer.
struct candidate {
  endpoint address;
  int probes = 0;            ///< turns in which it did not accept a connection
  std::optional<reached> by; ///< set: it accepts connections
  steady::time_point since;  ///< when it accepted the connection
};

struct answer {
  caf::strong_actor_ptr actor;
  std::string problem; ///< "" if there is an actor, or if no reply came within a turn
};

std::string in_seconds(steady::duration time) {
  auto tenths = (std::chrono::round<std::chrono::milliseconds>(time).count() + 50) / 100;
  return std::to_string(tenths / 10) + (tenths % 10 == 0 ? "" : "." + std::to_string(tenths % 10)) + " s";
}

/// A repeated call continues on the same connection: CAF keeps a connection whose peer has sent nothing yet.
answer ask(caf::actor_system& system, const endpoint& there, const std::set<std::string>& messages,
           const std::string& what, std::chrono::milliseconds limit) {
  answer got;
  caf::scoped_actor self{system};
  self->request(system.middleman().actor_handle(), limit, caf::connect_atom::value, there.host, there.port)
      .receive(
          [&](caf::node_id&, caf::strong_actor_ptr& actor, std::set<std::string>& speaks) {
            if (!actor)
              got.problem = "no actor is published there";
            else if (std::ranges::includes(speaks, messages))
              got.actor = std::move(actor);
            else
              throw cluster_error{
                  error_code::other_build,
                  "The " + what + " at " + to_text(there) +
                      " is of another version of daskify than this program (whose messages are of version " +
                      wire_version() + "); build both with the same one."};
          },
          [&](caf::error& why) {
            if (why == caf::sec::malformed_basp_message)
              got.problem = "another program listens there";
            else if (why == caf::sec::disconnect_during_handshake)
              got.problem = "hangs up, as if another program listened there";
            else if (why != caf::sec::request_timeout)
              got.problem = caf::to_string(why);
          });
  return got;
}

} // namespace

untyped_peer connect(caf::actor_system& system, const std::vector<endpoint>& addresses,
                     const std::set<std::string>& messages, const std::string& what, const connect_patience& patience) {
  auto until = steady::now() + patience.limit;
  std::string tried;
  auto give_up = [&tried](const std::string& why) { tried += (tried.empty() ? "" : ", ") + why; };
  std::deque<candidate> candidates;
  for (const auto& address : addresses)
    candidates.push_back({address, 0, {}, {}});
  while (!candidates.empty()) {
    if (!patience.is_wanted())
      throw cluster_error{error_code::shut_down, "Connecting to the " + what + " was cancelled."};
    auto next = std::move(candidates.front());
    candidates.pop_front();
    auto limit = turn;
    if (next.by) {
      auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady::now());
      limit = std::clamp(left, std::chrono::milliseconds{0}, turn);
    } else {
      auto begin = steady::now();
      auto probed = find_reachable({next.address}, turn);
      if (auto* none = std::get_if<unreached>(&probed)) {
        auto now = steady::now();
        if (now - begin >= turn && ++next.probes < most_probes && now < until)
          candidates.push_back(std::move(next));
        else
          give_up(none->tried);
        continue;
      }
      next.by = std::get<reached>(std::move(probed));
      next.since = steady::now();
    }
    auto got = ask(system, next.address, messages, what, limit);
    if (got.actor)
      return {std::move(got.actor), std::move(*next.by)};
    // Capped, because a busy machine measures late.
    auto silence = std::min<steady::duration>(steady::now() - next.since, std::max(patience.limit, turn));
    if (!got.problem.empty())
      give_up(to_text(next.address) + " (" + got.problem + ")");
    else if (steady::now() < until)
      candidates.push_back(std::move(next));
    else
      give_up(to_text(next.address) + " (takes the connection, and says nothing for " + in_seconds(silence) + ")");
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
