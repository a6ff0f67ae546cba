#pragma once

#include "daskify/deploy/deployment.hpp"
#include "daskify/os/log_tail.hpp"
#include "daskify/os/process_identity.hpp"
#include "daskify/protocol/actors.hpp"
#include "daskify/scheduler/scheduler_core.hpp"
#include "daskify/scheduler/start_calls.hpp"
#include "daskify/scheduler/worker_wait_list.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>

namespace daskify::internal {

struct scheduler_setup {
  std::string secret;   ///< what a worker has to know
  std::string build_id; ///< what a worker has to be; empty: anything, as it serves programs of several builds
  std::chrono::milliseconds heartbeat_interval{};
  std::chrono::milliseconds heartbeat_timeout{};
  std::chrono::milliseconds start_timeout{}; ///< how long a node may take from when it joins to its first heartbeat
  std::size_t retries = 0;
  std::optional<std::size_t> max_lost; ///< lost tasks after which a run is given up
  store_for_users store;               ///< of this node
  directory_actor directory;
  deployment* processes = nullptr;     ///< outlives the actor
  std::function<void()> on_end_wanted; ///< a client wants the cluster to end; none: that is not for clients to say
  // For people.
  std::string mode;
  std::string log_folder;
  // Slots for nodes that come without.
  std::uint32_t first_free_node = 1;
  std::uint32_t first_free_worker = 0;
};

/// The scheduler core as an actor: messages become events, effects become messages. It owns the promises of those who
/// wait for results, and knows which actor and process is which worker. Nothing is decided here.
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

  struct peer {
    worker_actor actor;
    caf::actor_addr speaker; ///< in whose name its tasks speak
    enrol_request who;
    clock::time_point heard;
    std::uint64_t resident_bytes = 0;
    std::uint64_t log_size = 0; ///< when it reported last
    /// When its connection broke; its exit status, which says more, should follow at once.
    std::optional<clock::time_point> hung_up;
    std::optional<std::uint32_t> node; ///< slot of its node, where that has joined
    bool drained = false;
  };
  struct node_record {
    node_actor actor;
    node_id id; ///< none: the directory has not answered yet
    std::uint32_t slot = 0;
    std::int32_t pid = 0;
    clock::time_point heard;
    enum : std::uint8_t { starting, alive, given_up } state = starting;
  };
  /// What deployment says of a launched node, joined or not.
  struct node_outlook {
    std::string name; ///< as its workers know it; empty before it has joined
    std::optional<clock::time_point> end;
    bool draining = false;
  };
  struct asker {
    caf::typed_response_promise<awaited_tasks> promise;
    await_tasks question;
    clock::time_point until;
    worker_id who; ///< none: in this process; else the answer crosses a wire
  };
  /// A client in another process.
  struct client_record {
    std::string name;
    link_actor link;
    std::vector<caf::actor_addr> speakers; ///< in whose names it speaks, the link among them
    node_id node;                          ///< its store; none: the directory has not answered yet
    clock::time_point heard;
  };
  /// Whose, and which of the client's own numbers.
  using subscription_key = std::pair<worker_id, std::uint64_t>;
  struct subscription {
    std::vector<run_range> tasks;
    progress_actor listener;
    waiter_id waiter; ///< for the end
    bool dirty = false;
  };

  caf::typed_response_promise<enrol_answer, store_for_users> enrol(enrol_request& who, worker_actor& actor,
                                                                   caf::strong_actor_ptr& speaker);
  caf::typed_response_promise<node_answer, directory_for_stores> admit(join_node& who, store_for_directory& store,
                                                                       const node_actor& node);
  caf::typed_response_promise<attach_answer, directory_for_stores>
  attach(const attach_client& who, const store_for_directory& store, const link_actor& link,
         const caf::strong_actor_ptr& speaker, const progress_actor& progress);
  void client_left(worker_id client);
  worker_entry entry_of(worker_id worker) const;
  cluster_status status() const;
  client_record* sending_client();
  /// Why a process may not join; nothing if it may.
  std::optional<std::pair<error_code, std::string>> refusal(const std::string& secret,
                                                            const std::string& build_id) const;
  std::pair<worker_id, peer*> sending_worker();
  node_record* sending_node();
  std::optional<worker_id> speaker() const;
  bool is_client(const std::optional<worker_id>& who) const;
  static bool may_use(const std::optional<worker_id>& who, run_id run);
  static bool may_use(const std::optional<worker_id>& who, const std::vector<run_range>& tasks);
  bool from_this_process() const;
  void start_call_reported(worker_id worker, lease_report report);
  void lose(worker_id worker, error_code code, std::string how, const log_end& output);
  const node_outlook* outlook_of(const peer& worker) const;
  bool is_gone(std::uint32_t node) const;
  std::vector<worker_id> workers_of(std::uint32_t node) const;
  void drain(std::uint32_t slot);
  void node_left(std::uint32_t slot);
  void end_if_exhausted();
  void forget_if_gone(std::uint32_t slot);
  void tell_drained_nodes();
  void leave_nothing_on(std::uint32_t slot);
  /// Keeps the promise of a question that is still open; "not yet" is an answer, too.
  void answer(waiter_id waiter, bool satisfied);
  void tick();
  caf::typed_response_promise<awaited_workers> await_workers_for(const await_workers& question);
  std::uint64_t ready_workers(worker_id client) const;
  void answer_waits_for_workers();
  void answer_impatient_waits(clock::time_point now);
  void refuse_vain_waits_for_workers();
  void tell_demand();
  void tell_progress(subscription_key id);
  void end_subscription(subscription_key id);
  void flush();
  void send_order(worker_id worker);

  pointer self_;
  scheduler_setup setup_;
  std::unique_ptr<scheduler_core> core_;
  start_calls start_calls_{*this, tuning::start_attempts};
  std::map<worker_id, failure> failing_calls_;             ///< of start calls that have reported, and not returned yet
  std::map<worker_id, clock::time_point> abandoned_;       ///< in calls whose clients have left, since then
  std::unordered_map<run_id, client_listener> unattended_; ///< who hears of the ends of these runs
  std::map<worker_id, peer> peers_;
  std::map<worker_id, client_record> clients_;
  std::unordered_map<caf::actor_addr, worker_id> speakers_; ///< two of each worker, three of each client
  std::unordered_map<caf::actor_addr, node_record> nodes_;  ///< that have joined
  std::map<std::uint32_t, node_outlook> outlooks_;          ///< by the node's slot
  std::set<std::uint32_t> draining_;                        ///< nodes that are to be drained, and are not yet
  std::uint64_t last_worker_ = 0;                           ///< or client
  std::map<worker_id, work_order> orders_;                  ///< what this event makes the workers do
  std::map<worker_id, std::uint64_t> order_bytes_;          ///< of the descriptions and values in each
  std::map<waiter_id, asker> askers_;
  std::uint64_t last_waiter_ = 0;
  worker_wait_list<caf::typed_response_promise<awaited_workers>> waits_for_workers_;
  std::map<subscription_key, subscription> subscriptions_;
  std::map<waiter_id, subscription_key> ending_;                      ///< waits for the end of a subscription's tasks
  std::unordered_map<run_id, std::vector<subscription_key>> watched_; ///< run -> subscriptions
  bool progress_tick_pending_ = false;
  bool stopping_ = false;            ///< the session ends
  std::optional<failure> exhausted_; ///< nobody will be started any more
  clock::time_point last_tick_ = clock::now();
  clock::time_point begin_ = clock::now();
  clock::time_point last_demand_ = clock::now();
};

scheduler_actor::behavior_type scheduler_behavior(scheduler_state::pointer self, scheduler_setup setup);

/// Starts one. Compiled where the actor is: what CAF makes of its class takes seconds in each file that spawns it.
scheduler_actor spawn_scheduler(caf::actor_system& system, scheduler_setup setup);

} // namespace daskify::internal
