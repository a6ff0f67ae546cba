#pragma once

/// What users, stores and the object directory say to each other about objects, grouped by conversation.
///
/// Users (the client, the tasks of a worker) talk to the store of their node only; the stores talk to the directory. So
/// everything that one user says about an object arrives in the order in which it was said. Bytes of objects are never
/// in a message: within a node they are mapped, between nodes they travel by `transfer`.

#include "daskify/existing_key.hpp"
#include "daskify/protocol/ids.hpp"
#include "daskify/protocol/object_facts.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace daskify::internal {

/// It is done.
struct acknowledged {};

// -- user -> its node's store

/// I will use objects. What I hold is let go of when I am gone.
struct join_store {
  std::string secret;     ///< of the session
  owner_id owner;         ///< who I am to the directory
  std::uint32_t slot = 0; ///< which of the launched workers this is
};

/// May I write so much? Answered when there is room, or with `no_room`.
struct reserve_room {
  std::uint64_t bytes = 0;
};

/// Yes, as this block.
struct room_granted {
  block_id block;
};

/// An object that I have written into a block, and hold one reference to. The block's memory is a memfd of mine, which
/// the store opens before it answers.
struct put_object {
  object_facts facts;
  std::string key; ///< empty: none
  existing_key when_taken = existing_key::refuse;
  std::vector<std::uint64_t> sums; ///< of its chunks; empty: not more than one
  block_id block;
  std::uint64_t offset = 0; ///< in the block
  bool last = false;        ///< nothing more comes into the block
  std::int32_t pid = 0;
  std::int32_t fd = -1;
  std::uint64_t inode = 0;
  std::uint64_t block_size = 0; ///< bytes of the file
};

/// The same without a key: as nothing can be refused, nothing is answered.
struct put_unkeyed {
  put_object object;
};

/// Nothing more comes into the block.
struct close_block {
  block_id block;
};

/// Where is this object? It stays in memory until I unpin it. The answer may be "not yet".
struct locate_object {
  object_id object;
};

/// Where one object's bytes are: in a memfd of a process on the same node.
struct object_location {
  object_id object;
  bool there = false; ///< else it is still on its way: ask again
  block_id block;     ///< names the file as long as the store lives
  std::int32_t pid = 0;
  std::int32_t fd = -1;
  std::uint64_t inode = 0;
  std::uint64_t block_size = 0; ///< bytes of the file
  std::uint64_t offset = 0;
  std::uint64_t size = 0; ///< bytes of the object
  std::uint64_t type = 0; ///< hash of the type it was stored as
};

/// I do not have it mapped any more, for each time that it is named.
struct unpin_objects {
  std::vector<object_id> objects;
};

/// Store to its users: these objects are gone, nothing made of them need be kept.
struct objects_freed {
  std::vector<object_id> objects;
};

// -- user -> store -> directory: passed on in the user's name

/// One reference less.
struct release_object {
  object_id object;
  owner_id owner; ///< filled in by the store
};

/// My runs hold these, too: one that I am about to submit. The scheduler lets go of them when it is over.
struct retain_objects {
  std::vector<object_id> objects;
  owner_id submitter; ///< filled in by the store
};

/// Which object has this key? Counts as a new reference. An error when there is none, or when it has another type.
struct find_object {
  std::string key;
  std::uint64_t type = 0; ///< hash of the type's name; 0: any
  std::string type_name;
  owner_id owner; ///< filled in by the store
};

/// This one.
struct object_found {
  object_facts facts;
};

/// Forget a key.
struct drop_key {
  std::string key;
  object_id object; ///< instead of a key: that of this object, if it has one
  owner_id owner;   ///< filled in by the store
};

/// What is there?
struct list_objects {};

/// What a person wants to know about an object.
struct object_entry {
  object_facts facts;
  std::string key;                ///< empty: none
  std::uint64_t references = 0;   ///< handles and runs that hold it
  std::vector<std::string> nodes; ///< that have all of it; the first one keeps it
};

/// Everything there is.
struct object_list {
  std::vector<object_entry> objects; ///< by id
};

/// Which nodes are there, and what do they hold?
struct list_nodes {};

/// What a store holds, in bytes.
struct store_figures {
  std::uint64_t limit = 0;
  std::uint64_t memory = 0; ///< taken, of `limit`
  std::uint64_t in_use = 0; ///< of that: by running tasks, views, and data on their way
  std::uint64_t disk = 0;   ///< on disk, and not in memory
  std::uint64_t sent = 0;   ///< to other nodes, so far
};

struct node_entry {
  node_id node;
  std::string name;
  store_figures figures;
};

/// Those that have answered.
struct node_list {
  std::vector<node_entry> nodes; ///< by id
};

/// Bring the object to every node, now.
struct spread_object {
  object_id object;
};

/// Answer when you know of all objects that I have put before.
struct flush_puts {};

// -- store <-> directory

/// A store wants to take part.
struct admit_node {
  std::string name; ///< for people
  std::string host; ///< where its transfers listen
  std::uint16_t port = 0;
};

/// This node is about to leave: what only it has is wanted elsewhere.
struct evacuate_node {
  node_id node;
};

/// It may, as this node.
struct node_admitted {
  node_id node;
};

/// A new object is on my node.
struct add_object {
  object_facts facts;
  std::string key;
  existing_key when_taken = existing_key::refuse;
  owner_id owner;
};

/// The same without a key: nothing is answered.
struct add_unkeyed {
  add_object object;
};

/// Where can I pull this object from?
struct find_sources {
  object_id object;
  std::vector<node_id> failed; ///< sources that turned out to be gone
};

/// A node and where its transfers listen.
struct object_source_entry {
  node_id node;
  std::string host;
  std::uint16_t port = 0;
};

/// From these, best first.
struct object_sources {
  object_facts facts;
  std::vector<object_source_entry> sources;
};

/// I have all of it.
struct object_arrived {
  object_id object;
};

/// I have it no more, or did not get it.
struct object_dropped {
  object_id object;
  std::string why; ///< empty: there was no need for it
};

/// Directory: let go of these.
struct free_objects {
  std::vector<object_id> objects;
};

/// Directory: your copy is the one to keep.
struct keep_object {
  object_id object;
};

/// Directory: what do you hold?
struct count_store {};

/// Directory: have this object. Answered when it is there, or with "not yet".
struct hold_object {
  object_id object;
};

/// It is there, or still on its way: ask again.
struct object_held {
  bool there = false;
};

// -- scheduler -> directory

/// The results that a worker has stored belong to a run from now on.
struct claim_objects {
  std::vector<object_id> objects;
  owner_id from;
};

/// The results of a run are not needed any more.
struct release_objects {
  std::vector<object_id> objects;
};

/// The arguments of a run are not needed any more.
struct release_arguments {
  std::vector<object_id> objects;
  owner_id submitter;
};

/// A node is gone, although its connection may not be broken yet.
struct node_gone {
  node_id node;
};

/// A worker or a client is gone.
struct owner_gone {
  owner_id owner;
};

} // namespace daskify::internal
