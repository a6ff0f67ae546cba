#include "daskify/deploy/batch/fleet_text.hpp"

#include <algorithm>

namespace daskify::internal {

namespace {

std::string jobs_in_words(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " job" : " jobs");
}

/// " (Resources, 2 Priority)"
std::string reasons_in_words(const fleet_report& counts) {
  std::string reasons;
  for (const auto& [reason, count] : counts.reasons)
    if (!reason.empty())
      reasons += (reasons.empty() ? "" : ", ") + (count == counts.pending ? "" : std::to_string(count) + " ") + reason;
  return reasons.empty() ? "" : " (" + reasons + ")";
}

std::string counts_in_words(const fleet_report& counts, const fleet_situation& situation) {
  auto text = counts.wanted == 0 ? jobs_in_words(counts.enrolled)
                                 : std::to_string(counts.enrolled) + " of " + jobs_in_words(counts.wanted);
  text += " at work";
  auto also = [&](std::size_t count, const std::string& what) {
    if (count != 0)
      text += ", " + std::to_string(count) + " " + what;
  };
  also(situation.being_submitted, "being submitted");
  also(counts.submitted - situation.being_submitted, "submitted");
  also(counts.pending, "pending" + reasons_in_words(counts));
  also(counts.starting, "starting");
  also(counts.draining, "leaving");
  also(counts.lost, "lost" + (situation.suspended == 0 ? std::string{}
                                                       : " (" + std::to_string(situation.suspended) + " suspended)"));
  return text + ".";
}

/// What keeps the fleet from growing.
std::string obstacle_in_words(const fleet_situation& situation, const std::string& system) {
  if (situation.paused_for.count() != 0)
    return " Nothing is submitted for " + in_words(situation.paused_for) + ". " + situation.problem;
  if (situation.probing)
    return " One job is tried. " + situation.problem;
  if (!situation.refusal.empty())
    return " " + system + " did not take more jobs: " + situation.refusal;
  if (situation.losing_early)
    return " Several ended early; they are replaced with growing delay.";
  return {};
}

} // namespace

std::string to_sentence(const fleet_report& counts, const fleet_situation& situation) {
  auto text = counts_in_words(counts, situation);
  if (situation.stopped)
    return text + " The fleet is being stopped.";
  text += obstacle_in_words(situation, counts.system);
  if (situation.withdrawn)
    text += " Jobs were cancelled from outside, and are not replaced.";
  if (!situation.silence.empty())
    text += " " + counts.system + " does not say how the jobs are: " + situation.silence;
  return text;
}

std::string in_words(end_cause cause, const std::string& system) {
  switch (cause) {
  case end_cause::completed:
    return "its process ended without an error";
  case end_cause::timed_out:
    return "its job reached its time limit";
  case end_cause::preempted:
    return "its job was preempted";
  case end_cause::node_failed:
    return "its machine failed";
  case end_cause::requeued:
    return "its job was requeued";
  case end_cause::superseded:
    return "another node enrolled for the same job";
  case end_cause::cancelled:
    return "its job was cancelled";
  case end_cause::out_of_memory:
    return "its job exceeded its memory limit";
  case end_cause::failed:
    return "its process failed";
  case end_cause::unknown:
    break;
  }
  return system + " does not say why";
}

std::string names_in_words(const std::vector<std::string>& ids) {
  constexpr std::size_t most = 3;
  if (ids.size() == 1)
    return "Job " + ids.front();
  std::string all = "Jobs ";
  auto named = std::min(ids.size(), most);
  for (std::size_t i = 0; i < named; ++i)
    all.append(i == 0 ? "" : i + 1 == ids.size() ? " and " : ", ").append(ids[i]);
  if (named < ids.size())
    all += " and " + std::to_string(ids.size() - named) + " more";
  return all;
}

std::string in_words(std::chrono::milliseconds time) {
  auto whole = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  if (whole >= 60 && whole % 60 == 0)
    return std::to_string(whole / 60) + " min";
  return std::to_string(whole) + " s";
}

} // namespace daskify::internal
