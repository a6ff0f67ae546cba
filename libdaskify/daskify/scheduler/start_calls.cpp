#include "daskify/scheduler/start_calls.hpp"

#include "daskify/scheduler/blame.hpp"

#include <algorithm>

namespace daskify::internal {

namespace {

/// The failure of the tasks of the call's client.
failure as_cause(failure why) {
  why.code = error_code::start_call_failed;
  why.first = 0;
  why.count = 1;
  return why;
}

} // namespace

void start_calls::add(worker_id client, run_spec call) {
  auto known = [&](const auto& entry) { return entry.second.call.run == call.run; };
  if (std::any_of(calls_.begin(), calls_.end(), known))
    return;
  calls_.emplace(++last_, call_record{client, std::move(call), 0, 0, {}});
  for (auto& [id, worker] : workers_)
    if (!worker.in_call && !worker.refused.contains(client)) {
      effects_.calls_begin(id);
      go_on(id, worker);
    }
}

void start_calls::client_left(worker_id client) {
  failed_.erase(client);
  std::set<number> gone;
  for (const auto& [n, call] : calls_)
    if (call.client == client)
      gone.insert(n);
  for (auto& [id, worker] : workers_) {
    worker.refused.erase(client);
    if (worker.in_call && gone.contains(worker.last))
      effects_.abandon_call(id, calls_.at(worker.last).call.run); // its report follows
  }
  for (auto n : gone)
    calls_.erase(n);
}

void start_calls::worker_joined(worker_id worker) {
  auto [added, is_new] = workers_.try_emplace(worker);
  if (is_new && any())
    go_on(worker, added->second);
}

void start_calls::worker_left(worker_id worker, const failure& cause) {
  auto gone = workers_.extract(worker);
  if (gone.empty() || !gone.mapped().in_call)
    return;
  auto found = calls_.find(gone.mapped().last);
  if (found == calls_.end() || is_infrastructure_loss(cause.code))
    return;
  auto& call = found->second;
  call.workers = std::max(call.workers, workers_.size() + 1); // with the worker that left
  if (++call.deaths < call.workers - 1 + deaths_ || call.doomed)
    return;
  auto why = cause;
  why.text = "the call " + call.call.name + " of on_worker_start ended " + std::to_string(call.deaths) +
             " workers in a row, the last one so: " + cause.text;
  call.doomed = as_cause(std::move(why)); // workers that made it before it began to kill go on
  failed_.try_emplace(call.client, *call.doomed);
}

void start_calls::returned(worker_id worker, lease_id as, const std::optional<failure>& why) {
  auto known = workers_.find(worker);
  if (known == workers_.end() || !known->second.in_call || lease_of_start_call(known->second.last) != as)
    return;
  auto& record = known->second;
  record.in_call = false;
  if (auto found = calls_.find(record.last); found != calls_.end()) {
    auto& call = found->second;
    effects_.withdraw_call(worker, call.call.run);
    call.deaths = 0;
    call.workers = 0;
    if (why) {
      auto cause = *why;
      cause.text = "the call " + call.call.name + " of on_worker_start " +
                   (why->code == error_code::task_threw
                        ? "threw" + (why->type.empty() ? std::string{} : " " + why->type) + ": " + why->text
                        : "could not be made: " + why->text) +
                   " [" + why->worker + " on " + why->host + "]";
      cause = as_cause(std::move(cause));
      failed_.try_emplace(call.client, cause);
      refuse(worker, record, call.client, cause);
    }
  }
  go_on(worker, record);
}

void start_calls::refuse(worker_id worker, worker_record& record, worker_id client, const failure& why) {
  if (record.refused.insert(client).second)
    effects_.refuse_tasks(worker, client, why);
}

/// Makes the worker's next call, or lets it work.
void start_calls::go_on(worker_id worker, worker_record& record) {
  for (auto next = calls_.upper_bound(record.last); next != calls_.end(); ++next) {
    record.last = next->first;
    const auto& call = next->second;
    if (record.refused.contains(call.client))
      continue;
    if (call.doomed) {
      refuse(worker, record, call.client, *call.doomed);
      continue;
    }
    record.in_call = true;
    effects_.make_call(worker, call.call, lease_of_start_call(next->first));
    return;
  }
  effects_.calls_made(worker);
}

bool start_calls::is_in_call(worker_id worker) const {
  auto known = workers_.find(worker);
  return known != workers_.end() && known->second.in_call;
}

bool start_calls::is_ready(worker_id worker, worker_id client) const {
  auto known = workers_.find(worker);
  return known != workers_.end() && !known->second.in_call && !known->second.refused.contains(client);
}

const failure* start_calls::failed(worker_id client) const {
  auto found = failed_.find(client);
  return found == failed_.end() ? nullptr : &found->second;
}

} // namespace daskify::internal
