#pragma once

#include "daskify/protocol/messages.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>

namespace daskify::internal {

/// The effects of start_calls: the scheduler actor turns them into messages; a test records them.
class start_call_effects {
public:
  virtual ~start_call_effects() = default;

  /// `worker` is to make this call, and to report it as the only task of the lease `as`.
  virtual void make_call(worker_id worker, const run_spec& call, lease_id as) = 0;
  /// `worker` has returned from this call, and will not make it again.
  virtual void withdraw_call(worker_id worker, run_id call) = 0;
  /// `worker` is in a call whose client has left. The call is asked to stop; a worker that does not return is to end.
  virtual void abandon_call(worker_id worker, run_id call) = 0;
  /// From here on `worker` fails all tasks of `client` with this cause.
  virtual void refuse_tasks(worker_id worker, worker_id client, const failure& why) = 0;
  /// `worker` gets no tasks until `calls_made`.
  virtual void calls_begin(worker_id worker) = 0;
  virtual void calls_made(worker_id worker) = 0;
};

/// The calls that each worker process makes once, before its first task: `daskified::on_worker_start`.
///
/// Pure: knows no clock, socket or actor. Not thread-safe: it belongs to the scheduler actor. Each call belongs to the
/// client that asked for it. A worker makes the calls of all clients, one at a time, in the order in which they came:
///
///            added                 returned, or threw
///   ready --------------> in a call ------------------> in the next call, or ready
///                            |
///                            +-- died: the worker's next process begins with the first call
///
/// A worker on which a call has thrown refuses the tasks of the call's client and makes no further calls of that
/// client. A call is doomed when workers die in it again and again and none returns in between: one death for all
/// workers but one, because all may be killed together, and `deaths` more. No worker makes a doomed call again, and
/// workers that reach it refuse the tasks of its client.
class start_calls {
public:
  start_calls(start_call_effects& effects, std::size_t deaths) : effects_{effects}, deaths_{deaths} {}

  // -- events -----------------------------------------------------------------------------------------------

  /// Every worker makes this call. A run id that is known already is ignored.
  void add(worker_id client, run_spec call);
  /// The client's calls are not made any more.
  void client_left(worker_id client);
  /// A new process, which the caller treats as after `calls_begin` if `any()`.
  void worker_joined(worker_id worker);
  /// `cause` describes how the worker ended.
  void worker_left(worker_id worker, const failure& cause);
  /// The worker has returned from the call of the lease `as`; `why` it failed, if so. Ignored unless the worker is in
  /// this call.
  void returned(worker_id worker, lease_id as, const std::optional<failure>& why);

  // -- questions ----------------------------------------------------------------------------------------------

  /// Whether a worker that joins now has calls to make.
  bool any() const noexcept { return !calls_.empty(); }
  bool is_in_call(worker_id worker) const;
  /// Whether the worker has made all calls, and none of the client's calls has failed on it.
  bool is_ready(worker_id worker, worker_id client) const;
  /// The first failure of one of the client's calls; null: none.
  const failure* failed(worker_id client) const;

private:
  using number = std::uint64_t; ///< of a call, in the order of arrival; from 1
  struct call_record {
    worker_id client;
    run_spec call;
    std::size_t deaths = 0;  ///< workers in a row that died in the call
    std::size_t workers = 0; ///< the most workers meanwhile
    std::optional<failure> doomed;
  };
  struct worker_record {
    number last = 0; ///< the last call that the worker has made, is in, or has skipped
    bool in_call = false;
    std::set<worker_id> refused; ///< clients whose tasks the worker fails
  };

  void go_on(worker_id worker, worker_record& record);
  void refuse(worker_id worker, worker_record& record, worker_id client, const failure& why);

  start_call_effects& effects_;
  std::size_t deaths_;
  std::map<number, call_record> calls_;
  std::map<worker_id, worker_record> workers_;
  std::map<worker_id, failure> failed_; ///< by client
  number last_ = 0;
};

} // namespace daskify::internal
