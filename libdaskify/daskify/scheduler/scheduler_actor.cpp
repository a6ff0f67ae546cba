#include "daskify/scheduler/scheduler_actor.hpp"

#include "daskify/defaults.hpp"
#include "daskify/protocol/result_block.hpp"
#include "daskify/text/byte_count.hpp"
#include "daskify/transport/remote_error.hpp"

#include <caf/actor_system.hpp>

#include <algorithm>
#include <unistd.h>

namespace daskify::internal {

namespace {

constexpr auto tick_interval = std::chrono::milliseconds{250};
/// Of each client, in the state of the cluster.
constexpr std::size_t shown_runs = 20;
/// How long after a broken connection the exit status of the process may come.
constexpr auto exit_status_grace = std::chrono::milliseconds{1000};
/// Workers and clients that a scheduler can have had, so that the ids of their objects and runs are unique.
constexpr std::uint64_t most_ids = (std::uint64_t{1} << (64 - own_id_bits)) - 3;
constexpr auto out_of_ids = "the scheduler has given out all the ids that it has; start another one";

/// The answer to a client of which nothing was heard.
caf::error considered_gone() {
  return to_caf_error(cluster_error{
      error_code::scheduler_gone,
      "The scheduler considers this client dead, as nothing was heard of it for longer than heartbeat_timeout; what "
      "was not gathered is lost: call shutdown_cluster, and start_cluster again."});
}

/// Of the time until a node ends.
std::chrono::milliseconds time_for_tasks(std::chrono::milliseconds left) {
  return left - std::min<std::chrono::milliseconds>(tuning::end_of_job, left / 10);
}

} // namespace

scheduler_actor::behavior_type scheduler_behavior(scheduler_state::pointer self, scheduler_setup setup) {
  return self->state.make_behavior(std::move(setup));
}

scheduler_actor spawn_scheduler(caf::actor_system& system, scheduler_setup setup) {
  return system.spawn(scheduler_behavior, std::move(setup));
}

scheduler_actor::behavior_type scheduler_state::make_behavior(scheduler_setup setup) {
  setup_ = std::move(setup);
  core_ = std::make_unique<scheduler_core>(*this, setup_.retries, setup_.max_lost);

  self_->set_down_handler([this](caf::down_msg& msg) {
    for (auto& [id, p] : peers_)
      if (p.actor.address() == msg.source && !p.hung_up)
        p.hung_up = clock::now();
    if (auto gone = nodes_.extract(caf::actor_cast<caf::actor_addr>(msg.source)))
      node_left(gone.mapped().slot);
    for (const auto& [id, client] : clients_)
      if (client.link.address() == msg.source) {
        client_left(id);
        break;
      }
  });
  self_->delayed_send(self_, tick_interval, scheduler_tick{});

  return {
      [this](enrol_request& who, worker_actor& actor, caf::strong_actor_ptr& speaker) {
        return enrol(who, actor, speaker);
      },
      [this](join_node& who, store_for_directory& store, node_actor& node) { return admit(who, store, node); },
      [this](node_alive) -> caf::result<void> {
        auto* node = sending_node();
        if (!node || node->state == node_record::given_up) // it can only end, and join anew
          return caf::error{caf::sec::invalid_argument};
        node->heard = clock::now();
        if (node->state == node_record::starting)
          node->state = node_record::alive;
        return caf::unit;
      },
      [this](attach_client& who, store_for_directory& store, link_actor& link, caf::strong_actor_ptr& speaker,
             progress_actor& progress) { return attach(who, store, link, speaker, progress); },
      [this](client_alive) -> caf::result<cluster_alive> {
        auto* client = sending_client();
        if (!client)
          return caf::error{caf::sec::invalid_argument};
        client->heard = clock::now();
        auto jobs = setup_.processes->jobs();
        return cluster_alive{peers_.size(), jobs ? jobs->sentence : std::string{},
                             exhausted_ ? exhausted_->text : std::string{}};
      },
      [this](node_ready) {
        if (auto* node = sending_node())
          setup_.processes->node_ready(node->slot);
      },
      [this](node_leaving) {
        if (auto* node = sending_node()) {
          setup_.processes->node_leaving(node->slot);
          drain(node->slot);
        }
      },
      [this](work_report& report) {
        auto [id, p] = sending_worker();
        if (!p || stopping_) // what a task returns because it was asked to stop is no result
          return;
        for (auto& r : report.reports) {
          p->log_size = std::max(p->log_size, r.log_size);
          if (is_of_start_call(r.id))
            start_call_reported(id, std::move(r));
          else
            core_->apply(scheduler_events::lease_reported{id, std::move(r)});
        }
        flush();
      },
      [this](heartbeat& beat) -> caf::result<void> {
        auto [id, p] = sending_worker();
        if (!p) // given up as silent: nobody else might end it
          return caf::error{caf::sec::invalid_argument};
        p->resident_bytes = beat.resident_bytes;
        return caf::unit;
      },
      [this](worker_waits msg) {
        if (auto [id, p] = sending_worker(); p) {
          core_->apply(scheduler_events::worker_has_waiting{id, msg.tasks});
          flush();
        }
      },
      [this](submit_runs& msg) {
        auto who = speaker();
        for (auto& spec : msg.runs)
          if (may_use(who, spec.run) &&
              std::all_of(spec.inputs.begin(), spec.inputs.end(), [&](auto& r) { return may_use(who, r.run); })) {
            if (spec.unattended)
              unattended_[spec.run] = caf::actor_cast<client_listener>(self_->current_sender());
            core_->apply(scheduler_events::run_submitted{std::move(spec)});
          }
        flush();
      },
      [this](add_start_call& msg) {
        auto who = speaker();
        if (!is_client(who) || !may_use(who, msg.call.run))
          return;
        start_calls_.add(*who, std::move(msg.call));
        flush();
      },
      [this](await_tasks& question) -> caf::typed_response_promise<awaited_tasks> {
        // Asked first, because a promise takes the sender over.
        auto who = speaker();
        auto promise = self_->make_response_promise<awaited_tasks>();
        if (!may_use(who, question.tasks)) {
          promise.deliver(caf::error{caf::sec::invalid_argument});
          return promise;
        }
        waiter_id waiter{++last_waiter_};
        auto until = clock::now() + std::chrono::milliseconds{question.patience_ms};
        auto tasks = question.tasks;
        auto how_many = question.how_many;
        auto only_now = question.patience_ms == 0;
        askers_.emplace(waiter, asker{promise, std::move(question), until, *who});
        core_->apply(scheduler_events::wait_begun{waiter, std::move(tasks), how_many});
        if (only_now)
          answer(waiter, false);
        return promise;
      },
      [this](count_tasks& question) -> caf::result<progress> {
        if (!may_use(speaker(), question.tasks))
          return caf::error{caf::sec::invalid_argument};
        return core_->counts(question.tasks);
      },
      [this](cancel_tasks& msg) {
        if (!may_use(speaker(), msg.tasks))
          return;
        for (const auto& r : msg.tasks)
          core_->apply(scheduler_events::tasks_cancelled{r});
        flush();
      },
      [this](release_runs& msg) {
        auto who = speaker();
        for (auto run : msg.runs)
          if (may_use(who, run))
            core_->apply(scheduler_events::run_released{run});
        flush();
      },
      [this](list_workers) -> caf::result<worker_list> {
        if (!speaker())
          return caf::error{caf::sec::invalid_argument};
        worker_list list;
        for (const auto& [id, p] : peers_)
          list.workers.push_back(entry_of(id));
        return list;
      },
      [this](const await_workers& question) { return await_workers_for(question); },
      [this](ask_status) -> caf::result<cluster_status> {
        if (!is_client(speaker()))
          return caf::error{caf::sec::invalid_argument};
        return status();
      },
      [this](end_cluster) -> caf::result<acknowledged> {
        auto who = speaker();
        if (!who || !clients_.contains(*who) || !setup_.on_end_wanted)
          return caf::error{caf::sec::invalid_argument};
        setup_.on_end_wanted();
        return acknowledged{};
      },
      [this](subscribe_progress& msg, progress_actor& listener) {
        auto who = speaker();
        if (!may_use(who, msg.tasks))
          return;
        subscription_key id{*who, msg.subscription};
        end_subscription(id);
        if (msg.tasks.empty())
          return;
        std::uint64_t tasks = 0;
        for (const auto& r : msg.tasks) {
          tasks += r.count;
          if (auto& watching = watched_[r.run]; watching.empty() || watching.back() != id)
            watching.push_back(id);
        }
        waiter_id waiter{++last_waiter_};
        ending_[waiter] = id;
        subscriptions_[id] = {msg.tasks, listener, waiter};
        tell_progress(id);
        core_->apply(scheduler_events::wait_begun{waiter, std::move(msg.tasks), tasks});
      },
      [this](worker_exited& msg) {
        if (!from_this_process() && !sending_node())
          return;
        for (const auto& [id, p] : peers_)
          if (p.who.slot == msg.slot && p.who.pid == msg.pid) {
            lose(id, error_code::worker_died, msg.how, {std::move(msg.output), msg.log_size});
            break;
          }
      },
      [this](drain_node msg) {
        if (from_this_process())
          drain(msg.slot);
      },
      [this](node_time_left msg) {
        if (!from_this_process())
          return;
        auto left = time_for_tasks(std::chrono::milliseconds{msg.milliseconds});
        if (auto known = outlooks_.find(msg.slot); known != outlooks_.end())
          known->second.end = clock::now() + left;
        for (auto id : workers_of(msg.slot))
          core_->apply(scheduler_events::worker_time_left{id, left});
        flush();
      },
      [this](node_lost& msg) {
        if (!from_this_process())
          return;
        if (auto known = outlooks_.find(msg.slot); known != outlooks_.end())
          known->second.end.reset();
        for (auto id : workers_of(msg.slot))
          lose(id, msg.code, msg.how, {});
      },
      [this](workers_exhausted& msg) {
        if (!from_this_process())
          return;
        failure cause;
        cause.code = error_code::no_workers;
        cause.text = msg.reason;
        exhausted_ = std::move(cause);
        end_if_exhausted();
      },
      [this](scheduler_tick) {
        self_->delayed_send(self_, tick_interval, scheduler_tick{});
        tick();
      },
      [this](progress_tick) {
        progress_tick_pending_ = false;
        for (auto& [id, s] : subscriptions_)
          if (std::exchange(s.dirty, false))
            tell_progress(id);
      },
      [this](stop_session) {
        if (!from_this_process())
          return;
        stopping_ = true;
        for (auto& w : waits_for_workers_.take_if([](const auto&) { return true; }))
          w.promise.deliver(to_caf_error(cluster_error{
              error_code::shut_down, "The cluster was shut down while this program waited for its workers."}));
        for (const auto& [id, p] : peers_)
          self_->send(p.actor, stop_worker{});
        for (const auto& [address, node] : nodes_)
          self_->send(node.actor, stop_node{});
      },
  };
}

std::optional<std::pair<error_code, std::string>> scheduler_state::refusal(const std::string& secret,
                                                                           const std::string& build_id) const {
  if (secret != setup_.secret)
    return {{error_code::bad_secret, "it does not know the secret of this session"}};
  if (last_worker_ >= most_ids)
    return {{error_code::no_workers, out_of_ids}};
  if (!setup_.build_id.empty() && build_id != setup_.build_id)
    return {{error_code::other_build, "it runs another build of the program (build id " + build_id +
                                          ", the cluster has " + setup_.build_id +
                                          "); start the same program file everywhere"}};
  return {};
}

caf::typed_response_promise<node_answer, directory_for_stores>
scheduler_state::admit(join_node& who, store_for_directory& store, const node_actor& node) {
  auto promise = self_->make_response_promise<node_answer, directory_for_stores>();
  node_answer answer;
  if (auto why = refusal(who.secret, who.build_id)) {
    answer.refusal = why->first;
    answer.reason = why->second;
    // Without the secret it may be anybody, and says nothing about our own nodes.
    if (answer.refusal != error_code::bad_secret)
      setup_.processes->node_refused(who, answer.reason);
    promise.deliver(std::move(answer), caf::actor_cast<directory_for_stores>(setup_.directory));
    return promise;
  }
  auto slot = who.slot;
  if (slot == any_slot) {
    slot = setup_.first_free_node++;
    answer.first_worker = std::exchange(setup_.first_free_worker, setup_.first_free_worker + who.workers);
  }
  self_->monitor(node);
  nodes_[node.address()] = {node, {}, slot, who.pid, clock::now()};
  auto& outlook = outlooks_[slot];
  outlook.name = who.name;
  outlook.draining = false; // left over from the slot's previous node
  draining_.erase(slot);
  if (outlook.end && *outlook.end <= clock::now())
    outlook.end.reset();
  if (who.time_left_ms != 0)
    outlook.end = clock::now() + time_for_tasks(std::chrono::milliseconds{who.time_left_ms});
  setup_.processes->node_joined(slot, who);
  answer.heartbeat_interval_ms = static_cast<std::uint64_t>(setup_.heartbeat_interval.count());
  answer.heartbeat_timeout_ms = static_cast<std::uint64_t>(setup_.heartbeat_timeout.count());
  if (stopping_)
    self_->send(node, stop_node{});
  self_->request(setup_.directory, caf::infinite, admit_node{who.name, who.transfer_host, who.transfer_port}, store)
      .then(
          [this, promise, answer, address = node.address()](node_admitted admitted) mutable {
            answer.node = admitted.node;
            if (auto joined = nodes_.find(address); joined != nodes_.end())
              joined->second.id = admitted.node;
            promise.deliver(std::move(answer), caf::actor_cast<directory_for_stores>(setup_.directory));
          },
          [promise](caf::error& failed) mutable { promise.deliver(std::move(failed)); });
  return promise;
}

caf::typed_response_promise<attach_answer, directory_for_stores>
scheduler_state::attach(const attach_client& who, const store_for_directory& store, const link_actor& link,
                        const caf::strong_actor_ptr& speaker, const progress_actor& progress) {
  auto promise = self_->make_response_promise<attach_answer, directory_for_stores>();
  attach_answer answer;
  auto refuse = [&](error_code code, const char* reason) {
    answer.refusal = code;
    answer.reason = reason;
    promise.deliver(std::move(answer), caf::actor_cast<directory_for_stores>(setup_.directory));
  };
  if (who.secret != setup_.secret)
    refuse(error_code::bad_secret, "it does not know the secret of this cluster");
  else if (last_worker_ >= most_ids)
    refuse(error_code::no_workers, out_of_ids);
  else if (stopping_)
    refuse(error_code::shut_down, "the cluster is just being shut down");
  else if (!setup_.build_id.empty())
    refuse(error_code::mode_unavailable, "the cluster belongs to another program, and serves that only");
  if (answer.refusal != error_code::none)
    return promise;
  worker_id id{++last_worker_};
  answer.client = id;
  answer.heartbeat_interval_ms = static_cast<std::uint64_t>(setup_.heartbeat_interval.count());
  answer.heartbeat_timeout_ms = static_cast<std::uint64_t>(setup_.heartbeat_timeout.count());
  auto& client = clients_[id];
  client = {who.name, link, {link.address(), progress.address()}, {}, clock::now()};
  if (speaker)
    client.speakers.push_back(speaker->address());
  for (const auto& address : client.speakers)
    speakers_[address] = id;
  self_->monitor(link);
  core_->apply(scheduler_events::client_joined{id});
  self_->request(setup_.directory, caf::infinite, admit_node{who.name, who.transfer_host, who.transfer_port}, store)
      .then(
          [this, promise, answer, id](node_admitted admitted) mutable {
            if (auto joined = clients_.find(id); joined != clients_.end())
              joined->second.node = admitted.node;
            else
              self_->send(setup_.directory, node_gone{admitted.node});
            promise.deliver(std::move(answer), caf::actor_cast<directory_for_stores>(setup_.directory));
          },
          [promise](caf::error& failed) mutable { promise.deliver(std::move(failed)); });
  return promise;
}

/// Releases the client's runs and references; workers are unaffected.
void scheduler_state::client_left(worker_id id) {
  auto gone = clients_.extract(id);
  if (gone.empty())
    return;
  auto& client = gone.mapped();
  self_->demonitor(client.link.address());
  for (const auto& address : client.speakers)
    speakers_.erase(address);
  for (auto& w : waits_for_workers_.take_if([id](const auto& of) { return of.who == id; }))
    w.promise.deliver(considered_gone());
  std::vector<subscription_key> watching;
  for (const auto& [key, watched] : subscriptions_)
    if (key.first == id)
      watching.push_back(key);
  for (auto key : watching)
    end_subscription(key);
  // It may only have stood still: that its tasks were cancelled is not what it should hear.
  for (auto next = askers_.begin(); next != askers_.end();) {
    auto asked = next++;
    if (asked->second.who != id)
      continue;
    core_->apply(scheduler_events::wait_stopped{asked->first});
    asked->second.promise.deliver(considered_gone());
    askers_.erase(asked);
  }
  core_->apply(scheduler_events::client_left{id});
  start_calls_.client_left(id);
  std::erase_if(unattended_, [id](const auto& run) { return submitter_of(run.first) == id; });
  flush();
  self_->send(setup_.directory, owner_gone{owner_of(id)});
  if (client.node)
    self_->send(setup_.directory, node_gone{client.node});
}

worker_entry scheduler_state::entry_of(worker_id worker) const {
  const auto& p = peers_.at(worker);
  auto running = core_->running(worker);
  const auto* node = outlook_of(p);
  auto busy = running != 0 || start_calls_.is_in_call(worker);
  return {
      worker,    p.who.name, p.who.host, p.who.node, p.who.pid, busy, running, p.resident_bytes, node && node->draining,
      p.who.cpus};
}

/// O(number of runs); called rarely.
cluster_status scheduler_state::status() const {
  cluster_status all;
  all.host = host_name();
  all.pid = ::getpid();
  all.uptime_ms =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - begin_).count());
  all.mode = setup_.mode;
  all.log_folder = setup_.log_folder;
  for (const auto& [id, p] : peers_)
    all.workers.push_back(entry_of(id));

  std::map<worker_id, std::vector<run_range>> runs;
  for (const auto& [id, client] : clients_)
    runs[id];
  for (auto run : core_->runs())
    runs[submitter_of(run)].push_back({run, 0, UINT64_MAX});
  for (const auto& [id, of_one] : runs) {
    auto known = clients_.find(id);
    auto& entry = all.clients.emplace_back();
    entry.id = id;
    entry.name = known == clients_.end() ? std::string{} : known->second.name;
    entry.runs = of_one.size();
    entry.counts = core_->counts(of_one);
    for (const auto& run : of_one) {
      if (entry.open.size() == shown_runs)
        break;
      if (auto counts = core_->counts({run}); counts.pending + counts.running != 0)
        entry.open.push_back({run.run, core_->name_of(run.run), counts});
    }
  }

  if (auto report = setup_.processes->jobs()) {
    auto& jobs = all.jobs;
    jobs.wanted = report->wanted;
    jobs.submitted = report->submitted;
    jobs.pending = report->pending;
    for (const auto& [reason, count] : report->reasons)
      jobs.reasons.push_back({reason, count});
    jobs.starting = report->starting;
    jobs.enrolled = report->enrolled;
    jobs.draining = report->draining;
    jobs.lost = report->lost;
    jobs.sentence = report->sentence;
  }
  return all;
}

/// The client whose link says this; null: none.
auto scheduler_state::sending_client() -> client_record* {
  const auto& from = self_->current_sender();
  auto known = from ? speakers_.find(from->address()) : speakers_.end();
  auto client = known == speakers_.end() ? clients_.end() : clients_.find(known->second);
  return client == clients_.end() || client->second.link.address() != from->address() ? nullptr : &client->second;
}

caf::typed_response_promise<enrol_answer, store_for_users>
scheduler_state::enrol(enrol_request& who, worker_actor& actor, caf::strong_actor_ptr& speaker) {
  auto promise = self_->make_response_promise<enrol_answer, store_for_users>();
  enrol_answer answer;
  if (auto why = refusal(who.secret, who.build_id)) {
    answer.refusal = why->first;
    answer.reason = why->second;
    // Without the secret it may be anybody, and says nothing about our own workers.
    if (answer.refusal != error_code::bad_secret)
      setup_.processes->worker_refused(who, answer.reason);
    promise.deliver(std::move(answer), setup_.store);
    return promise;
  }
  worker_id id{++last_worker_};
  answer.worker = id;
  answer.heartbeat_interval_ms = static_cast<std::uint64_t>(setup_.heartbeat_interval.count());
  answer.heartbeat_timeout_ms = static_cast<std::uint64_t>(setup_.heartbeat_timeout.count());
  self_->monitor(actor);
  auto& p = peers_[id];
  p.actor = actor;
  p.who = who;
  p.who.secret.clear();
  p.speaker = speaker ? speaker->address() : caf::actor_addr{};
  speakers_[p.actor.address()] = id;
  if (p.speaker)
    speakers_[p.speaker] = id;
  p.heard = clock::now();
  p.log_size = who.log_size;
  // The answer goes out before the first work order does: the connection keeps the order.
  promise.deliver(std::move(answer), setup_.store);
  if (stopping_) {
    self_->send(actor, stop_worker{}); // it replaces one that died just before the end
    return promise;
  }
  exhausted_.reset();
  setup_.processes->worker_enrolled(p.who);
  for (const auto& [slot, outlook] : outlooks_)
    if (outlook.name == who.node && !outlook.name.empty())
      p.node = slot;
  const auto* node = outlook_of(p);
  auto left = node && node->end ? std::chrono::nanoseconds{*node->end - clock::now()} : for_ever;
  core_->apply(scheduler_events::worker_joined{id, who.threads, left, start_calls_.any()});
  if (node && node->draining)
    core_->apply(scheduler_events::worker_drains{id});
  start_calls_.worker_joined(id);
  flush();
  answer_waits_for_workers();
  return promise;
}

// -- who waits for workers ----------------------------------------------------------------------------------

/// Workers that take the tasks of this client.
std::uint64_t scheduler_state::ready_workers(worker_id client) const {
  return static_cast<std::uint64_t>(std::ranges::count_if(peers_, [&](const auto& entry) {
    const auto* node = outlook_of(entry.second);
    return !entry.second.hung_up && !(node && node->draining) && start_calls_.is_ready(entry.first, client);
  }));
}

caf::typed_response_promise<awaited_workers> scheduler_state::await_workers_for(const await_workers& question) {
  auto who = speaker(); // asked first, because a promise takes the sender over
  auto promise = self_->make_response_promise<awaited_workers>();
  if (!who || (*who && !clients_.contains(*who))) {
    promise.deliver(caf::error{caf::sec::invalid_argument});
    return promise;
  }
  auto until = clock::now() + std::chrono::milliseconds{question.patience_ms};
  waits_for_workers_.add({*who, question.count, until, promise});
  answer_waits_for_workers();
  refuse_vain_waits_for_workers();
  if (question.patience_ms == 0)
    answer_impatient_waits(clock::now());
  return promise;
}

/// To be called when a worker has become ready.
void scheduler_state::answer_waits_for_workers() {
  for (auto& w : waits_for_workers_.take_if([this](const auto& of) { return ready_workers(of.who) >= of.count; }))
    w.promise.deliver(awaited_workers{true, ready_workers(w.who)});
  for (auto& w :
       waits_for_workers_.take_if([this](const auto& of) { return start_calls_.failed(of.who) != nullptr; })) {
    const auto& why = *start_calls_.failed(w.who);
    w.promise.deliver(to_caf_error(
        cluster_error{error_code::start_call_failed, "The workers could not be made ready because " + why.text +
                                                         (why.output.empty() ? "" : "; last output: " + why.output)}));
  }
}

void scheduler_state::answer_impatient_waits(clock::time_point now) {
  for (auto& w : waits_for_workers_.take_if([now](const auto& of) { return now >= of.until; }))
    w.promise.deliver(awaited_workers{false, ready_workers(w.who)});
}

/// There will never be so many.
void scheduler_state::refuse_vain_waits_for_workers() {
  if (waits_for_workers_.empty())
    return;
  auto none_left = exhausted_ && peers_.empty();
  auto prospect = setup_.processes->prospect();
  for (auto& w : waits_for_workers_.take_if(
           [&](const auto& of) { return none_left || (prospect.most && of.count > *prospect.most); })) {
    auto text = none_left
                    ? exhausted_->text
                    : "There cannot be " + std::to_string(w.count) + " workers: the cluster can have at most " +
                          std::to_string(*prospect.most) +
                          (prospect.why.empty()
                               ? "; wait for fewer, or start it with a larger " + std::string{prospect.limit} + "."
                               : ". " + prospect.why);
    w.promise.deliver(to_caf_error(cluster_error{error_code::no_workers, text}));
  }
}

/// The worker whose worker actor says this, if it is one; that it is alive is noted.
auto scheduler_state::sending_worker() -> std::pair<worker_id, peer*> {
  const auto& from = self_->current_sender();
  auto known = from ? speakers_.find(from->address()) : speakers_.end();
  if (known == speakers_.end())
    return {};
  auto worker = peers_.find(known->second);
  if (worker == peers_.end() || worker->second.actor.address() != from->address())
    return {};
  worker->second.heard = clock::now();
  return {known->second, &worker->second};
}

/// On whose behalf this is said: a worker's tasks', a client's, that of the client in this process (none), or nobody's
/// that may say anything.
std::optional<worker_id> scheduler_state::speaker() const {
  const auto& from = self_->current_sender();
  if (auto known = from ? speakers_.find(from->address()) : speakers_.end(); known != speakers_.end())
    return known->second;
  return from_this_process() ? std::optional{worker_id{}} : std::nullopt;
}

/// The client in this process, or one that has joined.
bool scheduler_state::is_client(const std::optional<worker_id>& who) const {
  return who && (!*who || clients_.contains(*who));
}

/// Tasks see no runs but those that tasks of their worker have submitted; clients see their own.
bool scheduler_state::may_use(const std::optional<worker_id>& who, run_id run) {
  return who && (!*who || submitter_of(run) == *who);
}

bool scheduler_state::may_use(const std::optional<worker_id>& who, const std::vector<run_range>& tasks) {
  return who && std::all_of(tasks.begin(), tasks.end(), [&](const run_range& r) { return may_use(who, r.run); });
}

/// The node in whose name this is said; null: none.
auto scheduler_state::sending_node() -> node_record* {
  const auto& from = self_->current_sender();
  auto known = from ? nodes_.find(from->address()) : nodes_.end();
  return known == nodes_.end() ? nullptr : &known->second;
}

bool scheduler_state::from_this_process() const {
  const auto& from = self_->current_sender();
  return from && from->node() == self_->node();
}

/// What is known of the worker's node; null: nothing.
auto scheduler_state::outlook_of(const peer& worker) const -> const node_outlook* {
  return worker.node ? &outlooks_.at(*worker.node) : nullptr;
}

/// Whether a node that had joined has ended, or seems to.
bool scheduler_state::is_gone(std::uint32_t node) const {
  auto patience = setup_.heartbeat_timeout / 2;
  return std::none_of(nodes_.begin(), nodes_.end(), [&](const auto& entry) {
    const auto& n = entry.second;
    return n.slot == node && n.state != node_record::given_up &&
           (n.state == node_record::starting || clock::now() - n.heard < patience);
  });
}

std::vector<worker_id> scheduler_state::workers_of(std::uint32_t node) const {
  std::vector<worker_id> workers;
  for (const auto& [id, p] : peers_)
    if (p.node == node)
      workers.push_back(id);
  return workers;
}

/// The reports of a start call: its one task, failed or not, and the end of its lease, in one report or in two.
void scheduler_state::start_call_reported(worker_id worker, lease_report report) {
  if (auto objects = objects_of(report.block); !objects.empty()) { // of a result that is dropped
    adopt_results(worker, objects);
    release_results(objects);
  }
  if (!report.block.failures.empty())
    failing_calls_.insert_or_assign(worker, std::move(report.block.failures.front()));
  if (!report.closed)
    return;
  auto failed = failing_calls_.extract(worker);
  abandoned_.erase(worker);
  start_calls_.returned(worker, report.id, failed.empty() ? std::nullopt : std::optional{std::move(failed.mapped())});
  answer_waits_for_workers();
}

void scheduler_state::lose(worker_id worker, error_code code, std::string how, const log_end& output) {
  auto found = peers_.find(worker);
  if (found == peers_.end())
    return;
  auto gone = std::move(found->second);
  bool is_silent = code == error_code::worker_silent;
  if (const auto* node = outlook_of(gone); node && (is_silent || code == error_code::worker_died)) {
    // The end of a job, or of a node, looks like a death of the process from here.
    if (node->end && clock::now() >= *node->end) {
      code = error_code::worker_walltime;
      how += ", as its time was over";
    } else if (is_silent && is_gone(*gone.node)) {
      code = error_code::worker_node_lost;
      how += ", and its node is gone";
    }
  }
  peers_.erase(found);
  orders_.erase(worker);
  speakers_.erase(gone.actor.address());
  if (gone.speaker)
    speakers_.erase(gone.speaker);
  self_->demonitor(gone.actor.address());
  failure cause;
  cause.code = code;
  cause.text = gone.who.name + " (pid " + std::to_string(gone.who.pid) + " on " + gone.who.host + ") " + how;
  cause.worker = gone.who.name;
  cause.host = gone.who.host;
  cause.output = last_lines(output, tuning::shown_lines, gone.log_size);
  if (is_silent)
    setup_.processes->worker_silent(gone.who.slot, gone.who.pid);
  core_->apply(scheduler_events::worker_left{worker, cause});
  failing_calls_.erase(worker);
  abandoned_.erase(worker);
  start_calls_.worker_left(worker, cause);
  answer_waits_for_workers();
  flush();
  self_->send(setup_.directory, owner_gone{owner_of(worker)});
  if (gone.node)
    forget_if_gone(*gone.node);
  end_if_exhausted();
}

/// Workers that others have started go on, whatever becomes of our own.
void scheduler_state::end_if_exhausted() {
  if (!exhausted_ || !peers_.empty())
    return;
  core_->apply(scheduler_events::workers_exhausted{*exhausted_});
  flush();
  refuse_vain_waits_for_workers();
}

void scheduler_state::node_left(std::uint32_t slot) {
  setup_.processes->node_left(slot);
  forget_if_gone(slot);
}

/// Slots of nodes in jobs are not used again.
void scheduler_state::forget_if_gone(std::uint32_t slot) {
  auto joined = std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& n) { return n.second.slot == slot; });
  auto used = std::any_of(peers_.begin(), peers_.end(), [&](const auto& p) { return p.second.node == slot; });
  if (joined || used)
    return;
  outlooks_.erase(slot);
  draining_.erase(slot);
}

void scheduler_state::tick() {
  auto now = clock::now();
  // This process stood still (stopped, swapped out, in a debugger): what the workers said meanwhile is not read yet.
  if (now - last_tick_ > tick_interval + setup_.heartbeat_interval) {
    for (auto& [id, p] : peers_)
      p.heard = now;
    for (auto& [address, node] : nodes_)
      node.heard = now;
    for (auto& [id, client] : clients_)
      client.heard = now;
  }
  last_tick_ = now;
  for (const auto& [id, p] : peers_)
    if (const auto* node = outlook_of(p); node && node->end)
      core_->apply(scheduler_events::worker_time_left{id, *node->end - now});
  flush();
  std::vector<std::pair<worker_id, const char*>> lost;
  for (const auto& [id, p] : peers_) {
    if (p.hung_up && now - *p.hung_up > exit_status_grace)
      lost.emplace_back(id, "closed its connection");
    else if (now - p.heard > setup_.heartbeat_timeout)
      lost.emplace_back(id, "did not answer for longer than the heartbeat_timeout");
  }
  for (auto [id, since] : abandoned_)
    if (now - since > tuning::stop_grace)
      lost.emplace_back(id, "was in a call of on_worker_start that did not return after its program had left");
  for (auto [id, how] : lost)
    lose(id, error_code::worker_silent, how, {});

  // Its workers are alive, but without a store they can do little. They end with it, and their tasks go elsewhere.
  for (auto& [address, node] : nodes_) {
    auto patience = node.state == node_record::starting ? setup_.start_timeout : setup_.heartbeat_timeout;
    if (node.state != node_record::given_up && now - node.heard > patience) {
      node.state = node_record::given_up;
      setup_.processes->node_silent(node.slot, node.pid);
      if (node.id)
        self_->send(setup_.directory, node_gone{node.id});
    }
  }

  if (setup_.processes->is_adaptive() && now - last_demand_ >= tuning::demand_interval) {
    last_demand_ = now;
    tell_demand();
  }

  std::vector<worker_id> silent;
  for (const auto& [id, client] : clients_)
    if (now - client.heard > setup_.heartbeat_timeout)
      silent.push_back(id);
  for (auto id : silent)
    client_left(id);

  std::vector<waiter_id> impatient;
  for (const auto& [id, a] : askers_)
    if (now >= a.until)
      impatient.push_back(id);
  for (auto id : impatient)
    answer(id, false);
  refuse_vain_waits_for_workers();
  answer_impatient_waits(now);
}

void scheduler_state::tell_demand() {
  std::set<std::uint32_t> idle;
  for (const auto& [address, node] : nodes_)
    idle.insert(node.slot);
  for (const auto& [id, p] : peers_)
    if (p.node && (core_->running(id) != 0 || start_calls_.is_in_call(id)))
      idle.erase(*p.node);
  setup_.processes->demand(core_->useful_threads(tuning::worth_a_worker), waits_for_workers_.largest(),
                           {idle.begin(), idle.end()});
}

namespace {

/// Leaves what goes into one message, at least the first block.
std::vector<run_range> take_beyond_message(std::vector<result_block>& blocks) {
  std::vector<run_range> rest;
  std::uint64_t bytes = 0;
  auto last = std::find_if(blocks.begin(), blocks.end(), [&](const result_block& block) {
    bool is_first = bytes == 0;
    bytes += weight(block);
    return !is_first && bytes > tuning::message_bytes;
  });
  for (auto beyond = last; beyond != blocks.end(); ++beyond)
    rest.push_back({beyond->run, beyond->first, beyond->count});
  blocks.erase(last, blocks.end());
  return rest;
}

} // namespace

void scheduler_state::answer(waiter_id waiter, bool satisfied) {
  auto node = askers_.extract(waiter);
  if (node.empty())
    return;
  if (!satisfied)
    core_->apply(scheduler_events::wait_stopped{waiter});
  auto& a = node.mapped();
  awaited_tasks answer;
  answer.satisfied = satisfied;
  for (const auto& r : a.question.tasks)
    if (!core_->knows(r.run))
      answer.unknown.push_back(r.run);
  if (!satisfied || !a.question.want_results) {
    answer.ended = core_->ended(a.question.tasks);
    a.promise.deliver(std::move(answer));
    return;
  }
  answer.blocks = core_->results(a.question.tasks);
  if (a.who)
    answer.rest = take_beyond_message(answer.blocks);
  if (a.who && !answer.blocks.empty() && weight(answer.blocks.front()) > tuning::largest_message)
    a.promise.deliver(to_caf_error(
        data_error{error_code::no_room, "The results of tasks that ran together take " +
                                            format_bytes(weight(answer.blocks.front())) +
                                            ", more than one message can carry; let the tasks return less."}));
  else
    a.promise.deliver(std::move(answer));
}

// -- effects ------------------------------------------------------------------------------------------------

void scheduler_state::describe(worker_id worker, const run_brief& run) {
  auto bytes = std::uint64_t{run.spec.description.size()};
  for (const auto& block : run.inputs)
    bytes += weight(block);
  auto& sum = order_bytes_[worker];
  if (sum != 0 && sum + bytes > tuning::message_bytes)
    send_order(worker);
  order_bytes_[worker] += bytes;
  orders_[worker].runs.push_back(run);
}

void scheduler_state::grant(worker_id worker, const lease& granted) {
  orders_[worker].leases.push_back(granted);
}

void scheduler_state::cancel(worker_id worker, const run_range& tasks) {
  orders_[worker].cancelled.push_back(tasks);
}

void scheduler_state::recall(worker_id worker) {
  orders_[worker].recall = true;
}

void scheduler_state::drained(worker_id worker) {
  peers_.at(worker).drained = true; // its node's are told after the event
}

void scheduler_state::forget(worker_id worker, run_id run) {
  orders_[worker].forgotten.push_back(run);
}

void scheduler_state::adopt_results(worker_id worker, const std::vector<object_id>& results) {
  self_->send(setup_.directory, claim_objects{results, owner_of(worker)});
}

void scheduler_state::release_results(const std::vector<object_id>& results) {
  self_->send(setup_.directory, release_objects{results});
}

void scheduler_state::release_arguments_of(run_id run, const std::vector<object_id>& arguments) {
  self_->send(setup_.directory, release_arguments{arguments, owner_of(submitter_of(run))});
}

void scheduler_state::satisfied(waiter_id waiter) {
  auto ended = ending_.find(waiter);
  if (ended == ending_.end()) {
    answer(waiter, true);
    return;
  }
  auto id = ended->second;
  tell_progress(id);
  end_subscription(id);
}

void scheduler_state::unattended_ended(run_id run) {
  auto listener = unattended_.extract(run);
  if (listener.empty())
    return;
  internal::unattended_ended ended{run, {}};
  for (auto& block : core_->results({{run, 0, UINT64_MAX}}))
    std::ranges::move(block.failures, std::back_inserter(ended.failures));
  self_->send(listener.mapped(), std::move(ended));
}

void scheduler_state::make_call(worker_id worker, const run_spec& call, lease_id as) {
  describe(worker, {call, {}, submitter_of(call.run)});
  grant(worker, {as, call.run, 0, 1});
}

void scheduler_state::withdraw_call(worker_id worker, run_id call) {
  forget(worker, call);
}

void scheduler_state::abandon_call(worker_id worker, run_id call) {
  cancel(worker, {call, 0, 1});
  forget(worker, call);
  abandoned_[worker] = clock::now();
}

void scheduler_state::refuse_tasks(worker_id worker, worker_id client, const failure& why) {
  core_->apply(scheduler_events::worker_refuses{worker, client});
  orders_[worker].refused.push_back({client, why});
}

void scheduler_state::changed(run_id run) {
  auto found = watched_.find(run);
  if (found == watched_.end())
    return;
  for (auto id : found->second)
    subscriptions_.at(id).dirty = true;
  // Changes are batched per progress_interval; completion is reported immediately.
  if (!std::exchange(progress_tick_pending_, true))
    self_->delayed_send(self_, tuning::progress_interval, progress_tick{});
}

void scheduler_state::tell_progress(subscription_key id) {
  const auto& s = subscriptions_.at(id);
  self_->send(s.listener, progress_event{id.second, core_->counts(s.tasks)});
}

void scheduler_state::end_subscription(subscription_key id) {
  auto node = subscriptions_.extract(id);
  if (node.empty())
    return;
  const auto& s = node.mapped();
  core_->apply(scheduler_events::wait_stopped{s.waiter});
  ending_.erase(s.waiter);
  for (const auto& r : s.tasks)
    if (auto w = watched_.find(r.run); w != watched_.end()) {
      std::erase(w->second, id);
      if (w->second.empty())
        watched_.erase(w);
    }
}

void scheduler_state::flush() {
  while (!orders_.empty())
    send_order(orders_.begin()->first);
  if (!draining_.empty())
    tell_drained_nodes();
}

void scheduler_state::drain(std::uint32_t slot) {
  auto known = outlooks_.find(slot);
  if (known == outlooks_.end() || std::exchange(known->second.draining, true))
    return;
  draining_.insert(slot);
  for (auto id : workers_of(slot))
    core_->apply(scheduler_events::worker_drains{id});
  flush();
}

void scheduler_state::tell_drained_nodes() {
  auto is_drained = [this](std::uint32_t slot) {
    return std::none_of(peers_.begin(), peers_.end(),
                        [&](const auto& entry) { return entry.second.node == slot && !entry.second.drained; });
  };
  for (auto next = draining_.begin(); next != draining_.end();)
    if (auto slot = *next; is_drained(slot)) {
      next = draining_.erase(next);
      leave_nothing_on(slot);
    } else {
      ++next;
    }
}

/// A drained node goes when the results that only it has are elsewhere. What cannot be moved is lost with it, and is
/// said to be lost when somebody asks for it.
void scheduler_state::leave_nothing_on(std::uint32_t slot) {
  auto node = std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& n) { return n.second.slot == slot; });
  if (node == nodes_.end())
    return;
  auto leave = [this, slot, actor = node->second.actor] {
    setup_.processes->node_drained(slot);
    self_->send(actor, stop_node{});
    for (auto id : workers_of(slot))
      self_->send(peers_.at(id).actor, stop_worker{});
  };
  self_->request(setup_.directory, caf::infinite, evacuate_node{node->second.id})
      .then([leave](acknowledged) { leave(); }, [leave](caf::error&) { leave(); });
}

void scheduler_state::send_order(worker_id worker) {
  order_bytes_.erase(worker);
  auto node = orders_.extract(worker);
  if (node.empty() || node.mapped().empty())
    return;
  if (auto p = peers_.find(worker); p != peers_.end())
    self_->send(p->second.actor, std::move(node.mapped()));
}

} // namespace daskify::internal
