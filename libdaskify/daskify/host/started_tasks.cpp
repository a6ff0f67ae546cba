#include "daskify/host/started_tasks.hpp"

#include "daskify/os/notice.hpp"
#include "daskify/session/cluster_session.hpp"
#include "daskify/session/failure_text.hpp"

#include <algorithm>
#include <utility>

namespace daskify::internal {

namespace {

/// Maximum number of failure notices; further failures are only counted.
constexpr std::uint64_t most_notices = 20;

} // namespace

void started_tasks::add(run_id run, std::string function) {
  std::lock_guard guard{mutex_};
  if (!writer_)
    writer_ = std::make_unique<serial_executor>();
  open_.emplace(run, std::move(function));
}

void started_tasks::ended(const unattended_ended& end) {
  std::lock_guard guard{mutex_};
  auto known = open_.extract(end.run);
  if (known.empty())
    return;
  if (end.failures.empty())
    return;
  if (++failed_ > most_notices)
    return;
  auto text = describe_failure(end.failures.front(), "The started task of " + known.mapped());
  std::ranges::replace(text, '\n', ' ');
  notices_.push_back("daskify: " + text);
  if (writer_)
    writer_->post([this] { write_notices(); });
}

std::vector<run_range> started_tasks::open() const {
  std::lock_guard guard{mutex_};
  std::vector<run_range> all;
  for (const auto& [run, function] : open_)
    all.push_back({run, 0, 1});
  return all;
}

void started_tasks::finish(std::uint64_t unfinished) {
  std::unique_ptr<serial_executor> ending;
  {
    std::lock_guard guard{mutex_};
    ending = std::move(writer_);
  }
  ending.reset();
  write_notices();
  if (failed_ > most_notices)
    notice("daskify: " + std::to_string(failed_ - most_notices) + " further started tasks failed.");
  if (unfinished != 0)
    notice("daskify: " + std::to_string(unfinished) +
           (unfinished == 1 ? " started task had not ended when shutdown_cluster was called, and was cancelled"
                            : " started tasks had not ended when shutdown_cluster was called, and were cancelled") +
           "; where a task has to end first, keep the future that submit(f, values...) returns, and wait for it.");
}

void started_tasks::write_notices() {
  while (true) {
    std::string text;
    {
      std::lock_guard guard{mutex_};
      if (notices_.empty())
        return;
      text = std::move(notices_.front());
      notices_.pop_front();
    }
    notice(text);
  }
}

} // namespace daskify::internal
