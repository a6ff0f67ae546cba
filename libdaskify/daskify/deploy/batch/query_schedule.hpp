#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace daskify::internal {

/// The times of a fleet's queries to its system, and the open query. At most one query is open at a time.
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

  // -- events -------------------------------------------------------------------------------------------------

  /// Jobs have been submitted.
  void submitted(time_point now);
  /// The next query is wanted at once. Ignored while the system does not answer: asking more often does not help.
  void urgent(time_point now);
  /// `quiet`: no job is about to start or to end.
  void observe(time_point now, bool quiet);
  bool is_due(time_point now) const;
  void begin(time_point now, const std::vector<std::string>& units);
  /// The answer has arrived. Returns the units of the query; nothing when no query is open.
  std::optional<std::set<std::string>> answered();
  /// To be called after the answer has been processed. `changed`: the answer contained news.
  void answer_done(time_point now, bool changed, bool quiet);
  /// The system has not answered because of `why`. Returns false when no query is open.
  bool failed(time_point now, const std::string& why);

  // -- questions ----------------------------------------------------------------------------------------------

  bool is_open() const noexcept { return open_; }
  std::optional<time_point> last_query() const noexcept { return last_query_; }
  /// Whether the last answer is recent enough to give up a job.
  bool is_recent(time_point now) const { return last_answer_ && now - *last_answer_ <= 2 * intervals_.longest; }
  bool is_failing() const noexcept { return failing_; }
  const std::string& problem() const noexcept { return problem_; }
  const std::set<std::string>& asked() const noexcept { return asked_; }

private:
  intervals intervals_;
  seconds interval_; ///< to the next query
  bool open_ = false;
  bool urgent_ = false;
  bool failing_ = false;
  bool was_quiet_ = true;
  std::string problem_;
  std::set<std::string> asked_; ///< units of the open query
  std::optional<time_point> last_query_;
  std::optional<time_point> last_answer_; ///< when the last answered query was sent
  time_point next_ = time_point::max();
};

} // namespace daskify::internal
