#pragma once

/// What the templates of the public headers need of a running cluster: a narrow interface without CAF.

#include "daskify/code/type_label.hpp"
#include "daskify/existing_key.hpp"
#include "daskify/protocol/messages.hpp"
#include "daskify/scattered.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace daskify::internal {

using deadline = std::optional<std::chrono::steady_clock::time_point>;

/// A running cluster as seen by code that submits work: the client or a task. Thread-safe. After the end of the cluster
/// every call throws cluster_error(shut_down), and blocked calls throw it at that moment.
class cluster_session {
public:
  virtual ~cluster_session() = default;

  /// Assigns the run its id and submits it.
  virtual run_id submit(run_spec spec) = 0;
  /// Blocks until `how_many` of the tasks have ended or the deadline has passed (see `satisfied`).
  virtual awaited_tasks await(const std::vector<run_range>& tasks, std::uint64_t how_many, bool want_results,
                              deadline until) = 0;
  virtual progress count(const std::vector<run_range>& tasks) = 0;
  virtual void cancel(const std::vector<run_range>& tasks) = 0;
  /// Does nothing if the cluster has ended.
  virtual void release(run_id run) noexcept = 0;

  using part = std::span<const std::byte>;
  /// Puts a value where the tasks of a run can read it. An equal value that was put before, and is still held, is not
  /// put again.
  virtual std::shared_ptr<object_handle> put_value(const type_label& type, part bytes) = 0;
  /// Maps an object on this node. Throws data_error if the object is lost.
  virtual shared_bytes map(object_id object) = 0;
};

/// A running cluster as its client sees it.
class client_session : public cluster_session {
public:
  /// Submits an unattended run of one task, whose failure is reported as a notice.
  virtual void start_unattended(run_spec spec) = 0;
  /// Blocks until there are `count` workers; returns false if the deadline passes first. Throws cluster_error if there
  /// never will be so many.
  virtual bool wait_for_workers(std::uint64_t count, deadline until) = 0;

  /// Shows the progress bar until all tasks have ended.
  virtual progress monitor(const std::vector<run_range>& tasks) = 0;

  /// Reserves memory for data that are filled in place. Throws data_error(no_room).
  virtual std::unique_ptr<data_room> reserve(std::uint64_t bytes) = 0;

  /// Puts bytes into the store; an empty key stands for no key.
  virtual std::shared_ptr<object_handle> put(const std::string& key, existing_key when_taken, const type_label& type,
                                             part bytes) = 0;
  /// The same for filled room of this session.
  virtual std::shared_ptr<object_handle> put(const std::string& key, existing_key when_taken, const type_label& type,
                                             std::unique_ptr<data_room> filled) = 0;
  /// Brings an object to every node. Throws data_error.
  virtual void spread(object_id object) = 0;
  /// Maps several objects, in this order, at little more than the cost of one.
  virtual std::vector<shared_bytes> map_all(const std::vector<object_id>& objects) = 0;
  /// Maps the object with a key. Throws data_error for an unknown key or another type.
  virtual shared_bytes find(const std::string& key, const type_label& type) = 0;
};

} // namespace daskify::internal
