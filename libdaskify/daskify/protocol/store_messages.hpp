#pragma once

/// Messages about objects between users, stores and the object directory, grouped by conversation.
///
/// Users (the client, the tasks of a worker) communicate with the store of their node only; the stores communicate with
/// the directory. All messages of one user about an object therefore arrive in order. Messages never contain bytes of
/// objects: within a node the bytes are mapped, between nodes they are moved by `transfer`.

#include "daskify/existing_key.hpp"
#include "daskify/protocol/ids.hpp"
#include "daskify/protocol/object_facts.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace daskify::internal {

/// Confirms a request.
struct acknowledged {};

// -- user -> its node's store

/// Registers the sender as a user of objects. Its references and pins are released when it ends.
struct join_store {
  std::string secret;     ///< of the session
  owner_id owner;         ///< the sender's id in the directory
  std::uint32_t slot = 0; ///< index among the launched workers
};

/// Reserves `bytes` to write to. Answered when there is room, or with `no_room`.
struct reserve_room {
  std::uint64_t bytes = 0;
};

/// The room was granted as this block.
struct room_granted {
  block_id block;
};

/// An object that the sender has written to a block, and holds one reference to. The block's memory is a memfd of the
/// sender, which the store opens before it answers.
struct put_object {
  object_facts facts;
  std::string key; ///< empty: none
  existing_key when_taken = existing_key::refuse;
  std::vector<std::uint64_t> sums; ///< checksum of each of its chunks
  block_id block;
  std::uint64_t offset = 0; ///< in the block
  bool last = false;        ///< nothing more is written to the block
  std::int32_t pid = 0;
  std::int32_t fd = -1;
  std::uint64_t inode = 0;
  std::uint64_t block_size = 0; ///< bytes of the file
};

/// The same without a key: it cannot be refused, so there is no answer.
struct put_unkeyed {
  put_object object;
};

/// Nothing more is written to the block.
struct close_block {
  block_id block;
};

/// Asks for the location of an object, which stays in memory until the sender unpins it. The answer may be "not yet".
struct locate_object {
  object_id object;
};

/// The location of an object's bytes: in a memfd of a process on the same node.
struct object_location {
  object_id object;
  bool there = false; ///< false: it is still on its way, ask again
  block_id block;     ///< identifies the file during the lifetime of the store
  std::int32_t pid = 0;
  std::int32_t fd = -1;
  std::uint64_t inode = 0;
  std::uint64_t block_size = 0; ///< bytes of the file
  std::uint64_t offset = 0;
  std::uint64_t size = 0; ///< bytes of the object
  std::uint64_t type = 0; ///< hash of the type it was stored as
};

/// The sender has unmapped these objects, once for each time that an object is listed.
struct unpin_objects {
  std::vector<object_id> objects;
};

/// Store to its users: these objects were freed or dropped; values cached from them can be dropped.
struct objects_freed {
  std::vector<object_id> objects;
};

// -- user -> store -> directory: forwarded on behalf of the user

/// Releases one reference.
struct release_object {
  object_id object;
  owner_id owner; ///< filled in by the store
};

/// The objects are also used by a run that the sender is about to submit. The scheduler releases them when it has
/// ended.
struct retain_objects {
  std::vector<object_id> objects;
  owner_id submitter; ///< filled in by the store
};

/// Finds the object with this key and adds a reference. An error if there is none, or if the object has another type.
struct find_object {
  std::string key;
  std::uint64_t type = 0; ///< hash of the type's name; 0: any
  std::string type_name;
  owner_id owner; ///< filled in by the store
};

/// The object that was found.
struct object_found {
  object_facts facts;
};

/// Removes a key.
struct drop_key {
  std::string key;
  object_id object; ///< removes the key of this object, if it has one, instead of `key`
  owner_id owner;   ///< filled in by the store
};

/// Asks for a list of all objects.
struct list_objects {};

/// Information about an object for users.
struct object_entry {
  object_facts facts;
  std::string key;                ///< empty: none
  std::uint64_t references = 0;   ///< number of references by handles and runs
  std::vector<std::string> nodes; ///< nodes that have all of it; the first one is the keeper
};

/// All objects.
struct object_list {
  std::vector<object_entry> objects; ///< by id
};

/// Asks for all nodes and their usage.
struct list_nodes {};

/// Usage of a store, in bytes.
struct store_figures {
  std::uint64_t limit = 0;
  std::uint64_t memory = 0; ///< used, out of `limit`
  std::uint64_t in_use = 0; ///< part of `memory` used by running tasks, views, and data on their way
  std::uint64_t disk = 0;   ///< on disk, and not in memory
  std::uint64_t sent = 0;   ///< sent to other nodes so far
};

struct node_entry {
  node_id node;
  std::string name;
  store_figures figures;
};

/// The nodes that have answered.
struct node_list {
  std::vector<node_entry> nodes; ///< by id
};

/// Copies the object to every node, now.
struct spread_object {
  object_id object;
};

/// Answered when the directory has registered all objects that the sender has put before.
struct flush_puts {};

// -- store <-> directory

/// A store requests to join.
struct admit_node {
  std::string name; ///< for messages to users
  std::string host; ///< address at which it serves transfers
  std::uint16_t port = 0;
};

/// This node is about to leave: objects that only it has are copied to another node.
struct evacuate_node {
  node_id node;
};

/// The store has joined as this node.
struct node_admitted {
  node_id node;
};

/// A new object is on the sender's node.
struct add_object {
  object_facts facts;
  std::string key;
  existing_key when_taken = existing_key::refuse;
  owner_id owner;
};

/// The same without a key: there is no answer.
struct add_unkeyed {
  add_object object;
};

/// Asks for nodes to pull this object from.
struct find_sources {
  object_id object;
  std::vector<node_id> failed; ///< sources that could not provide it
};

/// A node and the address at which it serves transfers.
struct object_source_entry {
  node_id node;
  std::string host;
  std::uint16_t port = 0;
};

/// The sources, best first.
struct object_sources {
  object_facts facts;
  std::vector<object_source_entry> sources;
};

/// The sender has all of this object.
struct object_arrived {
  object_id object;
};

/// The sender has removed this object, or did not get it.
struct object_dropped {
  object_id object;
  std::string why; ///< empty: it was not needed any more
};

/// Directory: requests to free these objects.
struct free_objects {
  std::vector<object_id> objects;
};

/// Directory: the receiver's copy must not be dropped.
struct keep_object {
  object_id object;
};

/// Directory: asks for the usage of the store.
struct count_store {};

/// Directory: requests to fetch this object. Answered when it has arrived, or with "not yet".
struct hold_object {
  object_id object;
};

/// The object has arrived, or is still on its way: ask again.
struct object_held {
  bool there = false;
};

// -- scheduler -> directory

/// The results that a worker has stored belong to a run from now on.
struct claim_objects {
  std::vector<object_id> objects;
  owner_id from;
};

/// The results of a run are no longer needed.
struct release_objects {
  std::vector<object_id> objects;
};

/// The arguments of a run are no longer needed.
struct release_arguments {
  std::vector<object_id> objects;
  owner_id submitter;
};

/// A node has ended, although its connection may not be broken yet.
struct node_gone {
  node_id node;
};

/// A worker or a client has ended.
struct owner_gone {
  owner_id owner;
};

} // namespace daskify::internal
