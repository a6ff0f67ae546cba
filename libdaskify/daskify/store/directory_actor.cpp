#include "daskify/store/directory_actor.hpp"

#include "daskify/code/type_label.hpp"
#include "daskify/config/value_text.hpp"
#include "daskify/defaults.hpp"
#include "daskify/scattered.hpp"
#include "daskify/text/printable.hpp"
#include "daskify/transport/remote_error.hpp"

#include <caf/actor_system.hpp>

#include <algorithm>

namespace daskify::internal {

namespace {

caf::error not_a_node() {
  return to_caf_error(data_error{error_code::store_failed,
                                 "the sender of a request to the object directory is no node of this cluster"});
}

} // namespace

directory_actor::behavior_type directory_behavior(directory_state::pointer self) {
  return self->state.make_behavior();
}

directory_actor spawn_directory(caf::actor_system& system) {
  return system.spawn(directory_behavior);
}

directory_actor::behavior_type directory_state::make_behavior() {
  self_->set_down_handler([this](caf::down_msg& msg) {
    auto gone = speakers_.extract(caf::actor_cast<caf::actor_addr>(msg.source));
    if (gone.empty())
      return;
    node_left(gone.mapped());
  });
  return {
      [this](add_object& msg) { return decide<acknowledged>([&](node_id node) { return add(node, msg); }); },
      [this](add_unkeyed& msg) { add_without_answer(msg); },
      [this](release_object msg) { release(msg); },
      [this](retain_objects& msg) { retain(msg); },
      [this](find_object& question) { return find(question); },
      [this](drop_key& msg) { return remove_key(msg); },
      [this](list_objects) { return list(); },
      [this](list_nodes) { return count_nodes(); },
      [this](spread_object msg) { return spread(msg.object); },
      [this](flush_puts) { return decide<acknowledged>([](node_id) { return acknowledged{}; }); },
      [this](find_sources& question) {
        return decide<object_sources>([&](node_id node) { return sources_for(node, question); });
      },
      [this](object_arrived msg) { note_arrival(msg); },
      [this](object_dropped& msg) { note_drop(msg); },
      [this](admit_node& msg, store_for_directory& store) { return admit(msg, store); },
      [this](claim_objects& msg) { hand_over(msg); },
      [this](release_objects& msg) { release_results(msg); },
      [this](release_arguments& msg) { release_run_arguments(msg); },
      [this](evacuate_node msg) { return evacuate(msg.node); },
      [this](owner_gone msg) { remove_owner(msg); },
      [this](node_gone msg) { remove_node(msg); },
  };
}

void directory_state::add_without_answer(add_unkeyed& msg) {
  static_cast<void>(decide<acknowledged>([&](node_id node) { return add(node, msg.object); }));
}

void directory_state::release(release_object msg) {
  static_cast<void>(decide<acknowledged>([&](node_id) {
    core_.apply(directory_events::released{msg.object, msg.owner});
    return acknowledged{};
  }));
}

void directory_state::retain(retain_objects& msg) {
  static_cast<void>(decide<acknowledged>([&](node_id) {
    for (auto object : msg.objects)
      core_.apply(directory_events::retained_for_run{object, owner_of_runs(msg.submitter)});
    return acknowledged{};
  }));
}

caf::result<object_found> directory_state::find(find_object& question) {
  return decide<object_found>([&](node_id) {
    const auto& found = core_.find_by_key(question.key, question.owner).facts;
    if (question.type != 0 && found.type != question.type)
      throw data_error{error_code::wrong_type, "The data under the key " + in_quotes(question.key) + " are of type " +
                                                   not_type(found.type_name, question.type_name) +
                                                   "; ask for the type they were scattered as."};
    core_.apply(directory_events::retained{found.object, question.owner});
    return object_found{found};
  });
}

caf::result<acknowledged> directory_state::remove_key(drop_key& msg) {
  return decide<acknowledged>([&](node_id) {
    if (msg.object == object_id{})
      core_.apply(directory_events::key_dropped{msg.key, msg.owner});
    else
      core_.apply(directory_events::key_of_object_dropped{msg.object, msg.owner});
    return acknowledged{};
  });
}

caf::result<object_list> directory_state::list() {
  return decide<object_list>([&](node_id) {
    object_list all;
    for (const auto* entry : core_.list()) {
      object_entry listed{entry->facts, entry->key, entry->reference_count(), {}};
      for (auto holder : entry->holders)
        listed.nodes.push_back(core_.name_of(holder));
      all.objects.push_back(std::move(listed));
    }
    return all;
  });
}

void directory_state::note_arrival(object_arrived msg) {
  static_cast<void>(decide<acknowledged>([&](node_id node) {
    core_.apply(directory_events::arrived{msg.object, node});
    return acknowledged{};
  }));
}

void directory_state::note_drop(object_dropped& msg) {
  static_cast<void>(decide<acknowledged>([&](node_id node) {
    core_.apply(directory_events::dropped{msg.object, node, msg.why});
    return acknowledged{};
  }));
}

caf::result<node_admitted> directory_state::admit(admit_node& msg, store_for_directory& store) {
  if (!from_this_process())
    return not_a_node();
  node_id id{++last_node_};
  nodes_[id] = {store, {id, msg.host, msg.port}};
  speakers_[store.address()] = id;
  core_.apply(directory_events::node_joined{id, std::move(msg.name)});
  self_->monitor(store);
  return node_admitted{id};
}

void directory_state::hand_over(claim_objects& msg) {
  if (!from_this_process())
    return;
  for (auto object : msg.objects)
    core_.apply(directory_events::handed_over{object, msg.from, scheduler_owner});
}

void directory_state::release_results(release_objects& msg) {
  if (!from_this_process())
    return;
  for (auto object : msg.objects)
    core_.apply(directory_events::released{object, scheduler_owner});
  flush();
}

void directory_state::release_run_arguments(release_arguments& msg) {
  if (!from_this_process())
    return;
  for (auto object : msg.objects)
    core_.apply(directory_events::released_from_run{object, owner_of_runs(msg.submitter)});
  flush();
}

void directory_state::remove_owner(owner_gone msg) {
  if (!from_this_process())
    return;
  // The scheduler has erased the runs of this owner before it sends this message, and accepts no more of them.
  core_.apply(directory_events::owner_left{msg.owner});
  core_.apply(directory_events::owner_left{owner_of_runs(msg.owner)});
  flush();
}

void directory_state::remove_node(node_gone msg) {
  auto known = nodes_.find(msg.node);
  if (!from_this_process() || known == nodes_.end())
    return;
  self_->demonitor(known->second.store.address());
  speakers_.erase(known->second.store.address());
  node_left(msg.node);
}

acknowledged directory_state::add(node_id node, add_object& added) {
  core_.apply(directory_events::object_put{std::move(added.facts), std::move(added.key), added.when_taken, node,
                                           added.owner, added.owner});
  return {};
}

template <class Reply, class F>
caf::result<Reply> directory_state::decide(F&& f) {
  auto node = sending_node();
  if (!node)
    return not_a_node();
  try {
    auto answer = f(node);
    flush();
    return answer;
  } catch (const error& e) {
    flush();
    return to_caf_error(e);
  }
}

node_id directory_state::sending_node() const {
  const auto& from = self_->current_sender();
  auto known = from ? speakers_.find(from->address()) : speakers_.end();
  return known == speakers_.end() ? node_id{} : known->second;
}

bool directory_state::from_this_process() const {
  const auto& from = self_->current_sender();
  return from && from->node() == self_->node();
}

object_sources directory_state::sources_for(node_id node, const find_sources& question) {
  core_.apply(directory_events::sources_asked{question.object, node, question.failed});
  object_sources answer;
  for (auto source : std::exchange(offered_, {}))
    answer.sources.push_back(nodes_.at(source).transfers);
  answer.facts = core_.find(question.object).facts;
  return answer;
}

caf::typed_response_promise<node_list> directory_state::count_nodes() {
  struct counting {
    caf::typed_response_promise<node_list> promise;
    node_list list;
    std::size_t missing = 0;
  };
  bool known = bool{sending_node()};
  auto all = std::make_shared<counting>();
  all->promise = self_->make_response_promise<node_list>();
  if (!known) {
    all->promise.deliver(not_a_node());
    return all->promise;
  }
  all->missing = nodes_.size();
  auto ended = [all] {
    if (--all->missing != 0)
      return;
    std::sort(all->list.nodes.begin(), all->list.nodes.end(),
              [](const node_entry& a, const node_entry& b) { return a.node < b.node; });
    all->promise.deliver(std::move(all->list));
  };
  for (const auto& [id, node] : nodes_)
    ask<store_figures>(
        id, count_store{}, tuning::answer_timeout,
        [all, ended, node_id = id, name = core_.name_of(id)](store_figures& figures) {
          all->list.nodes.push_back({node_id, name, figures});
          ended();
        },
        [ended](const caf::error&) { ended(); }); // the node has just ended
  return all->promise;
}

template <class Reply, class Message>
void directory_state::ask(node_id node, Message message, std::chrono::milliseconds timeout,
                          std::function<void(Reply&)> on_reply, std::function<void(caf::error)> on_lost) {
  auto id = ++last_question_;
  questions_[id] = {
      node, [on_lost] {
        on_lost(to_caf_error(data_error{error_code::object_lost, "a node has ended in the middle of this"}));
      }};
  self_->request(nodes_.at(node).store, timeout, std::move(message))
      .then(
          [this, id, on_reply](Reply& reply) {
            if (questions_.erase(id) != 0)
              on_reply(reply);
          },
          [this, id, on_lost](caf::error& why) {
            if (questions_.erase(id) != 0)
              on_lost(std::move(why));
          });
}

void directory_state::node_left(node_id node) {
  nodes_.erase(node);
  core_.apply(directory_events::node_left{node, "has ended"});
  std::vector<std::function<void()>> lost;
  std::erase_if(questions_, [&](auto& entry) {
    if (entry.second.node != node)
      return false;
    lost.push_back(std::move(entry.second.on_lost));
    return true;
  });
  for (auto& tell : lost)
    tell();
  flush();
}

caf::typed_response_promise<acknowledged> directory_state::spread(object_id object) {
  bool known = bool{sending_node()};
  auto all = std::make_shared<spreading>();
  all->promise = self_->make_response_promise<acknowledged>();
  try {
    if (!known)
      throw data_error{error_code::store_failed, "Only nodes of this cluster may spread objects over it."};
    const auto& holders = core_.find(object).holders;
    // Counted first, because an answer could arrive before the last request is sent.
    for (const auto& [id, node] : nodes_)
      all->missing += std::find(holders.begin(), holders.end(), id) == holders.end();
    if (all->missing == 0)
      all->promise.deliver(acknowledged{});
    for (const auto& [id, node] : nodes_)
      if (std::find(holders.begin(), holders.end(), id) == holders.end())
        hold_on(id, object, all);
  } catch (const error& e) {
    all->promise.deliver(to_caf_error(e));
  }
  return all->promise;
}

/// Objects that no other node has are copied to the node that joined first, which is the scheduler's.
caf::typed_response_promise<acknowledged> directory_state::evacuate(node_id node) {
  bool allowed = from_this_process();
  auto all = std::make_shared<spreading>();
  all->promise = self_->make_response_promise<acknowledged>();
  auto to = std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& other) { return other.first != node; });
  auto objects = allowed && to != nodes_.end() ? core_.only_on(node) : std::vector<object_id>{};
  all->missing = objects.size();
  if (objects.empty())
    all->promise.deliver(acknowledged{});
  for (auto object : objects)
    hold_on(to->first, object, all);
  return all->promise;
}

void directory_state::hold_on(node_id node, object_id object, std::shared_ptr<spreading> all) {
  auto ended = [all] {
    if (--all->missing != 0)
      return;
    if (all->problem)
      all->promise.deliver(all->problem);
    else
      all->promise.deliver(acknowledged{});
  };
  ask<object_held>(
      node, hold_object{object}, tuning::patience + tuning::answer_timeout,
      [this, node, object, all, ended](object_held& held) {
        if (held.there)
          ended();
        else
          hold_on(node, object, all);
      },
      [this, node, all, ended](caf::error why) {
        if (nodes_.contains(node)) // otherwise the object is no longer needed on that node
          all->problem = std::move(why);
        ended();
      });
}

// -- effects ------------------------------------------------------------------------------------------------

void directory_state::free_on(node_id node, object_id object) {
  freed_[node].objects.push_back(object);
}

void directory_state::keep_on(node_id node, object_id object) {
  if (auto known = nodes_.find(node); known != nodes_.end())
    self_->send(known->second.store, keep_object{object});
}

void directory_state::offer_sources(node_id, object_id, const std::vector<node_id>& sources) {
  offered_ = sources;
}

void directory_state::flush() {
  for (auto& [node, objects] : freed_)
    if (auto known = nodes_.find(node); known != nodes_.end())
      self_->send(known->second.store, std::move(objects));
  freed_.clear();
}

} // namespace daskify::internal
