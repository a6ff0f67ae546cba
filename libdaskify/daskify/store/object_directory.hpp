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
/// Not thread-safe: it belongs to the directory actor.

#include "daskify/protocol/ids.hpp"
#include "daskify/protocol/object_facts.hpp"
#include "daskify/store/directory_events.hpp"

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
  /// `node` may pull the object from these, best first; some of them are still receiving it. None: all nodes that have
  /// the object are among the failed ones and are still there, or the node has the object itself.
  virtual void offer_sources(node_id node, object_id object, const std::vector<node_id>& sources) = 0;
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

  /// Either throws data_error, with the books unchanged, or calls the effects of the event before it returns.
  void apply(directory_event event);

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

  void on(directory_events::node_joined& event);
  void on(const directory_events::node_left& event);
  void on(directory_events::object_put& event);
  void on(const directory_events::retained& event);
  void on(const directory_events::released& event);
  void on(const directory_events::retained_for_run& event);
  void on(const directory_events::released_from_run& event);
  void on(const directory_events::handed_over& event);
  void on(const directory_events::key_dropped& event);
  void on(const directory_events::key_of_object_dropped& event);
  void on(const directory_events::owner_left& event);
  void on(const directory_events::sources_asked& event);
  void on(const directory_events::arrived& event);
  void on(const directory_events::dropped& event);

  std::vector<node_id> sources(object_id object, node_id node, const std::vector<node_id>& failed);
  void drop_key(std::string_view key, owner_id key_space);
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
