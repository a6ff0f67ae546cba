#include "daskify/deploy/slurm/slurm_text.hpp"

#include "daskify/config/value_text.hpp"
#include "daskify/error.hpp"
#include "daskify/text/blanks.hpp"
#include "daskify/text/printable.hpp"
#include "daskify/text/split.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace daskify::internal {

namespace {

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// Reads at most `most_digits` digits, which leave room for sums. Returns 0 and sets `good` to false for other text.
std::int64_t read_number(std::string_view digits, std::size_t most_digits, bool& good) {
  std::int64_t value = 0;
  if (all_digits(digits) && digits.size() <= most_digits)
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
  else
    good = false;
  return value;
}

struct state_name {
  std::string_view name;
  job_state state;
};

/// The states of SLURM 22.05.
constexpr std::array state_names{
    state_name{"PENDING", job_state::pending},       state_name{"CONFIGURING", job_state::configuring},
    state_name{"RUNNING", job_state::running},       state_name{"SUSPENDED", job_state::suspended},
    state_name{"COMPLETING", job_state::completing}, state_name{"COMPLETED", job_state::completed},
    state_name{"CANCELLED", job_state::cancelled},   state_name{"FAILED", job_state::failed},
    state_name{"TIMEOUT", job_state::timed_out},     state_name{"NODE_FAIL", job_state::node_failed},
    state_name{"PREEMPTED", job_state::preempted},   state_name{"OUT_OF_MEMORY", job_state::out_of_memory},
    state_name{"BOOT_FAIL", job_state::boot_failed}, state_name{"DEADLINE", job_state::past_deadline},
    state_name{"REQUEUED", job_state::requeued},     state_name{"REQUEUE_HOLD", job_state::pending},
    state_name{"SPECIAL_EXIT", job_state::pending},  state_name{"RESV_DEL_HOLD", job_state::pending},
    state_name{"RESIZING", job_state::running},      state_name{"SIGNALING", job_state::running},
    state_name{"STOPPED", job_state::suspended},     state_name{"STAGE_OUT", job_state::completing},
    state_name{"REVOKED", job_state::cancelled}, // another cluster of a federation runs the job, under another id
    state_name{"REQUEUE_FED", job_state::requeued},
};

job_state parse_state(std::string_view name) {
  auto known = std::ranges::find(state_names, name, &state_name::name);
  return known == state_names.end() ? job_state::unknown : known->state;
}

bool has_nodes(job_state state) {
  return state == job_state::running || state == job_state::suspended || state == job_state::configuring;
}

job_status parse_line(std::string_view line) {
  auto parts = split(line, '|', 6);
  if (parts.size() != 6 || parts[0].empty() || !all_digits(parts[1]) || parts[2].empty())
    throw cluster_error{error_code::no_answer,
                        "squeue printed a line that is none of a job: " + in_quotes(printable(line))};
  job_status job{.id = std::string{parts[0]},
                 .job_id = std::string{parts[1]},
                 .state = parse_state(parts[2]),
                 .reason = parts[5] == "None" ? std::string{} : printable(parts[5]),
                 .nodes = std::string{parts[4]},
                 .time_left = std::nullopt};
  if (has_nodes(job.state))
    job.time_left = parse_time(parts[3]);
  return job;
}

/// Removes a prefix such as "sbatch: error: ", "slurm_load_jobs error: " or "slurmstepd: fatal: ".
std::string_view without_speaker(std::string_view line) {
  constexpr std::array<std::string_view, 7> programs{"sbatch", "squeue", "scancel", "scontrol",
                                                     "srun",   "sinfo",  "slurm"};
  constexpr std::array<std::string_view, 3> grades{"error: ", "fatal: ", "warning: "};
  bool is_slurm = std::ranges::any_of(programs, [&](auto program) { return line.starts_with(program); });
  auto end = line.find(": ");
  auto speaker = line.substr(0, end);
  for (std::string_view grade : {" error", " fatal"})
    if (speaker.ends_with(grade))
      speaker.remove_suffix(grade.size());
  if (!is_slurm || end == line.npos || speaker.find(' ') != speaker.npos)
    return line;
  line.remove_prefix(end + 2);
  for (auto grade : grades)
    if (line.starts_with(grade))
      line.remove_prefix(grade.size());
  return trimmed(line);
}

struct reason_text {
  std::string_view pattern; ///< a reason, or the beginning of reasons, a '*', and a later part of them
  bool hopeless;
  std::string_view text;
};

constexpr std::string_view over_job_limit{
    "it asks for more than its account or QOS allows one job: ask for less, or name another account or --qos"};
constexpr std::string_view over_shared_limit{
    "the jobs that share its account or QOS use all they may together: it starts when some of them end"};
constexpr std::string_view used_up{"the account's or QOS's budget of computing time is used up: ask for a shorter "
                                   "walltime, or wait until it is renewed"};
constexpr std::string_view own_jobs{"its owner has as much running as is allowed: it starts when other jobs end"};
constexpr std::string_view below_minimum{
    "it asks for less than its QOS demands of a job: ask for more, or another --qos"};
constexpr std::string_view other_account{"its partition does not serve its account: name another of the two"};
constexpr std::string_view other_qos{"its partition does not serve its QOS: name another of the two"};
constexpr std::string_view no_reservation{"its reservation was deleted"};
constexpr std::string_view held_by_user{"it is held: 'scontrol release' lets it go on"};

/// The first match applies. From the reasons of SLURM 22.05 (job_reason_string and where they are set).
constexpr std::array reason_texts{
    reason_text{"Resources", false, "it is next, and waits for nodes or cores that are in use"},
    reason_text{"Priority", false,
                "jobs of higher priority go first: with a shorter walltime or fewer cores it may fit in between"},
    reason_text{"Nodes required for job are DOWN*", false,
                "nodes that it needs are down, drained or reserved: ask for fewer, or see 'sinfo -R'"},
    reason_text{"ReqNodeNotAvail, Reserved for maintenance", false,
                "a maintenance begins before it could end: a shorter walltime may fit in before"},
    reason_text{"ReqNodeNotAvail*", false, "nodes that it needs are down, drained or reserved: see 'sinfo -R'"},
    reason_text{"NodeDown", false, "a node that it needs is down: see 'sinfo -R'"},
    reason_text{"BeginTime", false, "its time to begin has not come: after a requeue SLURM waits for a while"},
    reason_text{"Dependency", false, "it waits for another job, as asked"},
    reason_text{"DependencyNeverSatisfied", true, "the job that it is to wait for failed or is unknown"},
    reason_text{"Licenses", false, "it waits for licenses that are in use"},
    reason_text{"Reservation", false, "it waits for its reservation to begin or to have room"},
    reason_text{"ReservationDeleted", true, no_reservation},
    reason_text{"Reservation *was deleted", true, no_reservation},
    reason_text{"JobArrayTaskLimit", false, "as many tasks of its array run as were asked to at a time"},
    reason_text{"Prolog", false, "its nodes are being prepared"},
    reason_text{"Cleaning", false, "it is cleaned up after its last run"},

    reason_text{"PartitionConfig", true,
                "its partition does not take such a job: look at 'scontrol show partition' for who may use it and how"},
    reason_text{"PartitionTimeLimit", true,
                "its walltime is longer than its partition allows: ask for less, or use another partition"},
    // Not hopeless: SLURM's manual gives nodes that are down as another cause.
    reason_text{"PartitionNodeLimit", false,
                "it asks for more nodes than its partition allows or has up: ask for fewer"},
    reason_text{"PartitionDown", false, "its partition starts no jobs now: use another one, or ask when it is back"},
    reason_text{"PartitionInactive", false, "its partition takes no jobs now: use another one, or ask when it is back"},
    reason_text{"MaxMemPerLimit", true, "it asks for more memory than a job may have for each node or core"},
    reason_text{"BadConstraints", true, "no node can ever satisfy what it asks for"},
    reason_text{"InvalidAccount", true, "its account is not, or no longer, valid: name another one"},
    reason_text{"InvalidQOS", true, "its QOS is not, or no longer, valid: name another --qos"},
    reason_text{"AccountNotAllowed", true, other_account},
    reason_text{"QOSNotAllowed", true, other_qos},

    reason_text{"Job's account not known*", true, other_account},
    reason_text{"Job's account not permitted*", true, other_account},
    reason_text{"Job's QOS not permitted*", true, other_qos},

    reason_text{"JobHeldUser", false, held_by_user},
    reason_text{"JobHeldAdmin", false, "it is held, and only an administrator can release it"},
    reason_text{"JobHoldMaxRequeue", false, "it was requeued too often and is held: 'scontrol release' lets it go on"},
    reason_text{
        "launch failed requeued held", false,
        "its node could not start it (a folder or a user unknown there?) and it is held: 'scontrol release' lets "
        "it try again"},
    reason_text{"job requeued in *", false, held_by_user},
    reason_text{"BurstBufferOperation", false, "files could not be copied to or from the burst buffer, and it is held"},

    reason_text{"AssocMaxJobsLimit", false, own_jobs},
    reason_text{"AssociationJobLimit", false, own_jobs},
    reason_text{"AssocMaxSubmitJobLimit", false, own_jobs},
    reason_text{"AssocMax*Per", true, over_job_limit},
    reason_text{"AssocGrp*RunMinutes", false, over_shared_limit},
    reason_text{"AssocGrp*Minutes", false, used_up},
    reason_text{"AssocGrpWallLimit", false, used_up},
    reason_text{"AssocGrp*", false, over_shared_limit},

    reason_text{"QOSUsageThreshold", false, "its account has used more than the QOS allows for now"},
    reason_text{"QOSJobLimit", false, own_jobs},
    reason_text{"QOSMax*PerUser", false, own_jobs},
    reason_text{"QOSMax*Per", true, over_job_limit},
    reason_text{"QOSMin*", true, below_minimum},
    reason_text{"QOSGrp*RunMinutes", false, over_shared_limit},
    reason_text{"QOSGrp*Minutes", false, used_up},
    reason_text{"QOSGrpWallLimit", false, used_up},
    reason_text{"QOSGrp*", false, over_shared_limit},
    reason_text{"Max*PerAccount", false, over_shared_limit},
};

bool fits(std::string_view pattern, std::string_view reason) {
  auto star = pattern.find('*');
  if (star == pattern.npos)
    return pattern == reason;
  auto begin = pattern.substr(0, star);
  auto later = pattern.substr(star + 1);
  return reason.starts_with(begin) && reason.find(later, begin.size()) != reason.npos;
}

const reason_text* find_reason(std::string_view reason) {
  std::string as_squeue_writes_it{reason};
  std::ranges::replace(as_squeue_writes_it, '_', ' '); // scontrol has underscores in place of blanks
  auto known = std::ranges::find_if(reason_texts, [&](const auto& r) { return fits(r.pattern, as_squeue_writes_it); });
  return known == reason_texts.end() ? nullptr : &*known;
}

} // namespace

std::vector<job_status> parse_squeue(std::string_view text) {
  std::vector<job_status> jobs;
  for (auto line : split(text, '\n'))
    if (auto content = trimmed(line); !content.empty())
      jobs.push_back(parse_line(content));
  return jobs;
}

std::optional<std::string> parse_submitted(std::string_view sbatch_output) {
  std::optional<std::string> id;
  for (auto line : split(sbatch_output, '\n'))
    if (auto word = split(trimmed(line), ';').front(); all_digits(word))
      id = word;
  return id;
}

std::optional<std::chrono::seconds> parse_time(std::string_view text) {
  auto dash = text.find('-');
  bool has_days = dash != text.npos;
  auto clock = split(text.substr(has_days ? dash + 1 : 0), ':');
  if (clock.size() > 3)
    return std::nullopt;
  bool good = true;
  auto number = [&](std::string_view digits) { return read_number(digits, 10, good); };
  std::int64_t days = has_days ? number(text.substr(0, dash)) : 0;
  std::array<std::int64_t, 3> parts{}; // hours, minutes, seconds
  auto first = has_days || clock.size() == 3 ? 0U : 1U;
  for (std::size_t i = 0; i < clock.size(); ++i)
    parts[first + i] = number(clock[i]);
  if (!good)
    return std::nullopt;
  return std::chrono::seconds{((days * 24 + parts[0]) * 60 + parts[1]) * 60 + parts[2]};
}

std::string format_time(std::chrono::seconds time) {
  auto seconds = std::max<std::int64_t>(time.count(), 0);
  auto two_digits = [](std::int64_t value) { return (value < 10 ? "0" : "") + std::to_string(value); };
  auto days = seconds / 86'400;
  return (days == 0 ? "" : std::to_string(days) + "-") + two_digits(seconds / 3600 % 24) + ":" +
         two_digits(seconds / 60 % 60) + ":" + two_digits(seconds % 60);
}

std::string slurm_words(std::string_view stderr_text) {
  auto text = printable(stderr_text);
  std::string words;
  for (auto line : split(text, '\n')) {
    auto said = without_speaker(trimmed(line));
    if (!said.empty())
      words.append(words.empty() ? "" : "; ").append(said);
  }
  if (words.size() <= slurm_words_limit)
    return words;
  constexpr std::string_view cut{"..."};
  auto end = slurm_words_limit - cut.size();
  while ((static_cast<unsigned char>(words[end]) & 0xc0) == 0x80) // within a UTF-8 character
    --end;
  return words.substr(0, end).append(cut);
}

bool may_be_taken_in_parts(std::string_view words) {
  return words.find("Invalid job array specification") != words.npos || words.find("submit limit") != words.npos ||
         words.find("temporarily unable to accept job") != words.npos;
}

std::string_view explain_reason(std::string_view reason) {
  const auto* known = find_reason(reason);
  return known == nullptr ? std::string_view{} : known->text;
}

bool can_never_start(std::string_view reason) {
  const auto* known = find_reason(reason);
  return known != nullptr && known->hopeless;
}

} // namespace daskify::internal
