#pragma once

#include "daskify/protocol/messages.hpp"
#include "daskify/session/cluster_session.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace daskify::internal {

/// The arguments of the tasks of a run: one element of each iterable. Thread-safe.
class combinations {
public:
  virtual ~combinations() = default;
  /// The arguments of a task, for messages. Throws what the user's operator<< throws.
  virtual std::string text_of(std::uint64_t task) const = 0;
};

/// A run that is shared by its futures, and released with the last of them.
class run_handle {
public:
  /// Submits the run. Throws what cluster_session::submit throws.
  run_handle(std::shared_ptr<cluster_session> session, run_spec spec, std::vector<std::shared_ptr<const void>> keeps,
             std::shared_ptr<const combinations> calls);
  ~run_handle();
  run_handle(const run_handle&) = delete;
  run_handle& operator=(const run_handle&) = delete;

  cluster_session& session() const { return *session_; }
  run_id id() const { return id_; }
  std::uint64_t tasks() const { return tasks_; }
  const std::string& name() const { return name_; }
  /// The elements that the task was called with, for messages.
  std::string combination_text(std::uint64_t task) const;

  run_range all() const { return {id_, 0, tasks_}; }

private:
  std::shared_ptr<cluster_session> session_;
  std::uint64_t tasks_;
  std::string name_;
  std::vector<std::shared_ptr<const void>> keeps_; ///< the scattered objects that the tasks use
  std::shared_ptr<const combinations> calls_;
  run_id id_;
};

} // namespace daskify::internal
