#pragma once

/// Ends a launched process together with its launcher.

#include "daskify/transport/session_folder.hpp"

namespace daskify::internal {

/// The process at the other end of the lifeline (see child_process.hpp). Processes started by a batch system have no
/// lifeline.
enum class launched_by : std::uint8_t { client, node, batch_system };

/// Ends this process on request, or as soon as the launcher's or the client's process has ended in any way, even while
/// user code runs or hangs. The kernel closes the launcher's end of the pipe; no message is needed. Must not be
/// destroyed.
class lifeline {
public:
  lifeline(session_folder folder, process_identity client, launched_by launcher);
  lifeline(const lifeline&) = delete;
  lifeline& operator=(const lifeline&) = delete;

  /// Reports that the session is over. Thread-safe; returns at once.
  void end_now() const noexcept;
  /// Reports that the connection to the client's process has broken. Thread-safe; returns at once.
  void lost_scheduler() const noexcept;

private:
  void tell(std::uint64_t what) const noexcept;
  void watch();

  session_folder folder_;
  process_identity client_;
  launched_by launcher_;
  int told_;
};

} // namespace daskify::internal
