#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace daskify::internal {

/// When a fleet asks its system how the jobs are, and what was asked. At most one query is open at a time.
class query_schedule {
public:
  using time_point = std::chrono::steady_clock::time_point;
  using seconds = std::chrono::seconds;

  struct intervals {
    seconds first;    ///< after a submission; doubled while nothing changes
    seconds shortest; ///< between two queries, whatever happens
    seconds longest;
    seconds quiet; ///< while all nodes are connected
  };

  explicit query_schedule(intervals with) : intervals_{with}, interval_{with.first} {}

  // -- what happens -------------------------------------------------------------------------------------------

  /// Jobs have been submitted.
  void submitted(time_point now);
  /// The next query is wanted at once. Ignored while the system does not answer: asking more often does not help.
  void urgent(time_point now);
  /// `quiet`: no job is on its way, or on its way out.
  void observe(time_point now, bool quiet);
  bool is_due(time_point now) const;
  void begin(time_point now, const std::vector<std::string>& units);
  /// The answer has come. Returns the units that were asked about; nothing when no query is open.
  std::optional<std::set<std::string>> answered();
  /// To follow, when the answer has been looked at. `changed`: the answer said something new.
  void answer_done(time_point now, bool changed, bool quiet);
  /// The system has not answered, as `why` says. Returns false when no query is open.
  bool failed(time_point now, const std::string& why);

  // -- questions ----------------------------------------------------------------------------------------------

  bool is_open() const noexcept { return open_; }
  std::optional<time_point> last_query() const noexcept { return last_query_; }
  /// Whether the state of the jobs is known well enough to give one up.
  bool is_recent(time_point now) const { return last_answer_ && now - *last_answer_ <= 2 * intervals_.longest; }
  bool is_failing() const noexcept { return failing_; }
  const std::string& problem() const noexcept { return problem_; }
  const std::set<std::string>& asked() const noexcept { return asked_; }
  seconds shortest() const noexcept { return intervals_.shortest; }

private:
  intervals intervals_;
  seconds interval_; ///< the next
  bool open_ = false;
  bool urgent_ = false;
  bool failing_ = false;
  bool was_quiet_ = true;
  std::string problem_;
  std::set<std::string> asked_; ///< about which units the open query asks
  std::optional<time_point> last_query_;
  std::optional<time_point> last_answer_; ///< when it was asked for
  time_point next_ = time_point::max();
};

} // namespace daskify::internal
