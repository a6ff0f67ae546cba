#pragma once

/// Which objects the cluster has: under which key, on which nodes, and who holds them. The decisions of the directory
/// actor, without the actor.
///
/// An object lives as long as somebody holds a reference to it or it has a key. Its bytes are on one node or more. The
/// first of them keeps them (in memory or on disk); the others have copies that they may drop. When the keeper is gone
/// the next one keeps; when nobody has it any more the object is lost, and whoever asks for it is told so.
///
///   put ---> on its keeper ---> arriving on others ---> on others, too
///              |                   ^        '-- asked again when their sources are gone
///              |  all gone         | one of them had it all
///              '----------> lost --'
///
/// Not thread-safe: it belongs to the directory actor. Events either throw data_error and change nothing, or are
/// followed by their effects before they return.

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

/// The directory's only exit.
class directory_effects {
public:
  virtual ~directory_effects() = default;
  /// The node shall let go of the object: nothing can ask for it any more.
  virtual void free_on(node_id node, object_id object) = 0;
  /// The node's copy has become the one that must not be dropped.
  virtual void keep_on(node_id node, object_id object) = 0;
};

class object_directory {
public:
  struct entry {
    object_facts facts;
    std::uint64_t arrival = 0;                                  ///< so many have come before it, and one
    std::string key;                                            ///< empty: none
    owner_id key_space;                                         ///< where that is known
    std::vector<std::pair<owner_id, std::uint64_t>> references; ///< how many each owner holds; none of 0
    std::vector<node_id> holders;                               ///< that have all of it; the first one keeps it

    std::uint64_t reference_count() const;
  };

  explicit object_directory(directory_effects& effects) : effects_{effects} {}

  // -- events -----------------------------------------------------------------------------------------------

  /// `name` is for people.
  void node_joined(node_id node, std::string name);
  /// Everything that was there is gone, for example because `how` ("was killed by signal 9").
  void node_left(node_id node, const std::string& how);

  /// Takes an object that is on `node` and is held by `owner`. Throws `key_taken` under `refuse`, `store_failed` for an
  /// id without meaning or in use. An unknown node is one that has just left: the object is lost from the beginning.
  /// The same key means something else in each `key_space`; what has a key in an owner's goes with that owner.
  void put(object_facts facts, std::string key, existing_key when_taken, node_id node, owner_id owner,
           owner_id key_space = {});

  /// One more reference. Throws `unknown_object`.
  void retain(object_id object, owner_id owner);
  /// One less. An object or reference that is gone already is ignored: handles outlive what they refer to.
  void release(object_id object, owner_id owner);
  /// The same for references that are taken and given back by different ways, in any order. An owner that has left
  /// takes none.
  void retain_for_run(object_id object, owner_id owner);
  void release_from_run(object_id object, owner_id owner);
  /// Moves a reference from one owner to another, if it is there.
  void hand_over(object_id object, owner_id from, owner_id to);
  /// Throws `unknown_key`.
  void drop_key(std::string_view key, owner_id key_space = {});
  /// The same for the key of an object; nothing happens where it has none in that key space, or is gone.
  void drop_key_of(object_id object, owner_id key_space = {});
  /// All its references and keys go, and it gets no more.
  void owner_left(owner_id owner);

  /// Whom `node` may pull the object from, best first; some of them are still receiving it. Told to `node` as long as
  /// it pulls: `failed` are sources of it that gave nothing. None: all nodes that have it are among these, and are
  /// still there, or the node has the object itself. Throws `unknown_object`, and `object_lost` with the reason.
  std::vector<node_id> sources(object_id object, node_id node, const std::vector<node_id>& failed);
  /// `node` has all of it.
  void arrived(object_id object, node_id node);
  /// `node` has it no more, or has given up pulling it. The keeper drops nothing.
  void dropped(object_id object, node_id node, const std::string& why = {});

  // -- questions ----------------------------------------------------------------------------------------------

  /// Throws `unknown_object`.
  const entry& find(object_id object) const;
  /// Throws `unknown_key`, naming the keys that come close.
  const entry& find_by_key(std::string_view key, owner_id key_space = {}) const;
  /// Everything there is, in the order in which it came.
  std::vector<const entry*> list() const;
  /// What is lost when this node goes.
  std::vector<object_id> only_on(node_id node) const;
  std::vector<node_id> nodes() const;
  const std::string& name_of(node_id node) const;

  /// Throws std::logic_error when the books contradict each other. Slow: for tests.
  void check_invariants() const;

private:
  struct pull {
    node_id node;
    std::vector<node_id> from;
  };
  struct record : entry {
    std::vector<pull> pulls; ///< in the order in which they began: nobody pulls from one that began later
    std::string lost;        ///< why; empty: it is not
    /// References of runs that were given back before they were taken.
    std::vector<std::pair<owner_id, std::uint64_t>> owed;
  };
  struct node_record {
    std::string name;
    std::uint64_t serving = 0; ///< pulls that have it as a source
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
  std::map<owner_id, std::map<std::string, object_id, std::less<>>> keys_; ///< by their space; none is empty
  std::map<node_id, node_record> nodes_;
  std::unordered_map<owner_id, std::unordered_map<object_id, std::uint64_t>> held_; ///< the references, by owner
  std::unordered_set<owner_id> left_;                                               ///< no owner's id is used again
};

/// The errors of data, apart from those that throw them.
[[noreturn]] void throw_unknown_object(object_id object);
[[noreturn]] void throw_lost_object(object_id object, const std::string& key, const std::string& why);

} // namespace daskify::internal
