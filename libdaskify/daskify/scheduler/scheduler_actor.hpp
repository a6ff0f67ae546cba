#pragma once

#include "daskify/deploy/deployment.hpp"
#include "daskify/os/log_tail.hpp"
#include "daskify/os/process_identity.hpp"
#include "daskify/protocol/actors.hpp"
#include "daskify/scheduler/cluster_report.hpp"
#include "daskify/scheduler/member_registry.hpp"
#include "daskify/scheduler/scheduler_core.hpp"
#include "daskify/scheduler/start_calls.hpp"
#include "daskify/scheduler/subscriptions.hpp"
#include "daskify/scheduler/worker_wait_list.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>

namespace daskify::internal {

struct scheduler_setup {
  std::string secret;   ///< that each process has to present
  std::string build_id; ///< required of workers; empty: any, because the cluster serves programs of several builds
  std::chrono::milliseconds heartbeat_interval{};
  std::chrono::milliseconds heartbeat_timeout{};
  std::chrono::milliseconds start_timeout{}; ///< how long a node may take from when it joins to its first heartbeat
  std::size_t retries = 0;
  std::optional<std::size_t> max_lost; ///< lost tasks after which a run is given up
  store_for_users store;               ///< of this node
  directory_actor directory;
  deployment* processes = nullptr;     ///< outlives the actor
  std::function<void()> on_end_wanted; ///< a client asks to end the cluster; none: clients may not
  // For display.
  std::string mode;
  std::string log_folder;
  // Slots for nodes that join without one.
  std::uint32_t first_free_node = 1;
  std::uint32_t first_free_worker = 0;
};

/// The scheduler core as an actor: messages become events, effects become messages. Owns the promises of requests that
/// wait for results, and maps actors and processes to workers. Makes no decisions.
class scheduler_state : public scheduler_effects, public start_call_effects {
public:
  using pointer = scheduler_actor::stateful_pointer<scheduler_state>;

  explicit scheduler_state(pointer self) : self_{self} {}

  scheduler_actor::behavior_type make_behavior(scheduler_setup setup);

  void describe(worker_id worker, const run_brief& run) override;
  void grant(worker_id worker, const lease& granted) override;
  void cancel(worker_id worker, const run_range& tasks) override;
  void recall(worker_id worker) override;
  void drained(worker_id worker) override;
  void forget(worker_id worker, run_id run) override;
  void adopt_results(worker_id worker, const std::vector<object_id>& results) override;
  void release_results(const std::vector<object_id>& results) override;
  void release_arguments_of(run_id run, const std::vector<object_id>& arguments) override;
  void satisfied(waiter_id waiter) override;
  void unattended_ended(run_id run) override;
  void changed(run_id run) override;

  void make_call(worker_id worker, const run_spec& call, lease_id as) override;
  void withdraw_call(worker_id worker, run_id call) override;
  void abandon_call(worker_id worker, run_id call) override;
  void refuse_tasks(worker_id worker, worker_id client, const failure& why) override;
  void calls_begin(worker_id worker) override { core_->apply(scheduler_events::worker_paused{worker}); }
  void calls_made(worker_id worker) override { core_->apply(scheduler_events::worker_resumed{worker}); }

private:
  using clock = std::chrono::steady_clock;

  struct asker {
    caf::typed_response_promise<awaited_tasks> promise;
    await_tasks question;
    clock::time_point until;
    worker_id who; ///< none: in this process; otherwise the answer crosses the network
  };
  using subscription_key = subscriptions<progress_actor>::key;

  // Joining.
  std::optional<std::pair<error_code, std::string>> refusal(const std::string& secret,
                                                            const std::string& build_id) const;
  std::optional<std::pair<error_code, std::string>> refusal_of(const attach_client& who) const;
  caf::typed_response_promise<enrol_answer, store_for_users> enrol(enrol_request& who, worker_actor& actor,
                                                                   const caf::strong_actor_ptr& identity);
  void begin_work(worker_id id, const member_registry::worker& worker);
  caf::typed_response_promise<node_answer, directory_for_stores> admit(join_node& who, store_for_directory& store,
                                                                       const node_actor& node);
  caf::typed_response_promise<attach_answer, directory_for_stores>
  attach(const attach_client& who, const store_for_directory& store, const link_actor& link,
         const caf::strong_actor_ptr& identity, const progress_actor& progress);

  // Senders.
  std::pair<worker_id, member_registry::worker*> sending_worker();
  std::optional<worker_id> identity() const;
  bool is_client(const std::optional<worker_id>& who) const;
  static bool may_use(const std::optional<worker_id>& who, run_id run);
  static bool may_use(const std::optional<worker_id>& who, const std::vector<run_range>& tasks);
  bool from_this_process() const;

  // Signs of life.
  caf::result<void> note_node_alive();
  void note_node_ready();
  void note_node_leaving();
  caf::result<cluster_alive> note_client_alive();
  caf::result<void> note_heartbeat(const heartbeat& beat);

  // Work.
  void take_reports(work_report& report);
  void note_waiting_tasks(worker_waits waiting);
  void submit(submit_runs& runs);
  void cancel_for_sender(const cancel_tasks& tasks);
  void release(const release_runs& runs);
  caf::result<progress> count(const count_tasks& question) const;
  caf::typed_response_promise<awaited_tasks> await(await_tasks& question);
  void answer(waiter_id waiter, bool satisfied);
  void answer_impatient_questions(clock::time_point now);
  void add_call(add_start_call& call);
  void start_call_reported(worker_id worker, lease_report report);

  // Waits for workers.
  std::uint64_t ready_workers(worker_id client) const;
  caf::typed_response_promise<awaited_workers> await_workers_for(const await_workers& question);
  void answer_waits_for_workers();
  void answer_impatient_waits(clock::time_point now);
  void refuse_vain_waits_for_workers();

  // Progress.
  void subscribe(subscribe_progress& wanted, const progress_actor& listener);
  void report_progress();
  void report_progress_of(subscription_key id);
  void end_subscription(subscription_key id);

  // The cluster, for display.
  caf::result<worker_list> list() const;
  caf::result<cluster_status> status() const;
  report_sources sources() const;

  // Leaving.
  void connection_broke(const caf::down_msg& down);
  void worker_process_exited(worker_exited& exit);
  void note_time_left(node_time_left time);
  void lose_workers_of(const node_lost& lost);
  void lose(worker_id worker, error_code code, std::string how, const log_end& output);
  void note_exhausted(workers_exhausted& why);
  void end_if_exhausted();
  void forget_if_unused(std::uint32_t slot);
  void client_left(worker_id client);
  caf::result<acknowledged> end_for_sender();
  void stop();
  void drain(std::uint32_t slot);
  void end_drained_nodes();
  void leave_nothing_on(std::uint32_t slot);

  // Time.
  void tick();
  void lose_silent_workers(clock::time_point now);
  void give_up_silent_nodes(clock::time_point now);
  void lose_silent_clients(clock::time_point now);
  void report_demand();

  void flush();
  void send_order(worker_id worker);

  pointer self_;
  scheduler_setup setup_;
  std::unique_ptr<scheduler_core> core_;
  start_calls start_calls_{*this, tuning::start_attempts};
  std::map<worker_id, failure> failing_calls_;             ///< of start calls whose lease is not closed yet
  std::map<worker_id, clock::time_point> abandoned_;       ///< workers in calls of clients that left, and when
  std::unordered_map<run_id, client_listener> unattended_; ///< the actors to notify of the ends of these runs
  member_registry members_;
  std::set<std::uint32_t> draining_;               ///< slots of nodes that are not drained yet
  std::map<worker_id, work_order> orders_;         ///< orders to the workers from this event
  std::map<worker_id, std::uint64_t> order_bytes_; ///< of the descriptions and values in each order
  std::map<waiter_id, asker> askers_;
  std::uint64_t last_waiter_ = 0;
  worker_wait_list<caf::typed_response_promise<awaited_workers>> waits_for_workers_;
  subscriptions<progress_actor> subscriptions_;
  bool progress_tick_pending_ = false;
  bool stopping_ = false;            ///< the session ends
  std::optional<failure> exhausted_; ///< why no worker will be started any more
  clock::time_point last_tick_ = clock::now();
  clock::time_point begin_ = clock::now();
  clock::time_point last_demand_ = clock::now();
};

scheduler_actor::behavior_type scheduler_behavior(scheduler_state::pointer self, scheduler_setup setup);

/// Starts a scheduler. Defined next to the actor, because CAF's templates for it take seconds to compile in each file
/// that spawns it.
scheduler_actor spawn_scheduler(caf::actor_system& system, scheduler_setup setup);

} // namespace daskify::internal
