#pragma once

#include "daskify/deploy/batch/job_fleet_core.hpp"
#include "daskify/deploy/deployment.hpp"
#include "daskify/deploy/slurm/job_guard.hpp"
#include "daskify/deploy/slurm/slurm_commands.hpp"
#include "daskify/deploy/slurm/slurm_request.hpp"
#include "daskify/os/notice.hpp"
#include "daskify/os/serial_executor.hpp"
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

/// Nodes in SLURM's jobs. The job fleet core decides which there are; here sbatch, squeue and scancel are called, and
/// the node processes come and go.
class slurm_deployment final : public deployment, private job_fleet_effects {
public:
  explicit slurm_deployment(deployment_setup with);
  ~slurm_deployment() override;

  void start() override;
  void wait_until_ready() override;
  void worker_enrolled(const enrol_request&) override {}
  void worker_refused(const enrol_request& who, const std::string& reason) override;
  void worker_silent(std::uint32_t, std::int32_t) override {} // its node sees it end, or ends itself
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

  void post(const char* waits_for, std::function<void()> command);
  void stop_commands();
  bool is_replacing();
  void doubt(const error& why);
  std::vector<std::string> submit_now(std::size_t count);
  void query_now(const std::vector<std::string>& units);
  std::vector<job_status> statuses_of(const std::vector<std::string>& units, const std::string& squeue_said);
  void doubt_first_reasons(std::vector<job_status>& answer);
  void tell_ends(const std::vector<job_status>& answer, clock::time_point asked);
  void watch_jobs();
  static void say_not_cancelled(const std::string& why, const std::string& jobs);
  void cancel_now(const std::vector<std::string>& units);
  std::string log_of(const std::string& unit) const;
  void fail(const std::string& sentence);
  void keep_last_words(const std::vector<std::string>& units, const std::string& sentence);
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

  /// A command of SLURM's that may not answer.
  struct awaited_command {
    std::string name; ///< "": there is none
    clock::time_point since;
  };

  /// A job of several units.
  struct allocation {
    std::size_t size = 0;            ///< units
    std::set<std::string> cancelled; ///< of them
  };

  deployment_setup setup_;
  job_counts counts_;
  std::size_t at_start_; ///< jobs that a start waits for

  std::mutex mutex_;
  std::condition_variable_any changed_;
  job_fleet_core core_;
  std::map<std::uint32_t, node_record> nodes_; ///< connected, by slot
  fleet_report report_;
  std::string problem_;             ///< why the cluster cannot start
  std::string last_failure_;        ///< of a job that ended before its node came, or soon after
  bool starting_ = true;            ///< somebody waits until it is ready
  std::string told_failure_;        ///< the last one that was said
  std::set<std::string> explained_; ///< reasons of SLURM's for which jobs wait, that were explained
  staffing_notice staffing_;        ///< of too few jobs at work
  bool replacing_ = true;
  bool has_submitted_ = false;
  /// Jobs may be left that no scancel has reached.
  bool in_doubt_ = false;
  std::string cancel_problem_;                              ///< of the last scancel; "" when it went well
  std::size_t under_way_ = 0;                               ///< commands that were posted and have not ended
  awaited_command awaited_;                                 ///< of the posted one that runs
  std::map<std::string, clock::time_point> hopeless_since_; ///< units that can never start, by SLURM's word
  std::map<std::string, allocation> allocations_;           ///< by job

  job_guard guard_;             ///< of the thread for commands, while that runs
  std::stop_source asking_;     ///< ends a squeue
  std::stop_source submitting_; ///< ends an sbatch
  std::stop_source stopping_;   ///< ends every other command
  std::unique_ptr<serial_executor> commands_;
  std::stop_source ending_; ///< of the next
  std::thread ticking_;     ///< last: it uses the rest
};

} // namespace daskify::internal
