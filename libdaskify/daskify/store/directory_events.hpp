#pragma once

/// What happens to the object directory, as data: to be applied, recorded and replayed.

#include "daskify/existing_key.hpp"
#include "daskify/protocol/ids.hpp"
#include "daskify/protocol/object_facts.hpp"

#include <string>
#include <variant>
#include <vector>

namespace daskify::internal {

namespace directory_events {

// -- nodes --------------------------------------------------------------------------------------------------

/// `name` is for messages to users.
struct node_joined {
  node_id node;
  std::string name;
};
/// The copies on the node are lost. `how` goes on after the node's name: "was killed by signal 9".
struct node_left {
  node_id node;
  std::string how;
};

// -- objects and references ---------------------------------------------------------------------------------

/// A new object on `node`, owned by `owner`. Throws `key_taken` under `refuse`, `store_failed` for an id that is 0 or
/// in use. Where the node is unknown, because it has just left, the object is lost from the beginning. Each `key_space`
/// has its own keys, which are removed together with the owner of that space.
struct object_put {
  object_facts facts;
  std::string key;
  existing_key when_taken = existing_key::refuse;
  node_id node;
  owner_id owner;
  owner_id key_space{};
};
/// Adds a reference. Throws `unknown_object`.
struct retained {
  object_id object;
  owner_id owner;
};
/// Removes a reference. Ignored where the object or the reference does not exist any more: handles may outlive their
/// objects.
struct released {
  object_id object;
  owner_id owner;
};
/// The same for references that are added and removed over different routes, in any order. Ignored for an owner that
/// has left.
struct retained_for_run {
  object_id object;
  owner_id owner;
};
struct released_from_run {
  object_id object;
  owner_id owner;
};
/// Moves a reference from one owner to another, where the first owner has one.
struct handed_over {
  object_id object;
  owner_id from;
  owner_id to;
};
/// Throws `unknown_key`.
struct key_dropped {
  std::string key;
  owner_id key_space{};
};
/// The same for the key of an object. Ignored where the object has no key in that key space, or was freed.
struct key_of_object_dropped {
  object_id object;
  owner_id key_space{};
};
/// Removes all references and keys of the owner, which can get no new ones.
struct owner_left {
  owner_id owner;
};

// -- copies -------------------------------------------------------------------------------------------------

/// `node` pulls the object and asks for sources, repeatedly while it pulls: `failed` are former sources that gave
/// nothing. `offer_sources` follows. Throws `unknown_object`, and `object_lost` with the reason.
struct sources_asked {
  object_id object;
  node_id node;
  std::vector<node_id> failed;
};
/// `node` has all of the object.
struct arrived {
  object_id object;
  node_id node;
};
/// `node` has removed the object, or has given up pulling it. The keeper removes an object only if it is damaged.
struct dropped {
  object_id object;
  node_id node;
  std::string why{};
};

} // namespace directory_events

using directory_event =
    std::variant<directory_events::node_joined, directory_events::node_left, directory_events::object_put,
                 directory_events::retained, directory_events::released, directory_events::retained_for_run,
                 directory_events::released_from_run, directory_events::handed_over, directory_events::key_dropped,
                 directory_events::key_of_object_dropped, directory_events::owner_left, directory_events::sources_asked,
                 directory_events::arrived, directory_events::dropped>;

} // namespace daskify::internal
