#include "daskify/deploy/slurm/slurm_system.hpp"

#include "daskify/defaults.hpp"
#include "daskify/deploy/slurm/slurm_advice.hpp"
#include "daskify/deploy/slurm/slurm_commands.hpp"
#include "daskify/deploy/slurm/slurm_request.hpp"
#include "daskify/deploy/slurm/slurm_text.hpp"

#include <utility>

namespace daskify::internal {

namespace {

/// The id of a unit's job, or of its array: what squeue takes, and what distinguishes arrays.
std::string job_of(const std::string& unit) {
  return unit.substr(0, unit.find_first_of("_."));
}

/// The ids of the jobs and arrays of several units: what scancel takes for all of them.
std::set<std::string> jobs_of(const std::vector<std::string>& units) {
  std::set<std::string> jobs;
  for (const auto& unit : units)
    jobs.insert(job_of(unit));
  return jobs;
}

bool is_part_of_allocation(const std::string& unit) {
  return unit.find('.') != unit.npos;
}

/// Whether the command may have succeeded although it has not reported that.
bool leaves_doubt(const error& why) {
  return why.code() == error_code::slurm_silent || why.code() == error_code::shut_down;
}

} // namespace

slurm_system::slurm_system(settings options, std::string session_folder, std::string log_folder,
                           std::string program_name)
    : options_{std::move(options)},
      session_folder_{std::move(session_folder)},
      log_folder_{std::move(log_folder)},
      program_name_{std::move(program_name)},
      guard_{{session_folder_,
              log_folder_ + "/scancel.log",
              {"scancel", "--name=" + job_name(session_folder_)},
              "SCANCEL_"}} {} // the user's filters for the terminal

std::string slurm_system::cancel_command(const std::vector<std::string>& units) const {
  std::string command = "scancel";
  if (units.empty())
    return command + " --name=" + job_name(session_folder_);
  std::set<std::string> jobs;
  for (const auto& unit : units)
    jobs.insert(is_part_of_allocation(unit) ? job_of(unit) : unit);
  for (const auto& job : jobs)
    command += " " + job;
  return command;
}

bool slurm_system::can_never_start(std::string_view reason) const {
  return internal::can_never_start(reason);
}

std::string slurm_system::explain(std::string_view reason) const {
  return explain_with_advice(reason, options_);
}

bool slurm_system::has_advice_on(std::string_view reason) const {
  return !advice_on(reason, options_).empty();
}

std::string slurm_system::log_of(const std::string& unit) const {
  return log_folder_ + "/job-" + (is_part_of_allocation(unit) ? job_of(unit) : unit) + ".log";
}

std::string slurm_system::script_for(std::size_t count) const {
  return job_script(request_for(options_, count, session_folder_, log_folder_, program_name_));
}

void slurm_system::check(std::size_t count) const {
  static_cast<void>(script_for(count));
}

submission_result slurm_system::submit(std::size_t count, std::stop_token no_more, std::stop_token stop) {
  submission_result result;
  try {
    take_units(count, std::move(no_more), std::move(stop), result);
  } catch (const slurm_refusal& e) {
    result.refusal = with_advice(e, options_);
    result.permanent = !may_be_taken_in_parts(e.words());
  } catch (const error& e) {
    result.refusal = e.what();
    result.permanent = !leaves_doubt(e) && e.code() != error_code::command_failed;
    result.in_doubt = leaves_doubt(e);
  }
  return result;
}

void slurm_system::take_units(std::size_t count, std::stop_token no_more, std::stop_token stop,
                              submission_result& result) {
  slurm_commands slurm{tuning::slurm_timeout, std::move(stop)};
  auto script = script_for(count);
  switch (options_.job_shape) {
  case job_shape::array: {
    auto array = slurm.submit(script, guard_.kept_open());
    for (std::size_t i = 0; i < count; ++i)
      result.units.push_back(array + "_" + std::to_string(i));
    break;
  }
  case job_shape::separate:
    while (result.units.size() < count && !no_more.stop_requested()) {
      try {
        result.units.push_back(slurm.submit(script, guard_.kept_open()));
      } catch (const error& e) {
        if (result.units.empty())
          throw;
        result.in_doubt = leaves_doubt(e);
        break; // the rest is submitted again later
      }
    }
    break;
  case job_shape::allocation: {
    auto job = slurm.submit(script, guard_.kept_open());
    for (std::size_t i = 0; i < count; ++i)
      result.units.push_back(job + "." + std::to_string(i));
    allocations_[job].size = count;
    break;
  }
  }
}

/// Returns a status per unit: the status of an allocation holds for each of its units.
std::vector<job_status> slurm_system::query(const std::vector<std::string>& units, std::stop_token stop) {
  auto jobs = jobs_of(units);
  slurm_commands slurm{tuning::slurm_timeout, std::move(stop)};
  std::map<std::string, job_status> by_id;
  for (auto& status : parse_squeue(slurm.query({jobs.begin(), jobs.end()}, std::string{squeue_format})))
    by_id.insert_or_assign(status.id, std::move(status));
  std::vector<job_status> answer;
  for (const auto& unit : units)
    if (auto found = by_id.find(is_part_of_allocation(unit) ? job_of(unit) : unit); found != by_id.end()) {
      answer.push_back(found->second);
      answer.back().id = unit;
    }
  doubt_first_reasons(answer);
  std::erase_if(allocations_, [&](const auto& of) {
    auto found = by_id.find(of.first);
    return jobs.contains(of.first) && (found == by_id.end() || is_over(found->second.state));
  });
  return answer;
}

void slurm_system::doubt_first_reasons(std::vector<job_status>& answer) {
  auto now = std::chrono::steady_clock::now();
  auto known = std::exchange(hopeless_since_, {});
  for (auto& status : answer) {
    if (status.state != job_state::pending || !can_never_start(status.reason))
      continue;
    auto since = known.contains(status.id) ? known.at(status.id) : now;
    hopeless_since_.emplace(status.id, since);
    if (now - since < second_look)
      status.reason.clear();
  }
}

/// The jobs to cancel for these units. A unit of an allocation cannot be cancelled alone: its node is drained, and the
/// other units go on.
std::set<std::string> slurm_system::ended_by(const std::vector<std::string>& units) {
  std::set<std::string> jobs;
  for (const auto& unit : units) {
    if (!is_part_of_allocation(unit)) {
      jobs.insert(unit);
      continue;
    }
    auto& job = allocations_[job_of(unit)];
    job.cancelled.insert(unit);
    if (job.cancelled.size() == job.size)
      jobs.insert(job_of(unit));
  }
  return jobs;
}

bool slurm_system::cancel(const std::vector<std::string>& units, std::stop_token stop) {
  auto jobs = ended_by(units);
  if (!jobs.empty())
    slurm_commands{tuning::slurm_timeout, std::move(stop)}.cancel({jobs.begin(), jobs.end()});
  return !jobs.empty();
}

void slurm_system::cancel_pending(const std::vector<std::string>& units, std::stop_token stop) {
  auto jobs = jobs_of(units);
  slurm_commands{tuning::slurm_timeout, std::move(stop)}.cancel_pending({jobs.begin(), jobs.end()});
}

std::string slurm_system::cancel_all() {
  return slurm_words(guard_.fire());
}

} // namespace daskify::internal
