#pragma once

#include "daskify/deploy/batch/batch_system.hpp"
#include "daskify/deploy/batch/command_queue.hpp"
#include "daskify/deploy/batch/job_counts.hpp"
#include "daskify/deploy/batch/job_fleet_core.hpp"
#include "daskify/deploy/batch/start_waiter.hpp"
#include "daskify/deploy/deployment.hpp"
#include "daskify/progress/staffing_notice.hpp"

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace daskify::internal {

/// Nodes in jobs of a batch system. The job fleet core decides which jobs there are; this class runs the system's
/// commands and tracks the connected nodes.
class batch_deployment final : public deployment, private job_fleet_effects {
public:
  /// Throws config_error when the system cannot be asked for these jobs.
  batch_deployment(deployment_setup with, std::unique_ptr<batch_system> system);
  ~batch_deployment() override;

  void start() override;
  void wait_until_ready() override;
  void worker_refused(const enrol_request& who, const std::string& reason) override;
  void node_joined(std::uint32_t slot, const join_node& who) override;
  void node_ready(std::uint32_t slot) override;
  void node_refused(const join_node& who, const std::string& reason) override;
  void node_silent(std::uint32_t slot, std::int32_t pid) override;
  void node_leaving(std::uint32_t slot) override;
  void node_drained(std::uint32_t slot) override;
  void node_left(std::uint32_t slot) override;
  std::optional<fleet_report> jobs() override;
  bool is_adaptive() const override;
  void demand(std::uint64_t threads, std::uint64_t workers, const std::vector<std::uint32_t>& idle_nodes) override;
  worker_prospect prospect() override;
  void stop_replacing() override;
  void end_all() override;

private:
  using clock = std::chrono::steady_clock;

  void submit(submission_id request, std::size_t count) override;
  void query(const std::vector<std::string>& units) override;
  void cancel(const std::vector<std::string>& units) override;
  void drain(const std::string& unit, node_id node) override;
  void node_gone(const node_end& what) override;
  void failed_start(const std::vector<std::string>& units, const std::string& sentence) override;
  void exhausted(const std::string& sentence) override;
  void report(const fleet_report& now) override;

  void stop_commands();
  std::size_t ready() const;
  void show_report(start_waiter& waiter, std::unique_lock<std::mutex>& lock);
  void cancel_pending_now();
  bool commands_end_in_time();
  bool has_doubts();
  void cancel_all_now();
  void submit_now(submission_id request, std::size_t count);
  void query_now(const std::vector<std::string>& units);
  void tell_ends(const std::vector<job_status>& answer, clock::time_point asked);
  void watch_jobs();
  void say_not_cancelled(const std::string& why, const std::vector<std::string>& units) const;
  void cancel_now(const std::vector<std::string>& units);
  void fail(const std::string& sentence);
  void keep_last_words(const std::vector<std::string>& units, const std::string& sentence);
  std::string of_system(const std::string& sentence) const;
  std::string news(clock::time_point now);
  std::string why_not_ready(clock::time_point now) const;
  [[noreturn]] void throw_late(std::size_t ready) const;
  std::string new_explanations();
  void tick();

  struct node_record {
    std::string unit;
    clock::time_point joined;
    bool knows_its_end = false;
    bool ready = false;
    bool said_goodbye = false;
  };

  deployment_setup setup_;
  std::unique_ptr<batch_system> system_; ///< its commands run on the command thread, while that runs
  job_counts counts_;
  std::size_t at_start_; ///< jobs that a start waits for

  std::mutex mutex_;
  std::condition_variable_any changed_;
  job_fleet_core core_;
  std::map<std::uint32_t, node_record> nodes_; ///< connected nodes, by slot
  fleet_report report_;
  std::string problem_;             ///< why the cluster cannot start
  std::string last_failure_;        ///< of a job that ended by itself, with its last output
  bool starting_ = true;            ///< until wait_until_ready returns
  std::string told_failure_;        ///< the last failure that was shown
  std::set<std::string> explained_; ///< reasons of pending jobs that were explained
  staffing_notice staffing_;        ///< about too few jobs at work
  bool has_submitted_ = false;
  /// Jobs may exist that are not known here and were not cancelled.
  bool in_doubt_ = false;
  std::string cancel_problem_; ///< of the last cancellation; "": it succeeded

  std::stop_source asking_;     ///< ends a query
  std::stop_source no_more_;    ///< the cluster ends: nothing further is submitted; requested under the lock
  std::stop_source submitting_; ///< ends a submission
  std::stop_source stopping_;   ///< ends every other command
  command_queue commands_;
  std::stop_source ending_; ///< ends the thread `ticking_`
  std::thread ticking_;     ///< last, because it uses the other members
};

} // namespace daskify::internal
