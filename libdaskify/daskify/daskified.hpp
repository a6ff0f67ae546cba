#pragma once

/// The cluster object: starts a cluster, sends it data and tasks, gathers results, and ends it.

#include "daskify/code/type_label.hpp"
#include "daskify/existing_key.hpp"
#include "daskify/future.hpp"
#include "daskify/iterables.hpp"
#include "daskify/options.hpp"
#include "daskify/program/run_call.hpp"
#include "daskify/program/start_call.hpp"
#include "daskify/progress.hpp"
#include "daskify/scattered.hpp"
#include "daskify/session/run_handle.hpp"

#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

namespace daskify {

namespace internal {

class cluster;

} // namespace internal

/// A worker, as returned by `workers()`.
struct worker_info {
  std::uint64_t id = 0;
  std::string name; ///< "worker-<slot>"
  std::string host;
  std::string node; ///< name of its node: that of the host, or "node-<n>" if a host has several nodes
  int pid = 0;
  bool busy = false;
  std::uint64_t running = 0;      ///< number of tasks it is running
  std::uint64_t memory_bytes = 0; ///< resident memory at its last heartbeat
  std::uint32_t cpus = 0;         ///< its share of the CPUs that daskify may use on its node, at least 1
};

/// An earlier run, as returned by `runs()`.
struct run_info {
  std::uint64_t id = 0;
  std::string function;
  progress counts;
};

/// Scattered data, as returned by `objects()`.
struct object_info {
  std::uint64_t id = 0;
  std::string key;  ///< empty: none
  std::string type; ///< as in C++, demangled
  std::uint64_t size_bytes = 0;
  std::uint64_t references = 0;   ///< number of handles and runs that refer to it
  std::vector<std::string> nodes; ///< nodes that have it, in memory or on disk
};

/// A node, as returned by `nodes()`: the store that the workers of one host share.
struct node_info {
  std::string name;
  std::uint64_t limit_bytes = 0;  ///< limit of memory for data; option store_limit
  std::uint64_t memory_bytes = 0; ///< used, out of limit_bytes
  std::uint64_t in_use_bytes = 0; ///< in use: running tasks, views, data on their way; other memory_bytes can make room
  std::uint64_t disk_bytes = 0;   ///< on disk, and not in memory
  std::uint64_t sent_bytes = 0;   ///< sent to other nodes so far
};

/// A cluster of worker processes and the calls that use it.
///
/// Movable, not copyable. After construction the member functions may be called from several threads, except
/// start_cluster and shutdown_cluster. Every call that needs the cluster throws cluster_error(not_started) before
/// start_cluster and cluster_error(shut_down) after shutdown_cluster.
class daskified {
public:
  /// Must be constructed at the beginning of main(). Workers are other processes that run the same program: in a worker
  /// this constructor runs tasks until the end of the session and never returns. Code before it runs in the workers,
  /// too; code after it does not, so that global variables set there keep their initial values in the workers: set them
  /// with on_worker_start. Removes the options of daskify from argc and argv. Throws config_error.
  daskified(int& argc, char** argv, const options& given);
  daskified(int& argc, char** argv); ///< the same without options in code
  daskified(daskified&&) noexcept;
  daskified& operator=(daskified&&) noexcept;
  ~daskified(); ///< shuts the cluster down

  /// Calls `f` with these values once in each worker process, present and future, before its first task: to set global
  /// variables, choose a device, or open a file. May be called before or after start_cluster; several calls are made in
  /// order, and again after each start. `f` is a function as for run; its result is discarded. Arguments are values and
  /// scattered<T>, but no futures. The call is made on one thread of the worker, and cannot submit work. Tasks that a
  /// worker has begun continue meanwhile. start_cluster waits for the calls, without a timeout, and throws
  /// cluster_error(start_call_failed) with the cause if `f` throws, or ends its workers repeatedly. If the cluster is
  /// running already, tasks are sent to the workers on which the call has returned; if there is no such worker, they
  /// fail with task_error(start_call_failed). On a cluster that serves several programs all of them share the worker
  /// processes: changes made by `f` are visible to the tasks of other programs, too. Throws data_error for a value that
  /// cannot be sent; start_cluster throws it for scattered data of an earlier start.
  template <class F, class... Ts>
  void on_worker_start(F&& f, Ts&&... values) {
    add_start_call(internal::make_start_call(std::forward<F>(f), std::forward<Ts>(values)...));
  }

  /// Returns when the cluster can accept work: when as many workers have joined as option start_when requires (all in
  /// mode local, 1 in the modes slurm, test and hosts); the other workers join later, while tasks run. Throws
  /// cluster_error with the reason if the cluster cannot be started.
  void start_cluster();
  void start_cluster(cluster_mode mode);

  /// Blocks until `count` workers have joined; false if `timeout` expires before. Workers that are about to leave are
  /// not counted; in mode connect all workers of the cluster are counted. Throws cluster_error if the cluster ends
  /// meanwhile, if `count` exceeds the number it can ever have, and if that number permanently falls below `count`,
  /// with the cause; data_error(bad_argument) if `count` is negative.
  template <class Rep, class Period>
  bool wait_for_workers(std::int64_t count, std::chrono::duration<Rep, Period> timeout) const {
    return wait_for_workers_until(count, internal::deadline_in(timeout));
  }
  /// The same without a timeout: always true.
  bool wait_for_workers(std::int64_t count) const { return wait_for_workers_until(count, {}); }

  /// The script that the modes slurm and test submit, to be read and kept by users; "SESSION" stands for the private
  /// folder created by each start, and "LOGS" for the folder of its logs. Throws config_error for a value that cannot
  /// be written to a script.
  std::string job_script() const;

  /// Ends the cluster: no process, file or shared memory is left. In mode connect it ends only this program's part: its
  /// runs, futures and data. Blocking calls in other threads throw. May be called repeatedly, and without a cluster;
  /// does not throw.
  void shutdown_cluster() noexcept;

  // -- data -------------------------------------------------------------------------------------------------

  /// Puts a value into shared memory, where every task can read it without a copy. Throws data_error.
  template <class T>
  requires(!internal::is_builder<std::decay_t<T>>) scattered<internal::kept_argument<T>> scatter_data(T&& value) {
    return put<internal::kept_argument<T>>(std::string{}, value, existing_key::refuse);
  }
  /// The same with a key: the data are kept until shutdown_cluster, release or replacement.
  template <class T>
  requires(!internal::is_builder<std::decay_t<T>>) scattered<internal::kept_argument<T>> scatter_data(
      const std::string& key, T&& value, existing_key when_taken = existing_key::refuse) {
    return put<internal::kept_argument<T>>(required(key), value, when_taken);
  }

  /// Reserves memory for `count` elements, to be filled in place. Throws data_error(no_room) if there is not enough.
  template <class T>
  data_builder<T> new_data(std::size_t count) const {
    if (count > SIZE_MAX / sizeof(T))
      throw data_error{error_code::no_room, "new_data was asked for more elements than any memory has; ask for fewer."};
    return data_builder<T>{session()->reserve(count * sizeof(T))};
  }
  /// Scatters the elements that were filled in, without a copy. The builder is empty afterwards, also if this throws.
  template <class T>
  scattered<std::vector<T>> scatter_data(data_builder<T>&& filled) {
    return put_filled<T>(std::string{}, std::move(filled), existing_key::refuse);
  }
  template <class T>
  scattered<std::vector<T>> scatter_data(const std::string& key, data_builder<T>&& filled,
                                         existing_key when_taken = existing_key::refuse) {
    return put_filled<T>(required(key), std::move(filled), when_taken);
  }

  /// Copies scattered data to every node now, instead of when the first task needs them there. Returns when every node
  /// has them. Throws data_error if a node has no room for them.
  template <class T>
  void broadcast_data(const scattered<T>& data) const {
    auto open = session();
    open->spread(internal::handle_in(open.get(), data).id());
  }

  /// Scattered elements, or the characters of a string, in shared memory without a copy. T is the type they were
  /// scattered as. Throws as gather_data does.
  template <class T>
  requires internal::is_plain_bytes<T> data_view<typename T::value_type> view_data(const std::string& key)
  const { return data_view<typename T::value_type>{session()->find(key, internal::label_of<T>())}; }
  template <class T>
  requires internal::is_plain_bytes<T> data_view<typename T::value_type> view_data(const scattered<T>& data)
  const { return data_view<typename T::value_type>{mapped_here(data)}; }

  template <class T>
  T gather_data(const scattered<T>& data) const {
    auto bytes = mapped_here(data);
    return internal::from_store_bytes<T>(bytes.view());
  }
  /// The same for many, in this order; much faster than one by one if they are small.
  template <class T>
  std::vector<T> gather_data(const std::vector<scattered<T>>& all) const {
    std::size_t most_at_a_time = 1'000;
    constexpr std::uint64_t most_bytes_at_a_time = 4 << 20; // they are in memory together
    auto open = session();
    std::vector<T> values;
    values.reserve(all.size());
    for (auto next = all.begin(); next != all.end();) {
      std::vector<internal::object_id> objects;
      for (std::uint64_t bytes = 0; next != all.end() && objects.size() < most_at_a_time; ++next) {
        bytes += internal::handle_in(open.get(), *next).size();
        if (!objects.empty() && bytes > most_bytes_at_a_time)
          break;
        objects.push_back(next->handle()->id());
      }
      std::vector<shared_bytes> mapped;
      try {
        mapped = open->map_all(objects);
      } catch (const data_error& e) {
        // Each object keeps the block that it shares with others in memory; the blocks of fewer objects may fit.
        if (e.code() != error_code::no_room || objects.size() == 1)
          throw;
        most_at_a_time = objects.size() / 2;
        next -= static_cast<std::ptrdiff_t>(objects.size());
        continue;
      }
      for (const auto& bytes : mapped)
        values.push_back(internal::from_store_bytes<T>(bytes.view()));
    }
    return values;
  }
  /// Scattered data as a value. Throws data_error for an unknown key or another type.
  template <class T>
  T gather_data(const std::string& key) const {
    auto bytes = session()->find(key, internal::label_of<T>());
    return internal::from_store_bytes<T>(bytes.view());
  }

  // -- work -------------------------------------------------------------------------------------------------

  /// Calls `f` with the args and one element of each iterable, for every combination, and repeats that `loops` times.
  /// The groups args(...), iterables(...) and loops(n) may be in any order, each at most once.
  template <class F, class... Groups>
  auto run(F&& f, Groups&&... groups) {
    auto all = internal::start_run_of_groups(session(), std::forward<F>(f), std::forward<Groups>(groups)...);
    remember(all.run(), internal::label_of<internal::result_type_of<decltype(all)>>());
    return all;
  }

  /// Calls `f` for each element.
  template <class F, class Range>
  auto map(F&& f, Range&& values) {
    return run(std::forward<F>(f), iterables(std::forward<Range>(values)));
  }

  /// Submits one task. Arguments are values, scattered<T> and future<T>. The task is cancelled when its last future is
  /// destroyed.
  template <class F, class... Ts>
  [[nodiscard("a task whose future is dropped is cancelled; keep the future, or use start(f, values...)")]] auto
  submit(F&& f, Ts&&... values) {
    return internal::start_run_of_one(session(), std::forward<F>(f), std::forward<Ts>(values)...);
  }

  /// Submits one task that runs although no future is kept. Its result is discarded; a failure is reported by a notice
  /// on stderr. Tasks that have not ended at shutdown_cluster are cancelled, and their number is reported by a notice.
  template <class F, class... Ts>
  void start(F&& f, Ts&&... values) {
    internal::start_unattended(*session(), std::forward<F>(f), std::forward<Ts>(values)...);
  }

  // -- progress -----------------------------------------------------------------------------------------------

  /// Counts tasks by state right now; prints the counts as one line (to std::cout, or `out`) and returns them; for the
  /// most recent run, or for the futures given.
  progress check_progress() const { return check(recent_ranges()); }
  progress check_progress(std::ostream& out) const { return check(recent_ranges(), out); }
  template <internal::several_futures Futures>
  progress check_progress(const Futures& all) const {
    return check(own_ranges(all));
  }
  template <internal::several_futures Futures>
  progress check_progress(const Futures& all, std::ostream& out) const {
    return check(own_ranges(all), out);
  }

  /// Shows a progress bar until all have ended (option `progress`), and returns the last counts.
  progress monitor_progress() const { return session()->monitor(recent_ranges()); }
  template <internal::several_futures Futures>
  progress monitor_progress(const Futures& all) const {
    return session()->monitor(own_ranges(all));
  }

  // -- results ------------------------------------------------------------------------------------------------
  // Gathering waits until all tasks have ended; the results are in the order of the tasks. For futures<void> they are
  // std::monostate. `on_error` determines what happens for tasks without a result.

  template <class R>
  R gather_data(const future<R>& one) const {
    return one.get();
  }

  /// The results of futures<R> or a std::vector<future<R>>.
  template <internal::several_futures Futures, internal::error_choice OnError = on_error::raise_t>
  auto gather_data(const Futures& all, OnError when = {}) const {
    return internal::gather(all, when);
  }

  /// The results of the most recent run, whose function must return R.
  template <class R, internal::error_choice OnError = on_error::raise_t>
  auto gather_data(OnError when = {}) const {
    return internal::gather(futures<R>{most_recent(internal::label_of<R>()), 0}, when);
  }
  template <class R, internal::error_choice OnError = on_error::raise_t>
  auto collect_results(OnError when = {}) const {
    return gather_data<R>(when);
  }

  // -- contents of the cluster ------------------------------------------------------------------------------------

  /// Earlier runs and maps that have not been released, oldest first.
  std::vector<run_info> runs() const;
  /// Removes a run from runs(): its results are freed with its last future. A future passed by std::move is destroyed
  /// with the call.
  template <class R>
  void release(const futures<R>& all) {
    if (all.run())
      release_run(*all.run());
  }
  template <class R>
  void release(future<R> one) {
    if (one.run())
      release_run(*one.run());
  }
  /// Removes every run.
  void release_all();
  void release() { release_all(); }
  /// Removes a key; the data are freed with the last handle.
  void release(const std::string& key);
  /// The same for the key of these data, if they still have one. A handle passed by std::move is destroyed with the
  /// call.
  template <class T>
  void release(scattered<T> data) {
    release_key_of(internal::handle_in(session().get(), data));
  }

  std::vector<worker_info> workers() const;
  /// Scattered data, large arguments and large results, in the order in which they were stored.
  std::vector<object_info> objects() const;
  std::vector<node_info> nodes() const;

private:
  std::shared_ptr<internal::client_session> session() const;
  bool wait_for_workers_until(std::int64_t count, internal::deadline until) const;
  void remember(std::shared_ptr<internal::run_handle> run, const internal::type_label& result_type);
  std::shared_ptr<internal::run_handle> most_recent(const internal::type_label& result_type) const;
  std::vector<internal::run_range> recent_ranges() const;
  progress check(const std::vector<internal::run_range>& tasks) const;
  progress check(const std::vector<internal::run_range>& tasks, std::ostream& out) const;
  void release_run(const internal::run_handle& run);
  void release_key_of(const internal::object_handle& data);
  void add_start_call(std::shared_ptr<const internal::start_call> call);

  /// Throws data_error(foreign_handle) for futures of another cluster, or of an earlier start.
  template <class Futures>
  std::vector<internal::run_range> own_ranges(const Futures& all) const {
    auto ranges = internal::ranges_of(all);
    if (!ranges.empty())
      internal::refuse_foreign(&(*std::begin(all)).run()->session() == session().get());
    return ranges;
  }

  template <class T>
  scattered<T> put(const std::string& key, const T& value, existing_key when_taken) {
    return internal::with_store_bytes(value, [&](std::span<const std::byte> bytes) {
      return scattered<T>{session()->put(key, when_taken, internal::label_of<T>(), bytes)};
    });
  }

  template <class T>
  scattered<std::vector<T>> put_filled(const std::string& key, data_builder<T>&& filled, existing_key when_taken) {
    using V = std::vector<T>;
    auto room = std::move(filled).take_room();
    if (!room)
      throw data_error{error_code::bad_argument,
                       "scatter_data was given a builder that was used before; make a new one with new_data."};
    return scattered<V>{session()->put(key, when_taken, internal::label_of<V>(), std::move(room))};
  }

  static const std::string& required(const std::string& key) {
    if (key.empty())
      throw data_error{error_code::bad_argument,
                       "scatter_data was given an empty key; give a name, or leave the key out."};
    return key;
  }

  template <class T>
  shared_bytes mapped_here(const scattered<T>& data) const {
    auto open = session();
    return open->map(internal::handle_in(open.get(), data).id());
  }

  /// Throws cluster_error(not_started) for an object that was moved from.
  internal::cluster& held() const;

  std::unique_ptr<internal::cluster> cluster_;
};

} // namespace daskify
