#include "daskify/scheduler/scheduler_actor.hpp"

#include "daskify/defaults.hpp"
#include "daskify/protocol/result_block.hpp"
#include "daskify/scheduler/cluster_report.hpp"
#include "daskify/text/byte_count.hpp"
#include "daskify/transport/remote_error.hpp"

#include <caf/actor_system.hpp>

#include <algorithm>
#include <iterator>
#include <set>
#include <unistd.h>

namespace daskify::internal {

namespace {

constexpr auto tick_interval = std::chrono::milliseconds{250};
/// How long after a broken connection the exit status of the process may arrive.
constexpr auto exit_status_grace = std::chrono::milliseconds{1000};
constexpr auto out_of_ids = "the scheduler has run out of ids; start another one";

/// The answer to a client that was silent for too long.
caf::error considered_gone() {
  return to_caf_error(cluster_error{
      error_code::scheduler_gone,
      "The scheduler considers this client dead, because it sent no heartbeat for longer than heartbeat_timeout; what "
      "was not gathered is lost: call shutdown_cluster, and start_cluster again."});
}

/// The answer to a sender that may not ask.
caf::error not_allowed() {
  return caf::error{caf::sec::invalid_argument};
}

/// The part of the time until a node ends that its tasks may use.
std::chrono::milliseconds time_for_tasks(std::chrono::milliseconds left) {
  return left - std::min<std::chrono::milliseconds>(tuning::end_of_job, left / 10);
}

/// The answer to a process that may not join, and why.
template <class Answer>
Answer refused(const std::pair<error_code, std::string>& why) {
  Answer answer;
  answer.refusal = why.first;
  answer.reason = why.second;
  return answer;
}

std::uint64_t in_ms(std::chrono::milliseconds time) {
  return static_cast<std::uint64_t>(time.count());
}

/// Keeps the blocks that fit into one message, at least the first. Returns the rest.
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

scheduler_actor::behavior_type scheduler_behavior(scheduler_state::pointer self, scheduler_setup setup) {
  return self->state.make_behavior(std::move(setup));
}

scheduler_actor spawn_scheduler(caf::actor_system& system, scheduler_setup setup) {
  return system.spawn(scheduler_behavior, std::move(setup));
}

/// One line for each message; the handlers follow in the order of the conversations.
scheduler_actor::behavior_type scheduler_state::make_behavior(scheduler_setup setup) {
  setup_ = std::move(setup);
  core_ = std::make_unique<scheduler_core>(*this, setup_.retries, setup_.max_lost);
  self_->set_down_handler([this](caf::down_msg& down) { connection_broke(down); });
  self_->delayed_send(self_, tick_interval, scheduler_tick{});
  return {
      [this](enrol_request& who, worker_actor& actor, caf::strong_actor_ptr& identity) {
        return enrol(who, actor, identity);
      },
      [this](join_node& who, store_for_directory& store, node_actor& node) { return admit(who, store, node); },
      [this](node_alive) { return note_node_alive(); },
      [this](attach_client& who, store_for_directory& store, link_actor& link, caf::strong_actor_ptr& identity,
             progress_actor& progress) { return attach(who, store, link, identity, progress); },
      [this](client_alive) { return note_client_alive(); },
      [this](node_ready) { note_node_ready(); },
      [this](node_leaving) { note_node_leaving(); },
      [this](work_report& report) { take_reports(report); },
      [this](heartbeat& beat) { return note_heartbeat(beat); },
      [this](worker_waits waiting) { note_waiting_tasks(waiting); },
      [this](submit_runs& runs) { submit(runs); },
      [this](add_start_call& call) { add_call(call); },
      [this](await_tasks& question) { return await(question); },
      [this](count_tasks& question) { return count(question); },
      [this](cancel_tasks& tasks) { cancel_for_sender(tasks); },
      [this](release_runs& runs) { release(runs); },
      [this](list_workers) { return list(); },
      [this](const await_workers& question) { return await_workers_for(question); },
      [this](ask_status) { return status(); },
      [this](end_cluster) { return end_for_sender(); },
      [this](subscribe_progress& wanted, progress_actor& listener) { subscribe(wanted, listener); },
      [this](worker_exited& exit) { worker_process_exited(exit); },
      [this](drain_node wanted) {
        if (from_this_process())
          drain(wanted.slot);
      },
      [this](node_time_left left) { note_time_left(left); },
      [this](node_lost& lost) { lose_workers_of(lost); },
      [this](workers_exhausted& why) { note_exhausted(why); },
      [this](scheduler_tick) { tick(); },
      [this](progress_tick) { report_progress(); },
      [this](stop_session) { stop(); },
  };
}

// -- joining ------------------------------------------------------------------------------------------------

/// Why a process may not join; nothing if it may.
std::optional<std::pair<error_code, std::string>> scheduler_state::refusal(const std::string& secret,
                                                                           const std::string& build_id) const {
  if (secret != setup_.secret)
    return {{error_code::bad_secret, "it does not know the secret of this session"}};
  if (!members_.has_ids())
    return {{error_code::no_workers, out_of_ids}};
  if (!setup_.build_id.empty() && build_id != setup_.build_id)
    return {{error_code::other_build, "it runs another build of the program (build id " + build_id +
                                          ", the cluster has " + setup_.build_id +
                                          "); start the same program file everywhere"}};
  return {};
}

caf::typed_response_promise<enrol_answer, store_for_users>
scheduler_state::enrol(enrol_request& who, worker_actor& actor, const caf::strong_actor_ptr& identity) {
  auto promise = self_->make_response_promise<enrol_answer, store_for_users>();
  if (auto why = refusal(who.secret, who.build_id)) {
    // A sender without the secret may be any process, and proves nothing about the deployment's workers.
    if (why->first != error_code::bad_secret)
      setup_.processes->worker_refused(who, why->second);
    promise.deliver(refused<enrol_answer>(*why), setup_.store);
    return promise;
  }
  enrol_answer answer;
  auto id = members_.next_id();
  answer.worker = id;
  answer.heartbeat_interval_ms = in_ms(setup_.heartbeat_interval);
  answer.heartbeat_timeout_ms = in_ms(setup_.heartbeat_timeout);
  self_->monitor(actor);
  who.secret.clear();
  member_registry::worker joined;
  joined.actor = actor;
  joined.identity = identity ? identity->address() : caf::actor_addr{};
  joined.who = std::move(who);
  joined.heard = clock::now();
  joined.log_size = joined.who.log_size;
  auto& worker = members_.add(id, std::move(joined));
  // The answer goes out before the first work order does: the connection keeps the order.
  promise.deliver(std::move(answer), setup_.store);
  if (stopping_)
    self_->send(actor, stop_worker{}); // it replaces a worker that died just before the end
  else
    begin_work(id, worker);
  return promise;
}

void scheduler_state::begin_work(worker_id id, const member_registry::worker& worker) {
  exhausted_.reset();
  setup_.processes->worker_enrolled(worker.who);
  const auto* node = members_.launched_node_of(worker);
  auto left = node && node->end ? std::chrono::nanoseconds{*node->end - clock::now()} : for_ever;
  core_->apply(scheduler_events::worker_joined{id, worker.who.threads, left, start_calls_.any()});
  if (node && node->draining)
    core_->apply(scheduler_events::worker_drains{id});
  start_calls_.worker_joined(id);
  flush();
  answer_waits_for_workers();
}

caf::typed_response_promise<node_answer, directory_for_stores>
scheduler_state::admit(join_node& who, store_for_directory& store, const node_actor& node) {
  auto promise = self_->make_response_promise<node_answer, directory_for_stores>();
  auto directory = caf::actor_cast<directory_for_stores>(setup_.directory);
  if (auto why = refusal(who.secret, who.build_id)) {
    // A sender without the secret may be any process, and proves nothing about the deployment's nodes.
    if (why->first != error_code::bad_secret)
      setup_.processes->node_refused(who, why->second);
    promise.deliver(refused<node_answer>(*why), directory);
    return promise;
  }
  node_answer answer;
  auto slot = who.slot;
  if (slot == any_slot) {
    slot = setup_.first_free_node++;
    answer.first_worker = std::exchange(setup_.first_free_worker, setup_.first_free_worker + who.workers);
  }
  self_->monitor(node);
  auto now = clock::now();
  members_.add({node, {}, slot, who.pid, now}, who.name);
  draining_.erase(slot); // left over from the slot's previous node
  if (who.time_left_ms != 0)
    members_.launched(slot)->end = now + time_for_tasks(std::chrono::milliseconds{who.time_left_ms});
  setup_.processes->node_joined(slot, who);
  answer.heartbeat_interval_ms = in_ms(setup_.heartbeat_interval);
  answer.heartbeat_timeout_ms = in_ms(setup_.heartbeat_timeout);
  if (stopping_)
    self_->send(node, stop_node{});
  self_->request(setup_.directory, caf::infinite, admit_node{who.name, who.transfer_host, who.transfer_port}, store)
      .then(
          [this, promise, answer, directory, address = node.address()](node_admitted admitted) mutable {
            answer.node = admitted.node;
            if (auto joined = members_.nodes().find(address); joined != members_.nodes().end())
              joined->second.id = admitted.node;
            promise.deliver(std::move(answer), directory);
          },
          [promise](caf::error& failed) mutable { promise.deliver(std::move(failed)); });
  return promise;
}

/// Why a client may not join; nothing if it may.
std::optional<std::pair<error_code, std::string>> scheduler_state::refusal_of(const attach_client& who) const {
  if (who.secret != setup_.secret)
    return {{error_code::bad_secret, "it does not know the secret of this cluster"}};
  if (!members_.has_ids())
    return {{error_code::no_workers, out_of_ids}};
  if (stopping_)
    return {{error_code::shut_down, "the cluster is just being shut down"}};
  if (!setup_.build_id.empty())
    return {{error_code::mode_unavailable, "the cluster serves only the program that started it"}};
  return {};
}

caf::typed_response_promise<attach_answer, directory_for_stores>
scheduler_state::attach(const attach_client& who, const store_for_directory& store, const link_actor& link,
                        const caf::strong_actor_ptr& identity, const progress_actor& progress) {
  auto promise = self_->make_response_promise<attach_answer, directory_for_stores>();
  auto directory = caf::actor_cast<directory_for_stores>(setup_.directory);
  if (auto why = refusal_of(who)) {
    promise.deliver(refused<attach_answer>(*why), directory);
    return promise;
  }
  attach_answer answer;
  auto id = members_.next_id();
  answer.client = id;
  answer.heartbeat_interval_ms = in_ms(setup_.heartbeat_interval);
  answer.heartbeat_timeout_ms = in_ms(setup_.heartbeat_timeout);
  member_registry::client joined{who.name, link, {link.address(), progress.address()}, {}, clock::now()};
  if (identity)
    joined.identities.push_back(identity->address());
  members_.add(id, std::move(joined));
  self_->monitor(link);
  core_->apply(scheduler_events::client_joined{id});
  self_->request(setup_.directory, caf::infinite, admit_node{who.name, who.transfer_host, who.transfer_port}, store)
      .then(
          [this, promise, answer, directory, id](node_admitted admitted) mutable {
            if (auto client = members_.clients().find(id); client != members_.clients().end())
              client->second.node = admitted.node;
            else
              self_->send(setup_.directory, node_gone{admitted.node});
            promise.deliver(std::move(answer), directory);
          },
          [promise](caf::error& failed) mutable { promise.deliver(std::move(failed)); });
  return promise;
}

// -- senders ------------------------------------------------------------------------------------------------

/// Returns the worker whose worker actor sent this message, and notes that it is alive.
auto scheduler_state::sending_worker() -> std::pair<worker_id, member_registry::worker*> {
  worker_id id;
  auto* worker = members_.worker_of(self_->current_sender(), &id);
  if (worker)
    worker->heard = clock::now();
  return {id, worker};
}

/// The process on whose behalf this message was sent: a worker (for its tasks), a client, or the client in this process
/// (none). Nothing for a sender that has not joined.
std::optional<worker_id> scheduler_state::identity() const {
  if (auto known = members_.identity_of(self_->current_sender()))
    return known;
  return from_this_process() ? std::optional{worker_id{}} : std::nullopt;
}

/// Whether this is the client in this process, or a client that has joined.
bool scheduler_state::is_client(const std::optional<worker_id>& who) const {
  return who && (!*who || members_.clients().contains(*who));
}

/// Tasks may use the runs that tasks of their worker have submitted, clients their own, the client in this process all.
bool scheduler_state::may_use(const std::optional<worker_id>& who, run_id run) {
  return who && (!*who || submitter_of(run) == *who);
}

bool scheduler_state::may_use(const std::optional<worker_id>& who, const std::vector<run_range>& tasks) {
  return who && std::all_of(tasks.begin(), tasks.end(), [&](const run_range& r) { return may_use(who, r.run); });
}

bool scheduler_state::from_this_process() const {
  const auto& from = self_->current_sender();
  return from && from->node() == self_->node();
}

// -- signs of life ------------------------------------------------------------------------------------------

caf::result<void> scheduler_state::note_node_alive() {
  auto* node = members_.node_of(self_->current_sender());
  if (!node || node->state == member_registry::node::given_up) // it can only end and join again
    return not_allowed();
  node->heard = clock::now();
  if (node->state == member_registry::node::starting)
    node->state = member_registry::node::alive;
  return caf::unit;
}

void scheduler_state::note_node_ready() {
  if (auto* node = members_.node_of(self_->current_sender()))
    setup_.processes->node_ready(node->slot);
}

void scheduler_state::note_node_leaving() {
  auto* node = members_.node_of(self_->current_sender());
  if (!node)
    return;
  setup_.processes->node_leaving(node->slot);
  drain(node->slot);
}

caf::result<cluster_alive> scheduler_state::note_client_alive() {
  auto* client = members_.client_of(self_->current_sender());
  if (!client)
    return not_allowed();
  client->heard = clock::now();
  auto jobs = setup_.processes->jobs();
  return cluster_alive{members_.workers().size(), jobs ? jobs->system + ": " + jobs->sentence : std::string{},
                       exhausted_ ? exhausted_->text : std::string{}};
}

caf::result<void> scheduler_state::note_heartbeat(const heartbeat& beat) {
  auto [id, worker] = sending_worker();
  if (!worker) // given up as silent: the error ends it, because no other process might
    return not_allowed();
  worker->resident_bytes = beat.resident_bytes;
  return caf::unit;
}

// -- work ---------------------------------------------------------------------------------------------------

void scheduler_state::take_reports(work_report& report) {
  auto [id, worker] = sending_worker();
  if (!worker || stopping_) // what a task returns because it was asked to stop is no result
    return;
  for (auto& r : report.reports) {
    worker->log_size = std::max(worker->log_size, r.log_size);
    if (is_of_start_call(r.id))
      start_call_reported(id, std::move(r));
    else
      core_->apply(scheduler_events::lease_reported{id, std::move(r)});
  }
  flush();
}

void scheduler_state::note_waiting_tasks(worker_waits waiting) {
  auto [id, worker] = sending_worker();
  if (!worker)
    return;
  core_->apply(scheduler_events::worker_has_waiting{id, waiting.tasks});
  flush();
}

void scheduler_state::submit(submit_runs& runs) {
  auto who = identity();
  for (auto& spec : runs.runs) {
    if (!may_use(who, spec.run) ||
        !std::ranges::all_of(spec.inputs, [&](const auto& r) { return may_use(who, r.run); }))
      continue;
    if (spec.unattended)
      unattended_[spec.run] = caf::actor_cast<client_listener>(self_->current_sender());
    core_->apply(scheduler_events::run_submitted{std::move(spec)});
  }
  flush();
}

void scheduler_state::cancel_for_sender(const cancel_tasks& tasks) {
  if (!may_use(identity(), tasks.tasks))
    return;
  for (const auto& r : tasks.tasks)
    core_->apply(scheduler_events::tasks_cancelled{r});
  flush();
}

void scheduler_state::release(const release_runs& runs) {
  auto who = identity();
  for (auto run : runs.runs)
    if (may_use(who, run))
      core_->apply(scheduler_events::run_released{run});
  flush();
}

caf::result<progress> scheduler_state::count(const count_tasks& question) const {
  if (!may_use(identity(), question.tasks))
    return not_allowed();
  return core_->counts(question.tasks);
}

caf::typed_response_promise<awaited_tasks> scheduler_state::await(await_tasks& question) {
  auto who = identity(); // before the promise, which takes the sender over
  auto promise = self_->make_response_promise<awaited_tasks>();
  if (!may_use(who, question.tasks)) {
    promise.deliver(not_allowed());
    return promise;
  }
  waiter_id waiter{++last_waiter_};
  auto until = clock::now() + std::chrono::milliseconds{question.patience_ms};
  scheduler_events::wait_begun wait{waiter, question.tasks, question.how_many};
  auto only_now = question.patience_ms == 0;
  askers_.emplace(waiter, asker{promise, std::move(question), until, *who});
  core_->apply(std::move(wait));
  if (only_now)
    answer(waiter, false);
  return promise;
}

/// Answers a question that is still open, if not `satisfied` with "not yet".
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

// -- start calls --------------------------------------------------------------------------------------------

void scheduler_state::add_call(add_start_call& call) {
  auto who = identity();
  if (!is_client(who) || !may_use(who, call.call.run))
    return;
  start_calls_.add(*who, std::move(call.call));
  flush();
}

/// Handles a report of a start call: the result of its one task and the end of its lease come in one report or in two.
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

// -- waits for workers ----------------------------------------------------------------------------------------

/// The number of workers that take tasks of this client.
std::uint64_t scheduler_state::ready_workers(worker_id client) const {
  return static_cast<std::uint64_t>(std::ranges::count_if(members_.workers(), [&](const auto& entry) {
    const auto* node = members_.launched_node_of(entry.second);
    return !entry.second.hung_up && !(node && node->draining) && start_calls_.is_ready(entry.first, client);
  }));
}

caf::typed_response_promise<awaited_workers> scheduler_state::await_workers_for(const await_workers& question) {
  auto who = identity(); // before the promise, which takes the sender over
  auto promise = self_->make_response_promise<awaited_workers>();
  if (!is_client(who)) {
    promise.deliver(not_allowed());
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

/// Refuses waits for more workers than there can be.
void scheduler_state::refuse_vain_waits_for_workers() {
  if (waits_for_workers_.empty())
    return;
  auto none_left = exhausted_ && members_.workers().empty();
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

// -- progress -------------------------------------------------------------------------------------------------

void scheduler_state::subscribe(subscribe_progress& wanted, const progress_actor& listener) {
  auto who = identity();
  if (!may_use(who, wanted.tasks))
    return;
  subscription_key id{*who, wanted.subscription};
  end_subscription(id);
  if (wanted.tasks.empty())
    return;
  std::uint64_t tasks = 0;
  for (const auto& r : wanted.tasks)
    tasks += r.count;
  waiter_id waiter{++last_waiter_};
  subscriptions_.add(id, {wanted.tasks, listener, waiter});
  report_progress_of(id);
  core_->apply(scheduler_events::wait_begun{waiter, std::move(wanted.tasks), tasks});
}

void scheduler_state::report_progress() {
  progress_tick_pending_ = false;
  for (auto id : subscriptions_.take_changed())
    report_progress_of(id);
}

void scheduler_state::report_progress_of(subscription_key id) {
  const auto& s = subscriptions_.at(id);
  self_->send(s.listener, progress_event{id.second, core_->counts(s.tasks)});
}

void scheduler_state::end_subscription(subscription_key id) {
  if (auto ended = subscriptions_.take(id))
    core_->apply(scheduler_events::wait_stopped{ended->waiter});
}

// -- the cluster, for display ---------------------------------------------------------------------------------

caf::result<worker_list> scheduler_state::list() const {
  if (!identity())
    return not_allowed();
  worker_list list;
  for (const auto& [id, worker] : members_.workers())
    list.workers.push_back(entry_of(id, sources()));
  return list;
}

caf::result<cluster_status> scheduler_state::status() const {
  if (!is_client(identity()))
    return not_allowed();
  auto all = report_on(sources());
  all.host = host_name();
  all.pid = ::getpid();
  all.uptime_ms = in_ms(std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - begin_));
  all.mode = setup_.mode;
  all.log_folder = setup_.log_folder;
  return all;
}

report_sources scheduler_state::sources() const {
  return {members_, *core_, start_calls_, *setup_.processes};
}

// -- leaving ------------------------------------------------------------------------------------------------

void scheduler_state::connection_broke(const caf::down_msg& down) {
  for (auto& [id, worker] : members_.workers())
    if (worker.actor.address() == down.source && !worker.hung_up)
      worker.hung_up = clock::now();
  if (auto gone = members_.take_node(caf::actor_cast<caf::actor_addr>(down.source))) {
    setup_.processes->node_left(gone->slot);
    forget_if_unused(gone->slot);
  }
  for (const auto& [id, client] : members_.clients())
    if (client.link.address() == down.source) {
      client_left(id);
      break;
    }
}

void scheduler_state::worker_process_exited(worker_exited& exit) {
  if (!from_this_process() && !members_.node_of(self_->current_sender()))
    return;
  for (const auto& [id, worker] : members_.workers())
    if (worker.who.slot == exit.slot && worker.who.pid == exit.pid) {
      lose(id, error_code::worker_died, exit.how, {std::move(exit.output), exit.log_size});
      break;
    }
}

void scheduler_state::note_time_left(node_time_left time) {
  if (!from_this_process())
    return;
  auto left = time_for_tasks(std::chrono::milliseconds{time.milliseconds});
  if (auto* node = members_.launched(time.slot))
    node->end = clock::now() + left;
  for (auto id : members_.workers_on(time.slot))
    core_->apply(scheduler_events::worker_time_left{id, left});
  flush();
}

void scheduler_state::lose_workers_of(const node_lost& lost) {
  if (!from_this_process())
    return;
  if (auto* node = members_.launched(lost.slot))
    node->end.reset();
  for (auto id : members_.workers_on(lost.slot))
    lose(id, lost.code, lost.how, {});
}

void scheduler_state::lose(worker_id id, error_code code, std::string how, const log_end& output) {
  auto gone = members_.take_worker(id);
  if (!gone)
    return;
  bool is_silent = code == error_code::worker_silent;
  if (const auto* node = members_.launched_node_of(*gone); node && (is_silent || code == error_code::worker_died)) {
    // From here, the end of a job or of a node looks like the death of a process.
    auto now = clock::now();
    if (node->end && now >= *node->end) {
      code = error_code::worker_walltime;
      how += ", as its time was over";
    } else if (is_silent && members_.is_silent(*gone->node, now, setup_.heartbeat_timeout / 2)) {
      code = error_code::worker_node_lost;
      how += ", and its node is gone";
    }
  }
  orders_.erase(id);
  self_->demonitor(gone->actor.address());
  failure cause;
  cause.code = code;
  cause.text = gone->who.name + " (pid " + std::to_string(gone->who.pid) + " on " + gone->who.host + ") " + how;
  cause.worker = gone->who.name;
  cause.host = gone->who.host;
  cause.output = last_lines(output, tuning::shown_lines, gone->log_size);
  if (is_silent)
    setup_.processes->worker_silent(gone->who.slot, gone->who.pid);
  core_->apply(scheduler_events::worker_left{id, cause});
  failing_calls_.erase(id);
  abandoned_.erase(id);
  start_calls_.worker_left(id, cause);
  answer_waits_for_workers();
  flush();
  self_->send(setup_.directory, owner_gone{owner_of(id)});
  if (gone->node)
    forget_if_unused(*gone->node);
  end_if_exhausted();
}

void scheduler_state::note_exhausted(workers_exhausted& why) {
  if (!from_this_process())
    return;
  failure cause;
  cause.code = error_code::no_workers;
  cause.text = std::move(why.reason);
  exhausted_ = std::move(cause);
  end_if_exhausted();
}

/// Workers that others have started go on without the deployment's workers.
void scheduler_state::end_if_exhausted() {
  if (!exhausted_ || !members_.workers().empty())
    return;
  core_->apply(scheduler_events::workers_exhausted{*exhausted_});
  flush();
  refuse_vain_waits_for_workers();
}

/// Keeps the tables small, because slots of nodes in jobs are not reused.
void scheduler_state::forget_if_unused(std::uint32_t slot) {
  members_.forget_if_unused(slot);
  if (!members_.launched(slot))
    draining_.erase(slot);
}

/// Releases the client's runs and references; workers are unaffected.
void scheduler_state::client_left(worker_id id) {
  auto gone = members_.take_client(id);
  if (!gone)
    return;
  self_->demonitor(gone->link.address());
  for (auto& w : waits_for_workers_.take_if([id](const auto& of) { return of.who == id; }))
    w.promise.deliver(considered_gone());
  for (auto key : subscriptions_.of(id))
    end_subscription(key);
  // The client may only have been suspended: the answer must not claim that its tasks were cancelled.
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
  if (gone->node)
    self_->send(setup_.directory, node_gone{gone->node});
}

caf::result<acknowledged> scheduler_state::end_for_sender() {
  auto who = identity();
  if (!who || !members_.clients().contains(*who) || !setup_.on_end_wanted)
    return not_allowed();
  setup_.on_end_wanted();
  return acknowledged{};
}

void scheduler_state::stop() {
  if (!from_this_process())
    return;
  stopping_ = true;
  for (auto& w : waits_for_workers_.take_if([](const auto&) { return true; }))
    w.promise.deliver(to_caf_error(
        cluster_error{error_code::shut_down, "The cluster was shut down while this program waited for its workers."}));
  for (const auto& [id, worker] : members_.workers())
    self_->send(worker.actor, stop_worker{});
  for (const auto& [address, node] : members_.nodes())
    self_->send(node.actor, stop_node{});
}

// -- draining -----------------------------------------------------------------------------------------------

void scheduler_state::drain(std::uint32_t slot) {
  auto* node = members_.launched(slot);
  if (!node || std::exchange(node->draining, true))
    return;
  draining_.insert(slot);
  for (auto id : members_.workers_on(slot))
    core_->apply(scheduler_events::worker_drains{id});
  flush();
}

void scheduler_state::end_drained_nodes() {
  std::vector<std::uint32_t> drained;
  for (auto slot : draining_)
    if (std::ranges::all_of(members_.workers_on(slot),
                            [this](worker_id id) { return members_.workers().at(id).drained; }))
      drained.push_back(slot);
  for (auto slot : drained) {
    draining_.erase(slot);
    leave_nothing_on(slot);
  }
}

/// A drained node ends when the results that only it has have been moved. Results that cannot be moved are lost with
/// the node, and a later request for them reports that.
void scheduler_state::leave_nothing_on(std::uint32_t slot) {
  const auto* node = members_.joined(slot);
  if (!node)
    return;
  auto leave = [this, slot, actor = node->actor] {
    setup_.processes->node_drained(slot);
    self_->send(actor, stop_node{});
    for (auto id : members_.workers_on(slot))
      self_->send(members_.workers().at(id).actor, stop_worker{});
  };
  self_->request(setup_.directory, caf::infinite, evacuate_node{node->id})
      .then([leave](acknowledged) { leave(); }, [leave](caf::error&) { leave(); });
}

// -- time ---------------------------------------------------------------------------------------------------

void scheduler_state::tick() {
  self_->delayed_send(self_, tick_interval, scheduler_tick{});
  auto now = clock::now();
  if (now - last_tick_ > tick_interval + setup_.heartbeat_interval)
    members_.all_heard(now);
  last_tick_ = now;
  for (const auto& [id, worker] : members_.workers())
    if (const auto* node = members_.launched_node_of(worker); node && node->end)
      core_->apply(scheduler_events::worker_time_left{id, *node->end - now});
  flush();
  lose_silent_workers(now);
  give_up_silent_nodes(now);
  if (setup_.processes->is_adaptive() && now - last_demand_ >= tuning::demand_interval) {
    last_demand_ = now;
    report_demand();
  }
  lose_silent_clients(now);
  answer_impatient_questions(now);
  refuse_vain_waits_for_workers();
  answer_impatient_waits(now);
}

void scheduler_state::lose_silent_workers(clock::time_point now) {
  std::vector<std::pair<worker_id, const char*>> lost;
  for (const auto& [id, worker] : members_.workers()) {
    if (worker.hung_up && now - *worker.hung_up > exit_status_grace)
      lost.emplace_back(id, "closed its connection");
    else if (now - worker.heard > setup_.heartbeat_timeout)
      lost.emplace_back(id, "did not answer for longer than the heartbeat_timeout");
  }
  for (auto [id, since] : abandoned_)
    if (now - since > tuning::stop_grace)
      lost.emplace_back(id, "was in a call of on_worker_start that did not return after its program had left");
  for (auto [id, how] : lost)
    lose(id, error_code::worker_silent, how, {});
}

/// The workers of a silent node are alive, but can do little without its store. They end with the node, and their tasks
/// run elsewhere.
void scheduler_state::give_up_silent_nodes(clock::time_point now) {
  for (auto& [address, node] : members_.nodes()) {
    auto timeout = node.state == member_registry::node::starting ? setup_.start_timeout : setup_.heartbeat_timeout;
    if (node.state == member_registry::node::given_up || now - node.heard <= timeout)
      continue;
    node.state = member_registry::node::given_up;
    setup_.processes->node_silent(node.slot, node.pid);
    if (node.id)
      self_->send(setup_.directory, node_gone{node.id});
  }
}

void scheduler_state::lose_silent_clients(clock::time_point now) {
  std::vector<worker_id> silent;
  for (const auto& [id, client] : members_.clients())
    if (now - client.heard > setup_.heartbeat_timeout)
      silent.push_back(id);
  for (auto id : silent)
    client_left(id);
}

void scheduler_state::answer_impatient_questions(clock::time_point now) {
  std::vector<waiter_id> impatient;
  for (const auto& [id, a] : askers_)
    if (now >= a.until)
      impatient.push_back(id);
  for (auto id : impatient)
    answer(id, false);
}

void scheduler_state::report_demand() {
  std::set<std::uint32_t> idle;
  for (const auto& [address, node] : members_.nodes())
    idle.insert(node.slot);
  for (const auto& [id, worker] : members_.workers())
    if (worker.node && (core_->running(id) != 0 || start_calls_.is_in_call(id)))
      idle.erase(*worker.node);
  setup_.processes->demand(core_->useful_threads(tuning::worth_a_worker), waits_for_workers_.largest(),
                           {idle.begin(), idle.end()});
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
  members_.workers().at(worker).drained = true; // its node ends after the event
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
  auto subscription = subscriptions_.ended_by(waiter);
  if (!subscription) {
    answer(waiter, true);
    return;
  }
  report_progress_of(*subscription);
  end_subscription(*subscription);
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

/// Changes are batched per progress_interval; completion is reported immediately.
void scheduler_state::changed(run_id run) {
  if (subscriptions_.changed(run) && !std::exchange(progress_tick_pending_, true))
    self_->delayed_send(self_, tuning::progress_interval, progress_tick{});
}

void scheduler_state::flush() {
  while (!orders_.empty())
    send_order(orders_.begin()->first);
  if (!draining_.empty())
    end_drained_nodes();
}

void scheduler_state::send_order(worker_id worker) {
  order_bytes_.erase(worker);
  auto order = orders_.extract(worker);
  if (order.empty() || order.mapped().empty())
    return;
  if (auto known = members_.workers().find(worker); known != members_.workers().end())
    self_->send(known->second.actor, std::move(order.mapped()));
}

} // namespace daskify::internal
