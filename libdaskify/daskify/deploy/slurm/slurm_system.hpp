#pragma once

#include "daskify/config/settings.hpp"
#include "daskify/deploy/batch/batch_system.hpp"
#include "daskify/deploy/batch/session_guard.hpp"
#include "daskify/error.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace daskify::internal {

/// SLURM, controlled by its commands. Units are jobs ("12"), tasks of arrays ("12_3"), and tasks of allocations
/// ("12.3").
class slurm_system final : public batch_system {
public:
  /// For the cluster whose session has this folder; the logs of its jobs are in `log_folder`.
  slurm_system(settings options, std::string session_folder, std::string log_folder, std::string program_name);

  std::string_view name() const override { return "SLURM"; }
  std::string_view submit_command() const override { return "sbatch"; }
  std::string_view query_command() const override { return "squeue"; }
  std::string cancel_command(const std::vector<std::string>& units) const override;
  bool can_never_start(std::string_view reason) const override;
  std::string explain(std::string_view reason) const override;
  bool has_advice_on(std::string_view reason) const override;
  std::string log_of(const std::string& unit) const override;

  void check(std::size_t count) const override;
  submission_result submit(std::size_t count, std::stop_token no_more, std::stop_token stop) override;
  std::vector<job_status> query(const std::vector<std::string>& units, std::stop_token stop) override;
  bool cancel(const std::vector<std::string>& units, std::stop_token stop) override;
  void cancel_pending(const std::vector<std::string>& units, std::stop_token stop) override;

  void guard() override { guard_.watch(); }
  void release() override { guard_.release(); }
  std::string cancel_all() override;

private:
  /// A job of several units.
  struct allocation {
    std::size_t size = 0;            ///< number of units
    std::set<std::string> cancelled; ///< cancelled units
  };

  std::string script_for(std::size_t count) const;
  void take_units(std::size_t count, std::stop_token no_more, std::stop_token stop, submission_result& result);
  void doubt_first_reasons(std::vector<job_status>& answer);
  std::set<std::string> ended_by(const std::vector<std::string>& units);

  settings options_;
  std::string session_folder_;
  std::string log_folder_;
  std::string program_name_;
  session_guard guard_;
  std::map<std::string, allocation> allocations_;                               ///< by job
  std::map<std::string, std::chrono::steady_clock::time_point> hopeless_since_; ///< units that can never start
};

} // namespace daskify::internal
