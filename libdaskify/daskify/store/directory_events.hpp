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

/// `name` is for people.
struct node_joined {
  node_id node;
  std::string name;
};
/// All that was on the node is gone; `how` goes on after the node's name: "was killed by signal 9".
struct node_left {
  node_id node;
  std::string how;
};

// -- objects and references ---------------------------------------------------------------------------------

/// A new object on `node`, held by `owner`. Throws `key_taken` under `refuse`, `store_failed` for an id without meaning
/// or in use. An unknown node is one that has just left: the object is lost from the beginning.
/// A key means something else in each `key_space`; the keys in an owner's space are dropped when that owner leaves.
struct object_put {
  object_facts facts;
  std::string key;
  existing_key when_taken = existing_key::refuse;
  node_id node;
  owner_id owner;
  owner_id key_space{};
};
/// One more reference. Throws `unknown_object`.
struct retained {
  object_id object;
  owner_id owner;
};
/// One reference less. Ignored for an unknown object or reference: handles outlive what they refer to.
struct released {
  object_id object;
  owner_id owner;
};
/// The same for references that are taken and given back by different ways, in any order. An owner that has left takes
/// none.
struct retained_for_run {
  object_id object;
  owner_id owner;
};
struct released_from_run {
  object_id object;
  owner_id owner;
};
/// A reference moves from one owner to another, where the first has one.
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
/// The same for the key of an object. Ignored where the object has none in that key space, or is unknown.
struct key_of_object_dropped {
  object_id object;
  owner_id key_space{};
};
/// All references and keys of the owner are dropped, and the owner gets no more.
struct owner_left {
  owner_id owner;
};

// -- copies -------------------------------------------------------------------------------------------------

/// `node` pulls the object, and asks for sources; to be repeated as long as it pulls: `failed` are sources that gave
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
/// `node` has the object no more, or has given up pulling it; the keeper only where its copy is damaged.
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
