#include "daskify/scheduler/member_registry.hpp"

#include <algorithm>
#include <utility>

namespace daskify::internal {

namespace {

/// Workers and clients that a scheduler can have had, so that the ids of their objects and runs are unique.
constexpr std::uint64_t most_ids = (std::uint64_t{1} << (64 - own_id_bits)) - 3;

template <class Map, class Key>
std::optional<typename Map::mapped_type> take(Map& from, const Key& key) {
  auto found = from.extract(key);
  return found.empty() ? std::nullopt : std::optional{std::move(found.mapped())};
}

} // namespace

bool member_registry::has_ids() const noexcept {
  return last_id_ < most_ids;
}

auto member_registry::add(worker_id id, worker joined) -> worker& {
  identities_[joined.actor.address()] = id;
  if (joined.identity)
    identities_[joined.identity] = id;
  joined.node = slot_of(joined.who.node);
  return workers_[id] = std::move(joined);
}

auto member_registry::add(worker_id id, client joined) -> client& {
  for (const auto& address : joined.identities)
    identities_[address] = id;
  return clients_[id] = std::move(joined);
}

auto member_registry::add(node joined, const std::string& name) -> node& {
  auto& known = launched_[joined.slot];
  known.name = name;
  known.draining = false;
  if (known.end && *known.end <= joined.heard)
    known.end.reset();
  auto address = joined.actor.address();
  return nodes_[address] = std::move(joined);
}

auto member_registry::take_worker(worker_id id) -> std::optional<worker> {
  auto gone = take(workers_, id);
  if (gone) {
    identities_.erase(gone->actor.address());
    if (gone->identity)
      identities_.erase(gone->identity);
  }
  return gone;
}

auto member_registry::take_client(worker_id id) -> std::optional<client> {
  auto gone = take(clients_, id);
  if (gone)
    for (const auto& address : gone->identities)
      identities_.erase(address);
  return gone;
}

auto member_registry::take_node(const caf::actor_addr& address) -> std::optional<node> {
  return take(nodes_, address);
}

void member_registry::forget_if_unused(std::uint32_t slot) {
  if (!joined(slot) && std::ranges::none_of(workers_, [&](const auto& w) { return w.second.node == slot; }))
    launched_.erase(slot);
}

// -- senders ------------------------------------------------------------------------------------------------

std::optional<worker_id> member_registry::identity_of(const caf::strong_actor_ptr& sender) const {
  auto known = sender ? identities_.find(sender->address()) : identities_.end();
  return known == identities_.end() ? std::nullopt : std::optional{known->second};
}

auto member_registry::worker_of(const caf::strong_actor_ptr& sender, worker_id* id) -> worker* {
  auto known = identity_of(sender);
  auto found = known ? workers_.find(*known) : workers_.end();
  if (found == workers_.end() || found->second.actor.address() != sender->address())
    return nullptr;
  if (id)
    *id = found->first;
  return &found->second;
}

auto member_registry::client_of(const caf::strong_actor_ptr& sender) -> client* {
  auto known = identity_of(sender);
  auto found = known ? clients_.find(*known) : clients_.end();
  return found == clients_.end() || found->second.link.address() != sender->address() ? nullptr : &found->second;
}

auto member_registry::node_of(const caf::strong_actor_ptr& sender) -> node* {
  auto known = sender ? nodes_.find(sender->address()) : nodes_.end();
  return known == nodes_.end() ? nullptr : &known->second;
}

// -- questions ----------------------------------------------------------------------------------------------

auto member_registry::launched(std::uint32_t slot) -> launched_node* {
  auto known = launched_.find(slot);
  return known == launched_.end() ? nullptr : &known->second;
}

auto member_registry::launched_node_of(const worker& of) const -> const launched_node* {
  return of.node ? &launched_.at(*of.node) : nullptr;
}

std::optional<std::uint32_t> member_registry::slot_of(const std::string& node_name) const {
  std::optional<std::uint32_t> slot;
  for (const auto& [candidate, known] : launched_)
    if (!node_name.empty() && known.name == node_name)
      slot = candidate;
  return slot;
}

auto member_registry::joined(std::uint32_t slot) const -> const node* {
  auto found = std::ranges::find_if(nodes_, [&](const auto& n) { return n.second.slot == slot; });
  return found == nodes_.end() ? nullptr : &found->second;
}

std::vector<worker_id> member_registry::workers_on(std::uint32_t slot) const {
  std::vector<worker_id> there;
  for (const auto& [id, w] : workers_)
    if (w.node == slot)
      there.push_back(id);
  return there;
}

bool member_registry::is_silent(std::uint32_t slot, clock::time_point now, std::chrono::milliseconds timeout) const {
  return std::ranges::none_of(nodes_, [&](const auto& entry) {
    const auto& n = entry.second;
    return n.slot == slot && n.state != node::given_up && (n.state == node::starting || now - n.heard < timeout);
  });
}

void member_registry::all_heard(clock::time_point now) {
  for (auto& [id, w] : workers_)
    w.heard = now;
  for (auto& [address, n] : nodes_)
    n.heard = now;
  for (auto& [id, c] : clients_)
    c.heard = now;
}

} // namespace daskify::internal
