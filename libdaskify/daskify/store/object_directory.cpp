#include "daskify/store/object_directory.hpp"

#include "daskify/config/value_text.hpp"
#include "daskify/error.hpp"
#include "daskify/text/nearest.hpp"
#include "daskify/text/printable.hpp"

#include <algorithm>
#include <stdexcept>
#include <tuple>

namespace daskify::internal {

namespace {

/// Number of sources of one pull: the second one replaces the first if it fails or is slow.
constexpr std::size_t sources_of_a_pull = 2;
/// Number of pulls that one node serves, as long as other nodes can: thus a broadcast spreads from node to node and
/// does not overload its origin.
constexpr std::uint64_t pulls_of_a_source = 2;

std::string name_of_object(object_id object, const std::string& key) {
  return key.empty() ? "object " + std::to_string(object.value) : "the data under the key " + in_quotes(key);
}

/// The first names of a list, as many as fit into a sentence.
std::string some_of(const std::vector<std::string_view>& names) {
  constexpr std::size_t most = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i)
    text += (i == 0 ? "" : ", ") + in_quotes(names[i]);
  if (names.size() > most)
    text += " and " + std::to_string(names.size() - most) + " more";
  return text;
}

[[noreturn]] void throw_unknown_key(std::string_view key, const std::vector<std::string_view>& known) {
  auto sentence = "no data are scattered under the key " + in_quotes(key) + ": ";
  if (auto meant = nearest(key, known))
    sentence += "did you mean " + in_quotes(*meant) + "?";
  else if (known.empty())
    sentence += "no key is in use, so scatter the data under it first";
  else
    sentence += "use one that exists (" + some_of(known) + ") or scatter the data under it first";
  throw data_error{error_code::unknown_key, sentence};
}

[[noreturn]] void throw_key_taken(std::string_view key) {
  throw data_error{error_code::key_taken, "data are already scattered under the key " + in_quotes(key) +
                                              ": take another key, or ask for the old data to be replaced"};
}

[[noreturn]] void throw_bad_object_id(object_id object) {
  throw data_error{error_code::store_failed, name_of_object(object, {}) +
                                                 (object ? " is in the store already" : " has no valid id") +
                                                 ": each object must come with a new id, greater than 0"};
}

bool contains(const std::vector<node_id>& nodes, node_id node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

auto entry_of(std::vector<std::pair<owner_id, std::uint64_t>>& counts, owner_id owner) {
  return std::find_if(counts.begin(), counts.end(), [&](const auto& entry) { return entry.first == owner; });
}

} // namespace

void throw_unknown_object(object_id object) {
  throw data_error{error_code::unknown_object, name_of_object(object, {}) +
                                                   " is not in the store, because its last handle was released or it "
                                                   "never arrived: scatter it again and keep the handle"};
}

void throw_lost_object(object_id object, const std::string& key, const std::string& why) {
  throw data_error{error_code::object_lost, name_of_object(object, key) + " is lost: " + why +
                                                "; scatter it again, or run the task again that made it"};
}

// -- nodes ------------------------------------------------------------------------------------------------

void object_directory::apply(directory_event event) {
  std::visit([this](auto& of_a_kind) { on(of_a_kind); }, event);
}

void object_directory::on(directory_events::node_joined& event) {
  nodes_[event.node].name = std::move(event.name);
}

void object_directory::on(const directory_events::node_left& event) {
  const auto& [node, how] = event;
  auto gone = nodes_.extract(node);
  if (gone.empty())
    return;
  auto why = "its only copy was on node " + gone.mapped().name + ", which " + how;
  for (auto& [id, object] : objects_) {
    end_pull(object, node);
    for (auto& p : object.pulls)
      std::erase(p.from, node);
    if (!contains(object.holders, node))
      continue;
    bool kept = object.holders.front() == node;
    std::erase(object.holders, node);
    if (kept && !object.holders.empty())
      effects_.keep_on(object.holders.front(), id);
    lose_if_gone(object, why);
  }
}

void object_directory::lose_if_gone(record& of, const std::string& why) {
  if (of.holders.empty())
    of.lost = why;
}

// -- objects and references -------------------------------------------------------------------------------

std::uint64_t object_directory::entry::reference_count() const {
  std::uint64_t count = 0;
  for (const auto& [owner, held] : references)
    count += held;
  return count;
}

auto object_directory::locate(object_id object) -> record& {
  auto found = objects_.find(object);
  if (found == objects_.end())
    throw_unknown_object(object);
  return found->second;
}

void object_directory::on(directory_events::object_put& event) {
  auto id = event.facts.object;
  if (!id || objects_.contains(id))
    throw_bad_object_id(id);
  require_there(event.owner);
  auto keys = event.key.empty() ? keys_.end() : keys_.find(event.key_space);
  if (keys != keys_.end() && keys->second.contains(event.key)) {
    if (event.when_taken == existing_key::refuse)
      throw_key_taken(event.key);
    drop_key(event.key, event.key_space);
  }
  auto& object = objects_[id];
  object.facts = std::move(event.facts);
  object.arrival = ++arrivals_;
  object.key = std::move(event.key);
  object.key_space = event.key_space;
  if (!object.key.empty())
    keys_[object.key_space].emplace(object.key, id);
  add_references(object, event.owner, 1);
  if (nodes_.contains(event.node))
    object.holders.push_back(event.node);
  lose_if_gone(object, "its only copy was on a node that has left");
}

void object_directory::on(const directory_events::retained& event) {
  const auto& [object, owner] = event;
  require_there(owner);
  add_references(locate(object), owner, 1);
}

void object_directory::on(const directory_events::released& event) {
  const auto& [object, owner] = event;
  auto found = objects_.find(object);
  if (found != objects_.end() && remove_reference(found->second, owner))
    free_if_unused(object);
}

void object_directory::on(const directory_events::retained_for_run& event) {
  const auto& [object, owner] = event;
  auto found = objects_.find(object);
  if (found == objects_.end())
    return; // the tasks of the run will get an error
  auto& owed = found->second.owed;
  if (auto own = entry_of(owed, owner); own != owed.end()) {
    if (--own->second == 0)
      owed.erase(own);
  } else if (!left_.contains(owner)) { // otherwise the reference would never be released
    add_references(found->second, owner, 1);
  }
}

void object_directory::on(const directory_events::released_from_run& event) {
  const auto& [object, owner] = event;
  auto found = objects_.find(object);
  if (found == objects_.end())
    return;
  if (remove_reference(found->second, owner)) {
    free_if_unused(object);
  } else if (!left_.contains(owner)) {
    auto& owed = found->second.owed;
    if (auto own = entry_of(owed, owner); own != owed.end())
      ++own->second;
    else
      owed.emplace_back(owner, 1);
  }
}

void object_directory::on(const directory_events::handed_over& event) {
  const auto& [object, from, to] = event;
  auto found = objects_.find(object);
  if (found != objects_.end() && remove_reference(found->second, from))
    add_references(found->second, to, 1);
}

void object_directory::on(const directory_events::key_dropped& event) {
  drop_key(event.key, event.key_space);
}

void object_directory::drop_key(std::string_view key, owner_id key_space) {
  auto id = find_by_key(key, key_space).facts.object;
  auto& keys = keys_.at(key_space);
  keys.erase(keys.find(key));
  if (keys.empty())
    keys_.erase(key_space);
  objects_.at(id).key.clear();
  free_if_unused(id);
}

void object_directory::on(const directory_events::key_of_object_dropped& event) {
  const auto& [object, key_space] = event;
  auto found = objects_.find(object);
  if (found != objects_.end() && !found->second.key.empty() && found->second.key_space == key_space)
    drop_key(std::string{found->second.key}, key_space);
}

/// Messages of an owner may arrive by another route after the owner has left: its references would never be released.
void object_directory::require_there(owner_id owner) const {
  if (left_.contains(owner))
    throw data_error{error_code::store_failed, "an object was refused because its process has ended"};
}

void object_directory::on(const directory_events::owner_left& event) {
  auto owner = event.owner;
  left_.insert(owner);
  if (auto keys = owner ? keys_.extract(owner) : decltype(keys_)::node_type{}; !keys.empty())
    for (const auto& [key, id] : keys.mapped()) {
      objects_.at(id).key.clear();
      free_if_unused(id);
    }
  auto held = held_.extract(owner);
  if (held.empty())
    return;
  std::vector<object_id> objects;
  for (const auto& [id, count] : held.mapped())
    objects.push_back(id);
  std::sort(objects.begin(), objects.end());
  for (auto id : objects) {
    std::erase_if(objects_.at(id).references, [&](const auto& r) { return r.first == owner; });
    free_if_unused(id);
  }
}

void object_directory::add_references(record& of, owner_id owner, std::uint64_t count) {
  auto& references = of.references;
  auto own = entry_of(references, owner);
  if (own == references.end())
    references.emplace_back(owner, count);
  else
    own->second += count;
  held_[owner][of.facts.object] += count;
}

bool object_directory::remove_reference(record& of, owner_id owner) {
  auto& references = of.references;
  auto own = entry_of(references, owner);
  if (own == references.end())
    return false;
  auto& held = held_.at(owner);
  if (--own->second == 0) {
    references.erase(own);
    held.erase(of.facts.object);
    if (held.empty())
      held_.erase(owner);
  } else {
    --held.at(of.facts.object);
  }
  return true;
}

void object_directory::free_if_unused(object_id id) {
  auto found = objects_.find(id);
  auto& object = found->second;
  if (!object.references.empty() || !object.key.empty())
    return;
  for (auto node : object.holders)
    effects_.free_on(node, id);
  for (auto& p : object.pulls) {
    effects_.free_on(p.node, id);
    forget_sources(p);
  }
  objects_.erase(found);
}

// -- copies -----------------------------------------------------------------------------------------------

void object_directory::on(const directory_events::sources_asked& event) {
  effects_.offer_sources(event.node, event.object, sources(event.object, event.node, event.failed));
}

std::vector<node_id> object_directory::sources(object_id id, node_id node, const std::vector<node_id>& failed) {
  auto& object = locate(id);
  if (!nodes_.contains(node) || contains(object.holders, node))
    return {};
  auto own = std::find_if(object.pulls.begin(), object.pulls.end(), [&](const pull& p) { return p.node == node; });
  if (own != object.pulls.end())
    forget_sources(*own);

  struct candidate {
    std::uint64_t serving;
    bool whole;
    node_id node;
  };
  std::vector<candidate> candidates;
  for (auto holder : object.holders)
    if (!contains(failed, holder))
      candidates.push_back({nodes_.at(holder).serving, true, holder});
  // Only nodes whose pull began earlier: this prevents cycles in which nodes wait for each other's chunks.
  for (auto p = object.pulls.begin(); p != own; ++p)
    if (!contains(failed, p->node))
      candidates.push_back({nodes_.at(p->node).serving, false, p->node});
  // A node that still pulls the object may have received all of it when the last holder left.
  if (!object.lost.empty() && candidates.empty())
    throw_lost_object(id, object.key, object.lost);
  std::sort(candidates.begin(), candidates.end(), [](const candidate& a, const candidate& b) {
    return std::tuple{a.serving, !a.whole, a.node} < std::tuple{b.serving, !b.whole, b.node};
  });
  if (own == object.pulls.end())
    own = object.pulls.insert(object.pulls.end(), {node, {}});
  for (const auto& c : candidates) {
    if (own->from.size() == sources_of_a_pull || (!own->from.empty() && c.serving >= pulls_of_a_source))
      break;
    own->from.push_back(c.node);
    ++nodes_.at(c.node).serving;
  }
  return own->from;
}

void object_directory::on(const directory_events::arrived& event) {
  const auto& [id, node] = event;
  auto found = objects_.find(id);
  if (found == objects_.end()) {
    if (nodes_.contains(node))
      effects_.free_on(node, id); // the object was freed during the pull
    return;
  }
  auto& object = found->second;
  end_pull(object, node);
  if (!nodes_.contains(node) || contains(object.holders, node))
    return;
  object.holders.push_back(node);
  object.lost.clear();
  if (object.holders.size() == 1)
    effects_.keep_on(node, id);
}

void object_directory::on(const directory_events::dropped& event) {
  const auto& [id, node, why] = event;
  auto found = objects_.find(id);
  if (found == objects_.end())
    return;
  auto& object = found->second;
  end_pull(object, node);
  for (auto& p : object.pulls)
    if (std::erase(p.from, node) != 0)
      --nodes_.at(node).serving;
  if (object.holders.size() > 1 && object.holders.front() == node)
    effects_.keep_on(object.holders[1], id);
  if (std::erase(object.holders, node) != 0)
    lose_if_gone(object, "node " + name_of(node) + " could not keep it" + (why.empty() ? "" : ", as " + why));
}

void object_directory::end_pull(record& of, node_id node) {
  auto own = std::find_if(of.pulls.begin(), of.pulls.end(), [&](const pull& p) { return p.node == node; });
  if (own == of.pulls.end())
    return;
  forget_sources(*own);
  of.pulls.erase(own);
}

void object_directory::forget_sources(pull& which) {
  for (auto source : which.from)
    if (auto known = nodes_.find(source); known != nodes_.end())
      --known->second.serving;
  which.from.clear();
}

// -- questions ----------------------------------------------------------------------------------------------

auto object_directory::find(object_id object) const -> const entry& {
  auto found = objects_.find(object);
  if (found == objects_.end())
    throw_unknown_object(object);
  return found->second;
}

auto object_directory::find_by_key(std::string_view key, owner_id key_space) const -> const entry& {
  std::vector<std::string_view> known;
  if (auto keys = keys_.find(key_space); keys != keys_.end()) {
    if (auto found = keys->second.find(key); found != keys->second.end())
      return objects_.at(found->second);
    for (const auto& [name, id] : keys->second)
      known.push_back(name);
  }
  throw_unknown_key(key, known);
}

auto object_directory::list() const -> std::vector<const entry*> {
  std::vector<const entry*> all;
  all.reserve(objects_.size());
  for (const auto& [id, object] : objects_)
    all.push_back(&object);
  std::sort(all.begin(), all.end(), [](const entry* a, const entry* b) { return a->arrival < b->arrival; });
  return all;
}

std::vector<object_id> object_directory::only_on(node_id node) const {
  std::vector<object_id> objects;
  for (const auto& [object, of] : objects_)
    if (of.holders.size() == 1 && of.holders.front() == node)
      objects.push_back(object);
  std::sort(objects.begin(), objects.end()); // so that the same events have the same effects
  return objects;
}

std::vector<node_id> object_directory::nodes() const {
  std::vector<node_id> all;
  for (const auto& [id, node] : nodes_)
    all.push_back(id);
  return all;
}

const std::string& object_directory::name_of(node_id node) const {
  static const std::string unknown = "?";
  auto found = nodes_.find(node);
  return found == nodes_.end() ? unknown : found->second.name;
}

void object_directory::check_invariants() const {
  auto require = [](bool holds, const char* what) {
    if (!holds)
      throw std::logic_error{what};
  };
  std::size_t keyed = 0;
  std::map<node_id, std::uint64_t> serving;
  std::unordered_map<owner_id, std::unordered_map<object_id, std::uint64_t>> held;
  for (const auto& [id, object] : objects_) {
    require(object.facts.object == id, "an object is filed under another id");
    require(!object.references.empty() || !object.key.empty(), "an object lives that nothing can reach");
    require(object.holders.empty() == !object.lost.empty(), "an object is lost and there, or neither");
    if (!object.key.empty()) {
      ++keyed;
      auto keys = keys_.find(object.key_space);
      require(keys != keys_.end(), "an object's key is in no space");
      auto key = keys->second.find(object.key);
      require(key != keys->second.end() && key->second == id, "an object's key does not lead to it");
    }
    for (const auto& [owner, count] : object.references) {
      require(count != 0, "a reference is kept that nobody holds");
      held[owner][id] = count;
    }
    for (auto node : object.holders)
      require(nodes_.contains(node), "an object is on a node that is gone");
    std::vector<node_id> earlier = object.holders;
    for (const auto& p : object.pulls) {
      require(nodes_.contains(p.node), "a node that is gone pulls");
      require(!contains(object.holders, p.node), "a node pulls what it has");
      for (auto source : p.from) {
        require(contains(earlier, source), "a node pulls from one that began later");
        ++serving[source];
      }
      earlier.push_back(p.node);
    }
  }
  for (const auto& [space, keys] : keys_) {
    require(!keys.empty(), "a space without keys is kept");
    keyed -= keys.size();
  }
  require(keyed == 0, "a key leads to no object");
  require(held == held_, "references and owners contradict each other");
  for (const auto& [id, node] : nodes_)
    require(node.serving == serving[id], "the pulls that a node serves are miscounted");
}

} // namespace daskify::internal
