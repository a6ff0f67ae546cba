#include "daskify/scheduler/cluster_report.hpp"

#include <map>
#include <vector>

namespace daskify::internal {

namespace {

/// Open runs shown per client.
constexpr std::size_t shown_runs = 20;

client_entry entry_of_client(worker_id id, const std::vector<run_range>& runs, const report_sources& from) {
  auto known = from.members.clients().find(id);
  client_entry entry;
  entry.id = id;
  entry.name = known == from.members.clients().end() ? std::string{} : known->second.name;
  entry.runs = runs.size();
  entry.counts = from.core.counts(runs);
  for (const auto& run : runs) {
    if (entry.open.size() == shown_runs)
      break;
    if (auto counts = from.core.counts({run}); counts.pending + counts.running != 0)
      entry.open.push_back({run.run, from.core.name_of(run.run), counts});
  }
  return entry;
}

void add_jobs(cluster_status& all, const fleet_report& report) {
  auto& jobs = all.jobs;
  jobs.system = report.system;
  jobs.wanted = report.wanted;
  jobs.submitted = report.submitted;
  jobs.pending = report.pending;
  for (const auto& [reason, count] : report.reasons)
    jobs.reasons.push_back({reason, count});
  jobs.starting = report.starting;
  jobs.enrolled = report.enrolled;
  jobs.draining = report.draining;
  jobs.lost = report.lost;
  jobs.sentence = report.sentence;
}

} // namespace

worker_entry entry_of(worker_id worker, const report_sources& from) {
  const auto& w = from.members.workers().at(worker);
  auto running = from.core.running(worker);
  const auto* node = from.members.launched_node_of(w);
  auto busy = running != 0 || from.calls.is_in_call(worker);
  return {
      worker,    w.who.name, w.who.host, w.who.node, w.who.pid, busy, running, w.resident_bytes, node && node->draining,
      w.who.cpus};
}

cluster_status report_on(const report_sources& from) {
  cluster_status all;
  for (const auto& [id, w] : from.members.workers())
    all.workers.push_back(entry_of(id, from));
  std::map<worker_id, std::vector<run_range>> runs;
  for (const auto& [id, client] : from.members.clients())
    runs[id];
  for (auto run : from.core.runs())
    runs[submitter_of(run)].push_back({run, 0, UINT64_MAX});
  for (const auto& [id, of_one] : runs)
    all.clients.push_back(entry_of_client(id, of_one, from));
  if (auto report = from.processes.jobs())
    add_jobs(all, *report);
  return all;
}

} // namespace daskify::internal
