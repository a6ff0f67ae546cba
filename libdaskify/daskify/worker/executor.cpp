#include "daskify/worker/executor.hpp"

#include "daskify/defaults.hpp"
#include "daskify/os/log_tail.hpp"
#include "daskify/program/entry_point.hpp"
#include "daskify/protocol/failure.hpp"

#include <cxxabi.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>

namespace daskify::internal {

namespace {

using steady = std::chrono::steady_clock;

/// The clock is read once per chunk; a chunk grows until it takes this long, so that the cost of reading is negligible.
constexpr auto chunk_duration = std::chrono::microseconds{200};

/// Maximal size in bytes of the output that is reported with a failed task.
constexpr std::size_t shown_bytes = 2000;

/// The executor and thread number that the calling thread belongs to.
struct served_thread {
  const executor* by = nullptr;
  std::size_t thread = 0;
};
thread_local served_thread served;

/// Runs tasks [first, first + count), even if destroying a task's exception throws: that exception leaves `execute`
/// after the task was counted as failed.
void execute_all(const task_program& program, std::uint64_t first, std::uint64_t count, result_sink& sink,
                 task_context& context) {
  auto begin = sink.count();
  for (std::uint64_t done = 0; done < count;) {
    try {
      program.execute(first + done, count - done, sink, context);
      return;
    } catch (abi::__forced_unwind&) {
      throw;
    } catch (...) {
      auto counted = sink.count() - begin;
      if (counted == done)
        throw; // not thrown by a destructor: no task has been counted
      done = counted;
    }
  }
}

/// Runs user tasks and contains pthread_exit and fork inside them.
void run_user_code(const task_program& program, std::uint64_t first, std::uint64_t count, result_sink& sink,
                   task_context& context) {
  auto process = ::getpid();
  try {
    execute_all(program, first, count, sink, context);
  } catch (abi::__forced_unwind&) {
    std::fputs("A task ended its thread (pthread_exit), and with it its worker.\n", stderr);
    std::fflush(stdout);
    ::_exit(EXIT_FAILURE);
  }
  if (::getpid() != process)
    ::_exit(EXIT_SUCCESS); // a process that a task has forked, and that has returned from the task
}

} // namespace

/// A run with its description, and its program once a thread has needed it.
struct executor::loaded_run {
  explicit loaded_run(run_brief b) : brief{std::move(b)} {}

  /// Creates the program at the first call. If that throws, each call tries again.
  std::shared_ptr<const task_program> program(object_space& objects) {
    std::lock_guard guard{mutex};
    if (!made) {
      auto bytes = brief.spec.description;
      if (brief.spec.stored_description)
        bytes = objects.find(brief.spec.stored_description, 0);
      decoder description{bytes.view()};
      program_inputs inputs{objects, brief.inputs};
      made = make_program(brief.spec.program, description, inputs);
    }
    return made;
  }

  /// Releases the program. Another thread may still use it, and a task that is run again creates it anew.
  std::shared_ptr<const task_program> take_program() {
    std::lock_guard guard{mutex};
    return std::move(made);
  }

  run_brief brief;
  std::mutex mutex;
  std::shared_ptr<const task_program> made;
  std::atomic<std::uint64_t> chunk{1}; ///< number of tasks that take about chunk_duration
};

executor::executor(setup with, object_space& objects)
    : setup_{std::move(with)},
      objects_{objects},
      core_{setup_.threads} {}

executor::~executor() {
  stop();
  for (auto& t : others_)
    t.join();
}

void executor::run() {
  {
    std::lock_guard guard{mutex_};
    for (std::size_t i = 1; i < setup_.threads; ++i)
      start_thread(i);
  }
  serve(0);
}

/// REQUIRES: the lock is held.
void executor::start_thread(std::size_t thread) {
  others_.emplace_back([this, thread] { serve(thread); });
}

void executor::serve(std::size_t thread) {
  served = {this, thread};
  std::unique_lock lock{mutex_};
  while (true) {
    work_added_.wait(lock, [&] { return stopping_ || core_.take(thread); });
    if (stopping_)
      return;
    run_lease(thread, lock);
    turn_left_.notify_one();
    if (stopping_)
      return;
  }
}

executor::waiting::waiting(executor& all) : all_{all} {
  if (served.by != &all || !current_task())
    throw task_error{error_code::not_in_a_task,
                     "A future of this_task was waited for on a thread that runs no task; wait on the thread that the "
                     "task was started on.",
                     {}};
  std::unique_lock lock{all.mutex_};
  if (all.core_.waiting_threads() >= tuning::waiting_tasks)
    throw task_error{
        error_code::too_many_waiting,
        "More than " + std::to_string(tuning::waiting_tasks) +
            " tasks of one worker would wait for tasks that they have submitted; submit more from each, or "
            "pass the futures on as arguments instead of waiting for them.",
        {}};
  if (!all.core_.has_idle_thread()) {
    auto added = all.core_.add_thread();
    try {
      all.start_thread(added);
    } catch (...) {
      all.core_.drop_last_thread();
      throw;
    }
  }
  thread_ = served.thread;
  all.core_.begin_wait(thread_);
  lock.unlock();
  all.turn_left_.notify_one();
  all.work_added_.notify_one();
  all.setup_.has_news();
}

executor::waiting::~waiting() {
  std::unique_lock lock{all_.mutex_};
  all_.waiters_.erase(thread_);
  all_.core_.want_turn();
  all_.turn_left_.wait(lock, [&] { return all_.core_.end_wait(thread_); });
  lock.unlock();
  all_.setup_.has_news();
}

void executor::waiting::wake_with(std::function<void()> wake) {
  {
    std::lock_guard guard{all_.mutex_};
    all_.waiters_[thread_] = {current_task()->index, std::move(wake)};
  }
  all_.wake_stopped();
}

/// Wakes the waiting tasks that are requested to stop.
void executor::wake_stopped() {
  std::vector<std::function<void()>> wakes;
  {
    std::lock_guard guard{mutex_};
    for (auto i = waiters_.begin(); i != waiters_.end();)
      if (core_.is_stopped(i->first, i->second.task)) {
        wakes.push_back(std::move(i->second.wake));
        i = waiters_.erase(i);
      } else {
        ++i;
      }
  }
  for (auto& wake : wakes)
    wake();
}

/// One lease, while a thread of the executor runs its tasks chunk by chunk.
class executor::lease_in_progress {
public:
  lease_in_progress(executor& of, std::size_t thread) : executor_{of}, thread_{thread}, sink_{of.objects_, 0} {
    context_.thread = thread;
    context_.some_stop = &of.core_.stop_flag(thread);
    context_.stop = &of;
    context_.worker = of.setup_.worker;
  }

  /// REQUIRES: the executor's lock is held. Releases it while tasks run.
  void run(std::unique_lock<std::mutex>& lock) {
    while (true) {
      auto most = run_ ? run_->chunk.load(std::memory_order_relaxed) : 1;
      auto next = executor_.core_.next_chunk(thread_, most, now_);
      if (next.count == 0)
        break;
      if (std::exchange(is_first_, false))
        begin(next);
      auto obstacle = refusal();
      lock.unlock();
      run_chunk(next, most, std::move(obstacle));
      report_in_time();
      lock.lock();
    }
    executor_.core_.done(thread_);
    auto when = executor_.core_.has_queued() ? urgency::soon : urgency::now;
    lock.unlock();
    send(true, when);
    // The program may be the last one of an erased run: its user-defined values are destroyed without the lock.
    run_.reset();
    lock.lock();
  }

private:
  /// REQUIRES: the lock is held.
  void begin(const worker_core::chunk& first) {
    report_.id = first.lease;
    sink_ = result_sink{executor_.objects_, first.first};
    run_ = executor_.find_run(first.run);
    if (run_)
      context_.seed = run_->brief.spec.seed;
    context_.run = first.run;
    if (!is_of_start_call(first.lease)) // a start call cannot wait for runs: no task starts before it has returned
      context_.session = executor_.session_;
  }

  /// Why this worker fails all tasks of the run's client; nothing if it does not. REQUIRES: the lock is held.
  std::optional<failure> refusal() const {
    auto& refused = executor_.refused_;
    auto found = run_ ? refused.find(run_->brief.client) : refused.end();
    return found == refused.end() ? std::nullopt : std::optional{found->second};
  }

  /// `obstacle`: why no task of the chunk can run.
  void run_chunk(const worker_core::chunk& tasks, std::uint64_t most, std::optional<failure> obstacle) {
    if (tasks.cancelled) {
      obstacle.emplace();
      obstacle->code = error_code::task_cancelled;
      obstacle->text = describe(error_code::task_cancelled);
    } else if (!program_ && !obstacle) {
      obstacle = load_program();
    }
    now_ = steady::now();
    tasks_ += tasks.count;
    if (obstacle) {
      sink_.failed(tasks.count, std::move(*obstacle), layout(), value_size());
      return;
    }
    run_user_code(*program_, tasks.first, tasks.count, sink_, context_);
    auto took = steady::now() - now_;
    now_ += took;
    busy_ns_ += static_cast<std::uint64_t>(took.count());
    if (took < chunk_duration / 2 && tasks.count == most)
      run_->chunk.store(most * 2, std::memory_order_relaxed);
    else if (took > 2 * chunk_duration && most > 1)
      run_->chunk.store(std::max<std::uint64_t>(most / 4, 1), std::memory_order_relaxed);
  }

  /// Returns why there is no program; nothing if it has been loaded.
  std::optional<failure> load_program() {
    try {
      if (!run_)
        throw data_error{error_code::unknown_run, "The worker received tasks of an unknown run."};
      auto made = run_->program(executor_.objects_);
      if (sink_.count() != 0)
        send(false, urgency::soon); // the cancelled tasks before have the layout of blocks without values
      program_ = std::move(made);
      return {};
    } catch (...) {
      return describe_current_exception();
    }
  }

  void report_in_time() {
    if (now_ - reported_at_ <= tuning::report_interval && sink_.bytes() <= 4 * tuning::lease_result_bytes)
      return;
    send(false, urgency::now);
    reported_at_ = now_;
  }

  void send(bool closed, urgency when) {
    report_.block = sink_.take(layout(), value_size());
    if (closed && run_ && tasks_ == run_->brief.spec.tasks) {
      // These were all tasks of the run. Releases its objects in the store before the end of the run is reported.
      program_.reset();
      run_->take_program();
    }
    for (auto& f : report_.block.failures) {
      f.worker = executor_.setup_.worker;
      f.host = executor_.setup_.host;
      if (f.output.empty()) // otherwise it is the output of the start call whose failure the task reports
        f.output = executor_.output_since(output_begin_);
    }
    report_.busy_ns = std::exchange(busy_ns_, 0);
    report_.closed = closed;
    report_.log_size = executor_.log_size();
    auto id = report_.id;
    executor_.put_report(std::exchange(report_, {}), when);
    report_.id = id;
  }

  block_layout layout() const { return program_ ? program_->layout() : block_layout::fixed; }
  std::uint64_t value_size() const { return program_ ? program_->value_size() : 0; }

  executor& executor_;
  std::size_t thread_;
  steady::time_point now_ = steady::now();
  steady::time_point reported_at_ = now_;
  std::uint64_t output_begin_ = executor_.log_size();
  bool is_first_ = true;
  std::shared_ptr<loaded_run> run_;
  std::shared_ptr<const task_program> program_;
  task_context context_;
  result_sink sink_;
  lease_report report_;
  std::uint64_t busy_ns_ = 0; ///< since the last report
  std::uint64_t tasks_ = 0;
};

void executor::run_lease(std::size_t thread, std::unique_lock<std::mutex>& lock) {
  lease_in_progress{*this, thread}.run(lock);
}

auto executor::find_run(run_id run) -> std::shared_ptr<loaded_run> {
  auto found = runs_.find(run);
  return found == runs_.end() ? nullptr : found->second;
}

void executor::accept(work_order order) {
  std::vector<std::shared_ptr<loaded_run>> unused; // destroyed after the lock is released
  std::vector<worker_core::returned_tasks> back;
  {
    std::lock_guard guard{mutex_};
    for (auto& brief : order.runs) {
      auto id = brief.spec.run;
      runs_.try_emplace(id, std::make_shared<loaded_run>(std::move(brief)));
    }
    for (const auto& l : order.leases)
      core_.add(l);
    for (const auto& c : order.cancelled)
      core_.cancel(c);
    for (auto run : order.forgotten)
      if (auto node = runs_.extract(run); !node.empty())
        unused.push_back(std::move(node.mapped()));
    for (auto& refused : order.refused)
      refused_.insert_or_assign(refused.client, std::move(refused.why));
    if (order.recall)
      back = core_.give_back_all();
  }
  report_returned(back);
  if (!order.cancelled.empty())
    wake_stopped();
  if (order.leases.size() > 1)
    work_added_.notify_all();
  else if (!order.leases.empty())
    work_added_.notify_one();
}

void executor::put_report(lease_report report, urgency when) {
  // Sent under the lock, because the reports of a lease must arrive in order, whichever thread sends them.
  std::lock_guard guard{outbox_mutex_};
  auto bytes = weight(report.block);
  if (outbox_bytes_ + bytes > tuning::message_bytes)
    send_outbox();
  bool was_empty = outbox_.empty();
  outbox_.push_back(std::move(report));
  outbox_bytes_ += bytes;
  if (when == urgency::now)
    send_outbox();
  else if (was_empty)
    setup_.has_news();
}

void executor::send_reports() {
  std::lock_guard guard{outbox_mutex_};
  send_outbox();
}

/// REQUIRES: the outbox's lock is held.
void executor::send_outbox() {
  if (!outbox_.empty())
    setup_.send(std::exchange(outbox_, {}));
  outbox_bytes_ = 0;
}

void executor::give_back_waiting() {
  std::vector<worker_core::returned_tasks> back;
  {
    std::lock_guard guard{mutex_};
    back = core_.give_back(steady::now() - tuning::give_back_after);
  }
  report_returned(back);
}

void executor::report_returned(const std::vector<worker_core::returned_tasks>& back) {
  for (const auto& b : back) {
    lease_report report;
    report.id = b.lease;
    report.block.first = b.first;
    report.returned = b.count;
    report.closed = b.closed;
    put_report(std::move(report), urgency::now);
  }
}

bool executor::stop() {
  bool idle = false;
  {
    std::lock_guard guard{mutex_};
    stopping_ = true;
    core_.stop_all();
    idle = core_.busy_threads() == 0;
  }
  work_added_.notify_all();
  wake_stopped();
  return idle;
}

bool executor::is_stopped(std::size_t thread, std::uint64_t task) const {
  std::lock_guard guard{mutex_};
  return core_.is_stopped(thread, task);
}

std::uint32_t executor::waiting_tasks() const {
  std::lock_guard guard{mutex_};
  return static_cast<std::uint32_t>(core_.waiting_threads());
}

std::size_t executor::busy_threads() const {
  std::lock_guard guard{mutex_};
  return core_.busy_threads();
}

std::uint64_t executor::log_size() const {
  if (setup_.log_file.empty())
    return 0;
  std::fflush(stdout); // assigns buffered output to the tasks that printed it, not to the next one
  struct stat info {};
  return ::stat(setup_.log_file.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

std::string executor::output_since(std::uint64_t begin) const {
  std::cout.flush();
  std::clog.flush();
  std::fflush(stdout);
  return last_lines(read_log_end(setup_.log_file, shown_bytes), tuning::shown_lines, begin);
}

} // namespace daskify::internal
