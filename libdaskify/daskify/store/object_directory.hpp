#pragma once

/// Keeps track of the cluster's objects: their keys, their nodes, and the owners of references. Makes the decisions of
/// the directory actor, without the actor.
///
/// An object lives as long as it has a reference or a key. Its bytes are on one node or more. The first of these nodes
/// is the keeper and keeps the bytes (in memory or on disk); the others have copies that they may drop. When the keeper
/// leaves, the next node becomes the keeper; when no node has the object any more, it is lost, and requests for it
/// fail.
///
///   put ---> on its keeper ---> arriving on others ---> also on others
///              |                   ^        '-- sources are requested again when they fail
///              |  all have left    | one of them has all of it
///              '----------> lost --'
///
/// Not thread-safe: used by the directory actor only. An event either throws data_error and changes nothing, or calls
/// its effects before it returns.

#include "daskify/existing_key.hpp"
#include "daskify/protocol/ids.hpp"
#include "daskify/protocol/object_facts.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace daskify::internal {

/// The effects of the directory on other actors.
class directory_effects {
public:
  virtual ~directory_effects() = default;
  /// The node has to free the object, because it can no longer be requested.
  virtual void free_on(node_id node, object_id object) = 0;
  /// The node's copy has become the one that must not be dropped.
  virtual void keep_on(node_id node, object_id object) = 0;
};

class object_directory {
public:
  struct entry {
    object_facts facts;
    std::uint64_t arrival = 0;                                  ///< sequence number of its put, from 1
    std::string key;                                            ///< empty: none
    owner_id key_space;                                         ///< name space of the key
    std::vector<std::pair<owner_id, std::uint64_t>> references; ///< count per owner; no count is 0
    std::vector<node_id> holders;                               ///< have all of it; the first one is the keeper

    std::uint64_t reference_count() const;
  };

  explicit object_directory(directory_effects& effects) : effects_{effects} {}

  // -- events -----------------------------------------------------------------------------------------------

  /// `name` is for messages to users.
  void node_joined(node_id node, std::string name);
  /// The copies on this node are lost. `how` gives the reason for messages ("was killed by signal 9").
  void node_left(node_id node, const std::string& how);

  /// Adds an object that is on `node` and is owned by `owner`. Throws `key_taken` under `refuse`, `store_failed` for an
  /// id that is 0 or in use. If the node is unknown, because it has just left, the object is lost from the beginning.
  /// Each `key_space` has its own keys, which are removed together with the owner of that space.
  void put(object_facts facts, std::string key, existing_key when_taken, node_id node, owner_id owner,
           owner_id key_space = {});

  /// Adds a reference. Throws `unknown_object`.
  void retain(object_id object, owner_id owner);
  /// Removes a reference. Ignored if the object or the reference does not exist any more: handles may outlive their
  /// objects.
  void release(object_id object, owner_id owner);
  /// The same for references that are added and removed over different routes, in any order. Ignored for an owner that
  /// has left.
  void retain_for_run(object_id object, owner_id owner);
  void release_from_run(object_id object, owner_id owner);
  /// Moves a reference from one owner to another, if it exists.
  void hand_over(object_id object, owner_id from, owner_id to);
  /// Throws `unknown_key`.
  void drop_key(std::string_view key, owner_id key_space = {});
  /// The same for the key of an object; does nothing if the object has no key in that key space or was freed.
  void drop_key_of(object_id object, owner_id key_space = {});
  /// Removes all its references and keys. It can get no new ones.
  void owner_left(owner_id owner);

  /// The nodes from which `node` may pull the object, best first; some of them may still be receiving it. `node` is
  /// registered as pulling from them. `failed` are former sources that gave nothing. Empty if `node` has the object
  /// itself, or if all other nodes that have it are in `failed` and have not left. Throws `unknown_object`, and
  /// `object_lost` with the reason.
  std::vector<node_id> sources(object_id object, node_id node, const std::vector<node_id>& failed);
  /// `node` has all of it.
  void arrived(object_id object, node_id node);
  /// `node` has removed the object, or has given up pulling it. The keeper removes an object only if it is damaged.
  void dropped(object_id object, node_id node, const std::string& why = {});

  // -- questions ----------------------------------------------------------------------------------------------

  /// Throws `unknown_object`.
  const entry& find(object_id object) const;
  /// Throws `unknown_key`, naming similar keys.
  const entry& find_by_key(std::string_view key, owner_id key_space = {}) const;
  /// All objects, in the order in which they were put.
  std::vector<const entry*> list() const;
  /// The objects that are lost when this node leaves.
  std::vector<object_id> only_on(node_id node) const;
  std::vector<node_id> nodes() const;
  const std::string& name_of(node_id node) const;

  /// Throws std::logic_error if the data structures are inconsistent. Slow: for tests.
  void check_invariants() const;

private:
  struct pull {
    node_id node;
    std::vector<node_id> from;
  };
  struct record : entry {
    std::vector<pull> pulls; ///< in the order in which they began: no pull has a source that began later
    std::string lost;        ///< why the object is lost; empty: it is not lost
    /// References of runs that were removed before they were added.
    std::vector<std::pair<owner_id, std::uint64_t>> owed;
  };
  struct node_record {
    std::string name;
    std::uint64_t serving = 0; ///< number of pulls that have it as a source
  };

  record& locate(object_id object);
  void require_there(owner_id owner) const;
  void add_references(record& of, owner_id owner, std::uint64_t count);
  bool remove_reference(record& of, owner_id owner);
  void free_if_unused(object_id object);
  void end_pull(record& of, node_id node);
  void forget_sources(pull& which);
  void lose_if_gone(record& of, const std::string& why);

  directory_effects& effects_;
  std::unordered_map<object_id, record> objects_;
  std::uint64_t arrivals_ = 0;
  std::map<owner_id, std::map<std::string, object_id, std::less<>>> keys_; ///< by key space; no map is empty
  std::map<node_id, node_record> nodes_;
  std::unordered_map<owner_id, std::unordered_map<object_id, std::uint64_t>> held_; ///< the references, by owner
  std::unordered_set<owner_id> left_;                                               ///< owners' ids are never reused
};

/// The errors of lost and unknown objects, which are also thrown elsewhere.
[[noreturn]] void throw_unknown_object(object_id object);
[[noreturn]] void throw_lost_object(object_id object, const std::string& key, const std::string& why);

} // namespace daskify::internal
