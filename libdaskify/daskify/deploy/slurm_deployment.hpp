#pragma once

#include "daskify/deploy/deployment.hpp"
#include "daskify/deploy/job_fleet_core.hpp"
#include "daskify/deploy/job_script.hpp"
#include "daskify/deploy/slurm_commands.hpp"
#include "daskify/store/work_thread.hpp"

#include <condition_variable>
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

/// The request that a SLURM cluster with these settings submits for `jobs` of its jobs. `session_folder` and
/// `log_folder` are folders that the nodes see, too. Throws config_error for a value that no script can hold.
job_request request_for(const settings& options, std::size_t jobs, const std::string& session_folder,
                        const std::string& log_folder, const std::string& program_name);

/// The script of a whole cluster with these settings, to be looked at: with SESSION in place of the session's folder.
std::string example_job_script(const settings& options, const std::string& program_name);

/// How many jobs that are, for a number of workers.
std::size_t jobs_for(const settings& options, std::size_t workers);

/// Nodes in SLURM's jobs. The job fleet core decides which there are; here sbatch, squeue and scancel are called, and
/// the node processes come and go.
class slurm_deployment final : public deployment, private job_fleet_effects {
public:
  explicit slurm_deployment(deployment_setup with);
  ~slurm_deployment() override;

  void start() override;
  void wait_until_ready(std::chrono::milliseconds timeout) override;
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

  std::vector<std::string> submit_now(std::size_t count);
  void query_now(const std::vector<std::string>& units);
  std::vector<job_status> statuses_of(const std::vector<std::string>& units, const std::string& squeue_said);
  void doubt_first_reasons(std::vector<job_status>& answer);
  void cancel_now(const std::vector<std::string>& units);
  std::string log_of(const std::string& unit) const;
  void fail(const std::string& sentence);
  void tick(const std::stop_token& stop);

  struct node_record {
    std::string unit;
    bool ready = false;
    bool said_goodbye = false;
  };

  deployment_setup setup_;
  std::size_t size_; ///< jobs

  std::mutex mutex_;
  std::condition_variable_any changed_;
  job_fleet_core core_;
  std::map<std::uint32_t, node_record> nodes_; ///< connected, by slot
  fleet_report report_;
  std::string problem_;      ///< why the cluster cannot start
  std::string last_failure_; ///< of a job that ended before its node came
  bool replacing_ = true;
  std::size_t under_way_ = 0;                               ///< commands that were posted and have not ended
  std::map<std::string, clock::time_point> hopeless_since_; ///< units that can never start, by SLURM's word
  std::map<std::string, std::set<std::string>> cancelled_;  ///< units of allocations, by job
  std::map<std::string, std::size_t> sizes_;                ///< of allocations: how many units, by job

  std::stop_source stopping_;
  std::unique_ptr<work_thread> commands_;
  std::jthread ticking_; ///< last: it uses the rest
};

} // namespace daskify::internal
