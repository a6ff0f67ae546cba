#pragma once

/// Ends a launched process together with the one that launched it.

#include "daskify/transport/session_folder.hpp"

namespace daskify::internal {

/// Whose process is at the other end of the lifeline (see child_process.hpp); a batch system gives none.
enum class launched_by : std::uint8_t { client, node, batch_system };

/// Ends this process as soon as its launcher's or the client's process is gone, in whatever way, or when told to: also
/// while user code runs or hangs. The kernel closes the launcher's end of a pipe; nothing has to be sent. Never to be
/// destroyed.
class lifeline {
public:
  lifeline(session_folder folder, process_identity client, launched_by launcher);
  lifeline(const lifeline&) = delete;
  lifeline& operator=(const lifeline&) = delete;

  /// The session is over. From any thread; returns at once.
  void end_now() const noexcept;
  /// The connection to the client's process has broken. From any thread; returns at once.
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
