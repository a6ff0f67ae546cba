#include "daskify/deploy/slurm/slurm_advice.hpp"

#include "daskify/config/option_table.hpp"
#include "daskify/config/value_text.hpp"
#include "daskify/deploy/batch/job_counts.hpp"
#include "daskify/deploy/slurm/slurm_request.hpp"
#include "daskify/deploy/slurm/slurm_text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <vector>

namespace daskify::internal {

namespace {

/// The property of a job that SLURM objects to.
enum class topic : std::uint8_t { none, queue, account, memory, walltime, cores, size, extra };

struct rule {
  std::string_view words; ///< lower case
  topic first;
  topic second = topic::none;
  topic in_allocation = topic::none; ///< additional, if one job has all workers
};

/// The first rule whose words occur applies. From the errors and the reasons of SLURM 22.05 (slurm_errno.c,
/// job_reason_string). Rules for messages that contain misleading names or words precede the general rules.
constexpr std::array rules{
    rule{"nodes required for job are down", topic::none},
    rule{"jobarraytasklimit", topic::none},
    rule{"maintenance", topic::walltime},
    rule{"reqnodenotavail", topic::none},
    rule{"temporarily unable", topic::none},
    rule{"invalid partition", topic::queue},
    rule{"group not permitted", topic::queue},
    rule{"account/partition", topic::account, topic::queue},
    rule{"account not ", topic::account, topic::queue}, // "known", "permitted to use this partition (main allows ...)"
    rule{"accountnotallowed", topic::account, topic::queue},
    rule{"qos not permitted", topic::extra, topic::queue},
    rule{"qosnotallowed", topic::extra, topic::queue},
    rule{"partitionconfig", topic::queue, topic::cores, topic::size}, // also reported for more CPUs than any node has
    rule{"partition configuration", topic::queue, topic::cores, topic::size},
    rule{"partitiontimelimit", topic::walltime, topic::queue},
    rule{"partitionnodelimit", topic::size, topic::queue},
    rule{"partition node limit", topic::size, topic::queue},
    rule{"not in this partition", topic::extra, topic::queue}, // nodes named in job_extra
    rule{"reservation", topic::extra},

    rule{"mem", topic::memory},
    rule{"wall", topic::walltime},
    rule{"minutes", topic::walltime},
    rule{"time limit", topic::walltime, topic::queue},
    rule{"cpu", topic::cores},
    rule{"processors", topic::cores, topic::none, topic::size},
    rule{"task count", topic::size},
    rule{"submit", topic::size},
    rule{"jobslimit", topic::size},
    rule{"jobsper", topic::size},
    rule{"joblimit", topic::size},
    rule{"job array", topic::size},
    rule{"grpjobs", topic::size},
    rule{"node count", topic::size},
    rule{"grpnode", topic::size},
    rule{"maxnode", topic::size},
    rule{"minnode", topic::size},
    rule{"node configuration", topic::cores, topic::memory, topic::size},
    rule{"badconstraints", topic::cores, topic::memory, topic::size},

    rule{"gres", topic::extra},
    rule{"generic resource", topic::extra},
    rule{"feature", topic::extra},
    rule{"license specification", topic::extra},
    rule{"billing", topic::extra},
    rule{"accounting/qos", topic::size, topic::account},
    rule{"qos", topic::extra},
    rule{"account", topic::account},
    rule{"partition", topic::queue},
};

/// SLURM's message for every limit of an account or QOS, after the name of the limit if it has one.
constexpr std::string_view any_limit{"job violates accounting/qos policy"};

std::string lower_case(std::string_view text) {
  std::string lower{text};
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

const rule* rule_for(std::string_view words) {
  auto found = std::ranges::find_if(rules, [&](const rule& r) { return words.find(r.words) != words.npos; });
  return found == rules.end() ? nullptr : &*found;
}

/// Each topic once, the most likely one first.
std::vector<topic> topics_of(std::string_view words, job_shape shape) {
  auto lower = lower_case(words);
  std::ranges::replace(lower, '_', ' '); // scontrol has underscores in place of blanks
  auto general = lower.find(any_limit);
  const auto* found = rule_for(std::string_view{lower}.substr(0, general));
  if (found == nullptr && general != lower.npos)
    found = rule_for(any_limit);
  std::vector<topic> topics;
  auto add = [&](topic which) {
    if (which != topic::none && std::ranges::find(topics, which) == topics.end())
      topics.push_back(which);
  };
  if (found == nullptr || found->first == topic::none)
    return topics;
  add(found->first);
  add(found->second);
  if (shape == job_shape::allocation)
    add(found->in_allocation);
  if (lower.starts_with("assocgrp") || lower.starts_with("qosgrp")) // a limit on all jobs together
    add(topic::size);
  if (lower.starts_with("assoc"))
    add(topic::account);
  if (lower.starts_with("qos"))
    add(topic::extra);
  return topics;
}

/// Whether an option of sbatch in job_extra overrides daskify's own option.
bool is_in_extra(topic which, const std::vector<std::string>& extra) {
  struct decision {
    topic about;
    std::string_view name;
    std::string_view letter;
  };
  constexpr std::array all{decision{topic::queue, "--partition", "-p"}, decision{topic::account, "--account", "-A"},
                           decision{topic::memory, "--mem", {}},        decision{topic::memory, "--mem-per-cpu", {}},
                           decision{topic::walltime, "--time", "-t"},   decision{topic::cores, "--cpus-per-task", "-c"},
                           decision{topic::size, "--nodes", "-N"}};
  return std::ranges::any_of(extra, [&](std::string_view option) {
    auto name = option.substr(0, option.find_first_of("= \t"));
    return std::ranges::any_of(all, [&](const decision& d) {
      return d.about == which && (name == d.name || (!d.letter.empty() && option.starts_with(d.letter)));
    });
  });
}

/// "queue is cpu (default)"
std::string state_of(std::string_view name, const settings& with) {
  auto option = std::ranges::find(option_table(), name, &option_entry::name);
  auto value = option->write(with);
  std::ranges::replace(value, '\n', ' '); // a list has a line for each of its entries
  while (value.ends_with(' '))
    value.pop_back();
  return std::string{name} + " is " + value + " (" + with.origin(name) + ")";
}

std::string sentence_on(topic which, const settings& with) {
  auto option = [&](std::string_view name) { return "The option " + state_of(name, with); };
  switch (which) {
  case topic::queue:
    return with.partition()
               ? option("queue") + ": set it to one of the partitions that 'sinfo' lists, or to none for "
                                   "the site's default one."
               : option("queue") + ", which means the site's default partition: set it to one of those that "
                                   "'sinfo' lists.";
  case topic::account:
    return option("account") + (with.account ? "" : ", which leaves it to SLURM") +
           ": set it to one that may be charged ('sacctmgr show associations user=$USER' lists them).";
  case topic::memory: {
    auto in_force = with.job_memory();
    auto what = with.memory     ? std::string{}
                : in_force == 0 ? std::string{", which leaves it to the site"}
                                : ", which is " + byte_size{}.write(in_force) + " in mode test";
    return option("memory") + what + ": set it to what one job may have" + (with.memory ? ", or to auto." : ".");
  }
  case topic::walltime:
    return option("walltime") + ": set it to what the partition allows ('sinfo -o \"%P %l\"' shows it); work may take "
                                "longer than a job.";
  case topic::cores:
    return option("cores") + ", and " + state_of("processes", with) +
           ": set them to the CPUs and the workers that one job may have.";
  case topic::size: {
    auto jobs = job_counts_for(with).maximum;
    return option("size") + ", which makes " + std::to_string(jobs) + (jobs == 1 ? " job" : " jobs") + " with " +
           std::to_string(with.processes) + " (processes) in each, and " + state_of("job_shape", with) +
           ": ask for fewer, by size" + (with.maximum ? " and maximum" : "") + ", or for another shape.";
  }
  case topic::extra:
    return option("job_extra") + ": it passes options such as --qos, --gres or --constraint to sbatch.";
  case topic::none:
    break;
  }
  return {};
}

} // namespace

std::string advice_on(std::string_view words, const settings& with) {
  std::string advice;
  auto topics = topics_of(words, with.job_shape);
  if (std::ranges::any_of(topics, [&](topic which) { return is_in_extra(which, with.job_extra); }))
    topics = {topic::extra};
  for (auto which : topics)
    advice += (advice.empty() ? "" : " ") + sentence_on(which, with);
  return advice;
}

std::string explain_with_advice(std::string_view reason, const settings& with) {
  std::string text{explain_reason(reason)};
  auto advice = advice_on(reason, with);
  if (!text.empty() && !advice.empty())
    text += ". ";
  text += advice;
  if (text.ends_with('.'))
    text.pop_back();
  return text;
}

std::string with_advice(const slurm_refusal& refused, const settings& with) {
  auto advice = advice_on(refused.words(), with);
  return advice.empty() ? refused.what() : refused.without_advice() + ". " + advice;
}

} // namespace daskify::internal
