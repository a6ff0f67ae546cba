#pragma once

/// The object directory with a call for each event, for tests.

#include "daskify/store/object_directory.hpp"

#include <string>
#include <utility>
#include <vector>

namespace daskify::test {

/// Passes effects on, and keeps the sources that were offered last.
class source_keeper : public internal::directory_effects {
public:
  explicit source_keeper(internal::directory_effects& next) : next_{next} {}

  void free_on(internal::node_id node, internal::object_id object) override { next_.free_on(node, object); }
  void keep_on(internal::node_id node, internal::object_id object) override { next_.keep_on(node, object); }
  void offer_sources(internal::node_id node, internal::object_id object,
                     const std::vector<internal::node_id>& sources) override {
    offered_ = sources;
    next_.offer_sources(node, object, sources);
  }

protected:
  std::vector<internal::node_id> offered_;

private:
  internal::directory_effects& next_;
};

namespace on_directory = internal::directory_events;

class driven_directory : private source_keeper, public internal::object_directory {
public:
  explicit driven_directory(internal::directory_effects& effects)
      : source_keeper{effects},
        object_directory{static_cast<source_keeper&>(*this)} {}

  void node_joined(internal::node_id node, std::string name) {
    apply(on_directory::node_joined{node, std::move(name)});
  }
  void node_left(internal::node_id node, std::string how) { apply(on_directory::node_left{node, std::move(how)}); }
  void put(internal::object_facts facts, std::string key, existing_key when_taken, internal::node_id node,
           internal::owner_id owner, internal::owner_id key_space = {}) {
    apply(on_directory::object_put{std::move(facts), std::move(key), when_taken, node, owner, key_space});
  }
  void retain(internal::object_id object, internal::owner_id owner) { apply(on_directory::retained{object, owner}); }
  void release(internal::object_id object, internal::owner_id owner) { apply(on_directory::released{object, owner}); }
  void retain_for_run(internal::object_id object, internal::owner_id owner) {
    apply(on_directory::retained_for_run{object, owner});
  }
  void release_from_run(internal::object_id object, internal::owner_id owner) {
    apply(on_directory::released_from_run{object, owner});
  }
  void hand_over(internal::object_id object, internal::owner_id from, internal::owner_id to) {
    apply(on_directory::handed_over{object, from, to});
  }
  void drop_key(std::string key, internal::owner_id key_space = {}) {
    apply(on_directory::key_dropped{std::move(key), key_space});
  }
  void drop_key_of(internal::object_id object, internal::owner_id key_space = {}) {
    apply(on_directory::key_of_object_dropped{object, key_space});
  }
  void owner_left(internal::owner_id owner) { apply(on_directory::owner_left{owner}); }
  std::vector<internal::node_id> sources(internal::object_id object, internal::node_id node,
                                         std::vector<internal::node_id> failed) {
    apply(on_directory::sources_asked{object, node, std::move(failed)});
    return std::exchange(offered_, {});
  }
  void arrived(internal::object_id object, internal::node_id node) { apply(on_directory::arrived{object, node}); }
  void dropped(internal::object_id object, internal::node_id node, std::string why = {}) {
    apply(on_directory::dropped{object, node, std::move(why)});
  }
};

} // namespace daskify::test
