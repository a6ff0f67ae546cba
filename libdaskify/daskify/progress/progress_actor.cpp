#include "daskify/progress/progress_actor.hpp"

#include "daskify/defaults.hpp"

#include <caf/actor_system.hpp>

namespace daskify::internal {

progress_actor::behavior_type progress_behavior(progress_state::pointer self, scheduler_for_clients scheduler) {
  return self->state.make_behavior(std::move(scheduler));
}

progress_actor spawn_progress(caf::actor_system& system, scheduler_for_clients scheduler) {
  return system.spawn(progress_behavior, std::move(scheduler));
}

progress_state::~progress_state() {
  for (auto& [id, m] : monitors_)
    m.feed->close();
}

progress_actor::behavior_type progress_state::make_behavior(scheduler_for_clients scheduler) {
  scheduler_ = std::move(scheduler);
  // A monitor must not wait for a scheduler that has ended.
  self_->monitor(scheduler_);
  self_->set_down_handler([this](caf::down_msg&) {
    for (auto& [id, m] : monitors_)
      m.feed->close();
    monitors_.clear();
  });
  return {
      [this](progress_event& event) {
        auto found = monitors_.find(event.subscription);
        if (found == monitors_.end())
          return;
        auto& m = found->second;
        auto now = std::chrono::steady_clock::now();
        if (!m.watched)
          m.core.watch(event.subscription, event.counts, now);
        else
          m.core.update(event.subscription, event.counts, now);
        m.watched = true;
        m.feed->publish(m.core.at(now));
        if (event.counts.ended())
          monitors_.erase(found);
      },
      [this](progress_tick) {
        ticking_ = !monitors_.empty();
        if (ticking_)
          self_->delayed_send(self_, std::chrono::seconds{1}, progress_tick{});
        auto now = std::chrono::steady_clock::now();
        for (auto& [id, m] : monitors_)
          if (m.watched)
            m.feed->publish(m.core.at(now));
      },
      [this](watch_tasks& msg) {
        if (!ticking_) {
          ticking_ = true;
          self_->delayed_send(self_, std::chrono::seconds{1}, progress_tick{});
        }
        auto id = ++last_subscription_;
        monitors_[id].feed = msg.feed;
        self_->send(scheduler_, subscribe_progress{id, msg.tasks}, progress_actor{self_});
      },
      [this](unwatch_tasks& msg) {
        std::erase_if(monitors_, [&](const auto& entry) {
          if (entry.second.feed != msg.feed)
            return false;
          self_->send(scheduler_, subscribe_progress{entry.first, {}}, progress_actor{self_});
          return true;
        });
      },
      [this](count_tasks& question) {
        auto promise = self_->make_response_promise<progress>();
        self_->request(scheduler_, tuning::answer_timeout, std::move(question))
            .then([promise](const progress& counts) mutable { promise.deliver(counts); },
                  [promise](caf::error& e) mutable { promise.deliver(std::move(e)); });
        return promise;
      },
  };
}

} // namespace daskify::internal
