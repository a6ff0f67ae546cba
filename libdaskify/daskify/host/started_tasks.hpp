#pragma once

#include "daskify/os/serial_executor.hpp"
#include "daskify/protocol/messages.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace daskify::internal {

/// The tasks of `daskified::start`, which have no futures: their failures are notices on stderr. Thread-safe.
class started_tasks {
public:
  /// To be called before the task is submitted.
  void add(run_id run, std::string function);
  /// Called on an actor's thread: does not block.
  void ended(const unattended_ended& end);
  /// The tasks that have not ended, as far as this process knows.
  std::vector<run_range> open() const;
  /// Writes the queued notices; later notices are dropped. `unfinished` tasks will never end.
  void finish(std::uint64_t unfinished);

private:
  void write_notices();

  mutable std::mutex mutex_;
  std::map<run_id, std::string> open_; ///< with the names of their functions
  std::uint64_t failed_ = 0;
  std::deque<std::string> notices_;         ///< to be written
  std::unique_ptr<serial_executor> writer_; ///< because a terminal may block
};

} // namespace daskify::internal
