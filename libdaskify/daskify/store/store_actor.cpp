#include "daskify/store/store_actor.hpp"

#include "daskify/transport/remote_error.hpp"

namespace daskify::internal {

namespace {

/// What `f` gives, or the error it throws.
template <class F>
caf::result<object_location> guarded(F&& f) {
  try {
    return f();
  } catch (const error& e) {
    return to_caf_error(e);
  }
}

} // namespace

store_actor::behavior_type store_behavior(store_state::pointer self) {
  return self->state.make_behavior();
}

store_actor::behavior_type store_state::make_behavior() {
  return {
      [this](locate_object& question) -> caf::result<object_location> {
        return guarded([&] { return location(question.object); });
      },
      [this](scheduler_actor& scheduler) {
        if (from_this_process())
          scheduler_ = scheduler;
      },
      [this](put_object& msg) -> caf::result<object_location> {
        return guarded([&] {
          object_info info{msg.object, msg.key, msg.type_name, msg.bytes->size(), 1};
          let_go(
              core_.put(std::move(info), std::move(*msg.bytes), msg.replace ? taken_key::replace : taken_key::refuse));
          types_[msg.object] = msg.type;
          return location(msg.object);
        });
      },
      [this](find_object& question) -> caf::result<object_location> {
        return guarded([&] {
          const auto& found = core_.find_by_key(question.key).info;
          if (question.type != 0 && types_.at(found.object) != question.type)
            throw data_error{error_code::wrong_type, "The data under the key '" + question.key + "' are of type " +
                                                         found.type + ", not " + question.type_name +
                                                         "; ask for the type they were scattered as."};
          auto object = found.object;
          core_.retain(object);
          return location(object);
        });
      },
      [this](list_objects) {
        object_list all;
        for (auto& info : core_.list())
          all.objects.push_back({info.object, std::move(info.key), std::move(info.type), info.size, info.references});
        return all;
      },
      [this](release_object& msg) {
        if (!from_this_process())
          return;
        try {
          let_go(core_.release(msg.object));
        } catch (const data_error&) {
          // A handle that outlived its object: it was replaced or dropped with the session. Nothing is left to free.
        }
      },
      [this](drop_key& msg) -> caf::result<object_location> {
        return guarded([&] {
          let_go(core_.drop_key(msg.key));
          return object_location{};
        });
      },
  };
}

object_location store_state::location(object_id object) const {
  auto where = core_.find(object).payload.locator();
  return {object, where.pid, where.fd, where.inode, where.size, types_.at(object)};
}

void store_state::let_go(const store_core<segment>::freed_objects& freed) {
  objects_freed gone;
  for (const auto& entry : freed) {
    types_.erase(entry.info.object);
    gone.objects.push_back(entry.info.object);
  }
  if (!gone.objects.empty() && scheduler_)
    self_->send(scheduler_, std::move(gone));
}

bool store_state::from_this_process() const {
  const auto& from = self_->current_sender();
  return from && from->node() == self_->node();
}

} // namespace daskify::internal
