#include "daskify/host/attached_session.hpp"

#include "daskify/code/type_label.hpp"
#include "daskify/defaults.hpp"
#include "daskify/existing_key.hpp"
#include "daskify/os/file_descriptor.hpp"
#include "daskify/progress/progress_actor.hpp"
#include "daskify/progress/progress_bar.hpp"

#include <caf/after.hpp>
#include <caf/logger.hpp>
#include <caf/scoped_actor.hpp>

#include <thread>
#include <unistd.h>

namespace daskify::internal {

// -- start and end --------------------------------------------------------------------------------------------

std::shared_ptr<attached_session> attached_session::start(const settings& with, const std::string& program_name) {
  auto started = std::make_shared<attached_session>(with, program_name);
  started->data_->use(started);
  return started;
}

attached_session::attached_session(const settings& with, const std::string& program_name)
    : style_{with.progress},
      link_{*bridge_, with.mode == cluster_mode::connect ? scheduler_link::distance::remote
                                                         : scheduler_link::distance::same_process} {
  try {
    keep_standard_descriptors();
    if (with.mode == cluster_mode::connect)
      attached_ = std::make_unique<attachment>(with, program_name);
    else
      host_ = std::make_unique<scheduler_process>(with, program_name);
    system_ = std::make_unique<caf::actor_system>(config_);
    if (host_) {
      host_->start(*system_);
      host_->wait_until_ready();
    } else {
      attached_->connect(*system_);
    }
    start_client();
    if (attached_)
      wait_for_first(with);
    // Otherwise this thread keeps the system's logger alive, and the system's destructor waits for the logger's end.
    caf::logger::set_current_actor_system(nullptr);
  } catch (...) {
    caf::logger::set_current_actor_system(nullptr);
    shutdown();
    throw;
  }
}

void attached_session::start_client() {
  scheduler_ = host_ ? caf::actor_cast<scheduler_for_clients>(host_->scheduler()) : attached_->scheduler();
  progress_ = spawn_progress(*system_, scheduler_);
  link_.use(caf::actor_cast<scheduler_for_workers>(scheduler_));
  client_events events;
  events.on_freed = [data = std::weak_ptr{data_}](const std::vector<object_id>& freed) {
    if (auto open = data.lock())
      open->forget(freed);
  };
  events.on_unattended_ended = [started = started_](const unattended_ended& end) { started->ended(end); };
  auto speaker = system_->spawn(client_behavior, std::move(events));
  bridge_->open(speaker);
  if (host_) {
    data_->join(host_->store(), {host_->secret(), client_owner}, speaker);
    return;
  }
  attached_->join(*system_, caf::actor_cast<caf::strong_actor_ptr>(speaker), progress_,
                  [through = bridge_](std::exception_ptr why) { through->close(std::move(why)); });
  client_ = attached_->client();
  data_->join(attached_->store(), {attached_->secret(), owner_of(client_)}, speaker);
}

/// In mode connect, start_cluster waits for workers only if start_when asks for them.
void attached_session::wait_for_first(const settings& with) {
  auto wanted = with.workers_at_start(SIZE_MAX);
  if (wanted == 0)
    return;
  auto there = await_workers_until(wanted, std::chrono::steady_clock::now() + with.start_timeout);
  if (there.satisfied || (with.accept_fewer && there.workers != 0))
    return;
  throw cluster_error{error_code::start_timeout,
                      "The cluster at " + to_text(reached()) + " had " + std::to_string(there.workers) + " of the " +
                          std::to_string(wanted) + " workers that start_when (" + with.origin("start_when") +
                          ") asks for when start_timeout was over; start more workers, make it longer, lower "
                          "start_when, or set accept_fewer to go on with those that are there."};
}

attached_session::~attached_session() {
  shutdown();
}

void attached_session::shutdown() noexcept {
  if (::getpid() != owner_) {
    // A forked copy has none of the threads and does not own the cluster, so it only drops its pointers.
    bridge_->abandon();
    static_cast<void>(system_.release());
    static_cast<void>(host_.release());
    static_cast<void>(attached_.release());
    return;
  }
  std::lock_guard guard{shutdown_mutex_};
  if (std::exchange(ended_, true))
    return;
  end_started();
  // From here on only this function talks to the actors.
  bridge_->close();
  if (host_)
    host_->stop();
  auto end = [](auto& actor) {
    if (actor)
      caf::anon_send_exit(actor, caf::exit_reason::kill);
    actor = nullptr;
  };
  end(bridge_->speaker());
  end(progress_);
  link_.use({});
  scheduler_ = nullptr;
  if (host_)
    host_->end_actors();
  if (attached_)
    attached_->stop();
  // On a thread of its own, because CAF uses thread-local storage here, which no longer exists when a static object is
  // destroyed.
  std::thread{[this] { system_.reset(); }}.join();
  host_.reset();
  attached_.reset();
}

/// Reports how many started tasks have not ended. Results in transit count as ended.
void attached_session::end_started() noexcept {
  std::uint64_t unfinished = 0;
  try {
    if (auto open = started_->open(); !open.empty()) {
      auto counts = count(open);
      unfinished = counts.pending + counts.running;
    }
  } catch (const error&) {
    // The scheduler has ended, which is reported elsewhere.
  }
  started_->finish(unfinished);
}

/// No timeout for a scheduler in this process: it answers, or ends with the session.
actor_bridge::patience attached_session::limit() const {
  return attached_ ? actor_bridge::patience{tuning::answer_timeout} : std::nullopt;
}

// -- runs -----------------------------------------------------------------------------------------------------

void attached_session::number(run_spec& spec) {
  spec.seed = ++last_run_; // the same in every execution of the program, on any machine
  spec.run = nth_run_of(client_, spec.seed);
}

void attached_session::send(run_spec spec) {
  if (!spec.objects.empty())
    data_->flush();
  data_->retain_for_run(spec.objects);
  link_.submit(std::move(spec));
}

run_id attached_session::submit(run_spec spec) {
  number(spec);
  auto id = spec.run;
  send(std::move(spec));
  return id;
}

void attached_session::start_unattended(run_spec spec) {
  spec.unattended = true;
  number(spec);
  auto id = spec.run;
  started_->add(id, spec.name);
  send(std::move(spec));
  link_.release(id); // takes effect when the run has ended
}

void attached_session::add_start_call(run_spec call) {
  if (!call.objects.empty())
    data_->flush();
  call.run = nth_start_call_of(client_, ++last_start_call_);
  bridge_->tell(scheduler_, internal::add_start_call{std::move(call)});
}

awaited_tasks attached_session::await(const std::vector<run_range>& tasks, std::uint64_t how_many, bool want_results,
                                      deadline until) {
  return link_.await(tasks, how_many, want_results, until);
}

progress attached_session::count(const std::vector<run_range>& tasks) {
  return bridge_->ask_and_wait<progress>(progress_, {}, "progress actor", count_tasks{tasks});
}

void attached_session::cancel(const std::vector<run_range>& tasks) {
  link_.cancel(tasks);
}

void attached_session::release(run_id run) noexcept {
  link_.release(run);
}

awaited_workers attached_session::await_workers_until(std::uint64_t count, deadline until) {
  return ask_until(until, [&](std::chrono::milliseconds patience) {
    await_workers question{count, static_cast<std::uint64_t>(patience.count())};
    auto longest = limit();
    return bridge_->ask_and_wait<awaited_workers>(
        scheduler_, longest ? actor_bridge::patience{patience + *longest} : longest, "scheduler", question);
  });
}

bool attached_session::wait_for_workers(std::uint64_t count, deadline until) {
  return await_workers_until(count, until).satisfied;
}

progress attached_session::monitor(const std::vector<run_range>& tasks) {
  if (tasks.empty())
    return {};
  auto feed = std::make_shared<progress_feed>();
  auto watch = bridge_->watch([feed] { feed->close(); });
  bridge_->tell(progress_, watch_tasks{feed, tasks});
  progress_bar bar{STDERR_FILENO, style_};
  snapshot last;
  while (true) {
    auto next = feed->next(std::chrono::seconds{1});
    if (!next) {
      if (!feed->closed())
        continue;
      if (attached_ && bridge_->is_open()) // the progress actor noticed the scheduler's end first
        std::rethrow_exception(attached_->lost_scheduler());
      bridge_->throw_closed();
    }
    last = *next;
    if (last.counts.ended())
      break;
    bar.show(last);
  }
  bar.finish(last);
  bridge_->forget(watch);
  return last.counts;
}

// -- data -----------------------------------------------------------------------------------------------------

std::unique_ptr<data_room> attached_session::reserve(std::uint64_t bytes) {
  return data_->reserve(bytes);
}

std::shared_ptr<object_handle> attached_session::put_value(const type_label& type, part bytes) {
  return data_->put_once(type, bytes);
}

std::shared_ptr<object_handle> attached_session::put(const std::string& key, existing_key when_taken,
                                                     const type_label& type, part bytes) {
  return data_->put({key, when_taken, type}, bytes);
}

std::shared_ptr<object_handle> attached_session::put(const std::string& key, existing_key when_taken,
                                                     const type_label& type, std::unique_ptr<data_room> filled) {
  return data_->put({key, when_taken, type}, std::move(filled));
}

shared_bytes attached_session::map(object_id object) {
  return data_->map(object).bytes;
}

std::vector<shared_bytes> attached_session::map_all(const std::vector<object_id>& objects) {
  return data_->map_all(objects);
}

shared_bytes attached_session::find(const std::string& key, const type_label& type) {
  auto found = data_->find(key, type);
  return data_->map(found->id()).bytes;
}

void attached_session::spread(object_id object) {
  data_->spread(object);
}

object_list attached_session::objects() {
  return data_->list();
}

node_list attached_session::nodes() {
  return data_->nodes();
}

void attached_session::drop_key(const std::string& key) {
  data_->drop_key(key);
}

void attached_session::drop_key_of(object_id object) {
  data_->drop_key_of(object);
}

cluster_status attached_session::status() {
  return bridge_->ask_and_wait<cluster_status>(scheduler_, limit(), "scheduler", ask_status{});
}

bool attached_session::end_cluster(std::chrono::milliseconds timeout) {
  struct without_logger { // as in the constructor, on every exit path
    ~without_logger() { caf::logger::set_current_actor_system(nullptr); }
  } at_the_end;
  caf::scoped_actor self{*system_};
  self->monitor(scheduler_);
  bridge_->ask_and_wait<acknowledged>(scheduler_, limit(), "scheduler", internal::end_cluster{});
  bool ended = false;
  self->receive([&](caf::down_msg&) { ended = true; }, caf::after(timeout) >> [] {});
  return ended;
}

worker_list attached_session::workers() {
  return bridge_->ask_and_wait<worker_list>(scheduler_, limit(), "scheduler", list_workers{});
}

} // namespace daskify::internal
