#include "daskify/store/transfer_puller.hpp"

#include "daskify/error.hpp"
#include "daskify/protocol/endpoint.hpp"
#include "daskify/store/pull_plan.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace daskify::internal {

namespace {

using clock = std::chrono::steady_clock;

/// Number of sources used by one pull at the same time.
constexpr std::size_t most_lines = 2;

/// Number of open requests per source: enough that the source never waits for the next request.
constexpr std::size_t most_owed = 8;

/// Maximal number of idle connections, to all nodes together.
constexpr std::size_t most_idle = 64;

/// A single damaged chunk may be an accident.
constexpr int most_damaged = 2;

std::string name_of(const pull_source& source) {
  return "node " + std::to_string(source.node.value) + " at " + to_text(source.where);
}

} // namespace

std::shared_ptr<tcp_socket> idle_connections::take(const endpoint& where) {
  drop_old();
  auto last = std::find_if(kept_.rbegin(), kept_.rend(), [&](const idle& kept) { return kept.where == where; });
  if (last == kept_.rend())
    return nullptr;
  auto socket = std::move(last->socket);
  kept_.erase(std::prev(last.base()));
  return socket;
}

void idle_connections::keep(const endpoint& where, std::shared_ptr<tcp_socket> socket) {
  if (kept_.size() == most_idle)
    kept_.pop_front();
  kept_.push_back({where, std::move(socket), clock::now()});
}

void idle_connections::drop(const endpoint& where) {
  std::erase_if(kept_, [&](const idle& kept) { return kept.where == where; });
}

void idle_connections::drop_old() {
  while (!kept_.empty() && clock::now() - kept_.front().since >= longest_)
    kept_.pop_front();
}

/// An object that is being pulled. All members but `into` are guarded by the puller's mutex.
struct transfer_puller::pull_state {
  pull_state(std::shared_ptr<chunked_object> object, std::vector<pull_source> from, done end, more_sources none_left)
      : into{std::move(object)},
        on_end{std::move(end)},
        on_none_left{std::move(none_left)},
        plan{into->chunks()},
        spare{from.begin(), from.end()} {
    for (std::uint64_t chunk = 0; chunk < into->chunks(); ++chunk)
      if (into->has(chunk))
        plan.arrived(chunk);
    ended = plan.is_complete();
  }

  bool knows(node_id node) const;
  bool lacks_sources() const { return lines.empty() && spare.empty() && !waits_for_answer; }
  bool has_work_for_another() const {
    return !spare.empty() && lines.size() < most_lines && (lines.empty() || plan.has_unasked());
  }

  const std::shared_ptr<chunked_object> into;
  const done on_end;
  const more_sources on_none_left;
  pull_plan plan;
  std::deque<pull_source> spare; ///< sources not in use; the next one first
  std::vector<line*> lines;      ///< one for each source in use
  lost_sources lost;
  bool waits_for_answer = false; ///< more sources were requested
  std::size_t threads = 0;       ///< number of threads that use this pull; it is not destroyed before they are done
  bool ended = false;
  std::optional<std::string> problem; ///< why it has ended
  std::condition_variable changed;    ///< there may be a chunk to request, or the pull has ended
};

/// One source in use by one pull, on a thread of the puller.
class transfer_puller::line {
public:
  line(transfer_puller& owner, position pull, pull_source from)
      : owner_{owner},
        pull_{pull},
        into_{*pull->into},
        from_{std::move(from)} {}

  const pull_source& from() const noexcept { return from_; }

  /// Returns when the pull has ended. Throws connection_lost if the source is lost or the line was interrupted, and
  /// data_error if a chunk cannot be stored. `room` is a buffer for one chunk.
  void run(std::span<std::byte> room);

  /// REQUIRES: the puller's mutex is held.
  void interrupt() {
    interrupted_ = true;
    if (socket_)
      socket_->shut_down();
  }

private:
  std::shared_ptr<tcp_socket> take_idle();
  std::shared_ptr<tcp_socket> connect();
  void watch(std::shared_ptr<tcp_socket> socket);
  void work(std::span<std::byte> room);
  void learn_sums();
  bool ask();
  void take_reply(std::span<std::byte> room);
  bool is_here(const request& asked, std::uint64_t length);

  transfer_puller& owner_;
  const position pull_;
  chunked_object& into_;
  const pull_source from_;
  std::shared_ptr<tcp_socket> socket_; ///< changed under the puller's mutex
  pull_plan::source source_{};
  std::deque<std::uint64_t> owed_; ///< requested and not answered
  bool answered_ = false;
  bool interrupted_ = false; ///< guarded by the puller's mutex
  int damaged_ = 0;
  clock::time_point last_progress_ = clock::now();
};

bool transfer_puller::pull_state::knows(node_id node) const {
  return std::any_of(spare.begin(), spare.end(), [&](const auto& source) { return source.node == node; }) ||
         std::any_of(lines.begin(), lines.end(), [&](const auto* line) { return line->from().node == node; });
}

void transfer_puller::line::run(std::span<std::byte> room) {
  if (auto kept = take_idle()) {
    try {
      watch(std::move(kept));
      return work(room);
    } catch (const connection_lost& e) {
      if (!e.closed || answered_)
        throw;
      lock guard{owner_.mutex_}; // closed while idle, and the other idle connections may be closed, too
      owner_.idle_.drop(from_.where);
      owed_.clear();
    }
  }
  auto fresh = connect();
  fresh->send_message(owner_.greeting_);
  work(room);
}

std::shared_ptr<tcp_socket> transfer_puller::line::take_idle() {
  lock guard{owner_.mutex_};
  return owner_.idle_.take(from_.where);
}

std::shared_ptr<tcp_socket> transfer_puller::line::connect() {
  auto addresses = find_addresses(from_.where);
  for (auto* address = addresses.get();; address = address->ai_next) {
    auto socket = std::make_shared<tcp_socket>(open_socket(*address), owner_.patience_);
    watch(socket);
    try {
      socket->connect(*address);
      return socket;
    } catch (const connection_lost&) {
      if (address->ai_next == nullptr)
        throw;
    }
  }
}

/// From now on the line is interrupted when the pull ends.
void transfer_puller::line::watch(std::shared_ptr<tcp_socket> socket) {
  lock guard{owner_.mutex_};
  if (pull_->ended)
    throw connection_lost{"is not needed any more"};
  socket_ = std::move(socket);
}

void transfer_puller::line::work(std::span<std::byte> room) {
  {
    lock guard{owner_.mutex_};
    source_ = pull_->plan.add_source();
  }
  try {
    learn_sums();
    while (ask())
      take_reply(room);
  } catch (...) {
    lock guard{owner_.mutex_};
    pull_->plan.lost(source_);
    pull_->changed.notify_all();
    throw;
  }
  lock guard{owner_.mutex_};
  if (owed_.empty() && !interrupted_)
    owner_.idle_.keep(from_.where, std::move(socket_));
}

void transfer_puller::line::learn_sums() {
  const request all{request_kind::sums, into_.id().value, 0};
  while (into_.chunks() > 1 && into_.sums() == nullptr) {
    socket_->send_message(all);
    if (!is_here(all, into_.chunks() * sizeof(std::uint64_t)))
      continue;
    chunk_checksums sums(into_.chunks());
    socket_->receive(std::as_writable_bytes(std::span{sums}));
    if (!into_.learn_sums(std::move(sums)))
      throw wrong_answer{"sends wrong checksums"};
  }
}

/// Sends as many requests as are useful now. False if the pull has ended.
bool transfer_puller::line::ask() {
  std::vector<request> wanted;
  {
    lock guard{owner_.mutex_};
    while (!pull_->ended) {
      while (owed_.size() < most_owed) {
        auto chunk = pull_->plan.next(source_);
        if (!chunk)
          break;
        owed_.push_back(*chunk);
        wanted.push_back({request_kind::chunk, into_.id().value, *chunk});
      }
      if (!owed_.empty())
        break;
      pull_->changed.wait(guard);
      last_progress_ = clock::now();
    }
    if (pull_->ended)
      return false;
  }
  socket_->send(std::as_bytes(std::span{wanted}));
  return true;
}

void transfer_puller::line::take_reply(std::span<std::byte> room) {
  auto chunk = owed_.front();
  auto bytes = room.first(bytes_of_chunk(into_.size(), chunk));
  bool here = is_here({request_kind::chunk, into_.id().value, chunk}, bytes.size());
  bool good = false;
  if (here) {
    socket_->receive(bytes);
    good = into_.write(chunk, bytes);
  }
  owed_.pop_front();

  lock guard{owner_.mutex_};
  if (good) {
    last_progress_ = clock::now();
    pull_->lost.progress = true;
    pull_->plan.arrived(source_, chunk);
    if (pull_->plan.is_complete())
      owner_.end(pull_, std::nullopt, this);
    return;
  }
  pull_->plan.refused(source_, chunk);
  pull_->changed.notify_all();
  owner_.changed_.notify_one();
  if (here && ++damaged_ == most_damaged)
    throw wrong_answer{"sends damaged data"};
}

/// Receives the source's reply to a request: true if `length` bytes follow, false if the source does not have them yet.
bool transfer_puller::line::is_here(const request& asked, std::uint64_t length) {
  auto answer = socket_->receive_message<reply>();
  bool ok = answer.status == reply_status::ok;
  if (answer.answered != asked || answer.length != (ok ? length : 0))
    throw wrong_answer{"sent a reply that matches no request"};
  answered_ = true;
  if (answer.status == reply_status::not_here)
    throw connection_lost{"does not have it"};
  if (answer.status == reply_status::failed)
    throw connection_lost{"could not get it either"};
  if (!ok && clock::now() - last_progress_ >= owner_.patience_)
    throw connection_lost{"got nothing more of it for " + to_text(owner_.patience_)};
  return ok;
}

transfer_puller::transfer_puller(const hello& greeting, std::size_t pulls_at_a_time, std::chrono::milliseconds patience)
    : greeting_{greeting},
      pulls_at_a_time_{pulls_at_a_time},
      patience_{patience},
      idle_{patience} {}

/// Called when there is something to pull: most processes never pull, and need no threads.
void transfer_puller::start_threads() {
  auto wanted = pulls_at_a_time_ * most_lines + 1; // one thread is always free for callbacks
  std::lock_guard guard{threads_mutex_};
  while (threads_.size() < wanted)
    threads_.push_back(start_thread("daskify-pull", [this] { run(); }));
}

transfer_puller::~transfer_puller() {
  stop();
}

void transfer_puller::stop() {
  {
    lock guard{mutex_};
    stopping_ = true;
    for (auto pull = pulls_.begin(); pull != pulls_.end();) {
      auto current = pull++; // `end` moves it to the front
      end(current, name_of(*current->into) + " was not fetched, as this process shuts down");
    }
  }
  changed_.notify_all();
  for (auto& thread : threads_)
    thread.join();
}

void transfer_puller::pull(std::shared_ptr<chunked_object> into, std::vector<pull_source> from, done on_end,
                           more_sources on_none_left) {
  std::list<pull_state> added;
  added.emplace_back(std::move(into), std::move(from), std::move(on_end), std::move(on_none_left));
  start_threads();
  lock guard{mutex_};
  auto pull = added.begin();
  pulls_.splice(pull->ended ? pulls_.begin() : pulls_.end(), added);
  if (stopping_)
    end(pull, name_of(*pull->into) + " was not fetched, as this process shuts down");
  changed_.notify_one();
}

void transfer_puller::add_sources(object_id object, const std::vector<pull_source>& more) {
  lock guard{mutex_};
  for (auto pull = pulls_.begin(); pull != pulls_.end();) {
    auto current = pull++;
    if (current->into->id() != object || current->ended)
      continue;
    for (const auto& source : more)
      if (!current->knows(source.node))
        current->spare.push_back(source);
    if (more.empty() && current->waits_for_answer)
      end(current, name_of(*current->into) + " cannot be fetched from any other node: " +
                       (current->lost.why.empty() ? "none has it" : current->lost.why));
    current->waits_for_answer = false;
  }
  changed_.notify_one();
}

void transfer_puller::cancel(object_id object) {
  lock guard{mutex_};
  for (auto pull = pulls_.begin(); pull != pulls_.end();) {
    auto current = pull++;
    if (current->into->id() == object)
      end(current, name_of(*current->into) + " was not fetched, because the transfer was cancelled");
  }
}

/// The main function of each thread.
void transfer_puller::run() {
  byte_buffer room;
  lock guard{mutex_};
  while (!stopping_ || !pulls_.empty()) {
    if (do_something(guard, room))
      continue;
    if (idle_.empty()) {
      changed_.wait(guard);
    } else {
      changed_.wait_for(guard, patience_);
      idle_.drop_old();
    }
  }
}

/// Does the first work that is available; false if there is none.
bool transfer_puller::do_something(lock& guard, byte_buffer& room) {
  std::size_t seen_at_work = 0;
  for (auto pull = pulls_.begin(); pull != pulls_.end(); ++pull) {
    bool at_work = !pull->lines.empty();
    bool has_turn = at_work || pulls_at_work_ < pulls_at_a_time_;
    if (pull->ended && pull->threads == 0)
      finish(pull, guard);
    else if (!pull->ended && pull->lacks_sources())
      ask_for_sources(pull, guard);
    else if (!pull->ended && has_turn && pull->has_work_for_another())
      run_line(pull, guard, room);
    else if ((seen_at_work += at_work) == pulls_at_a_time_)
      return false; // all following pulls are queued
    else
      continue;
    return true;
  }
  return false;
}

void transfer_puller::run_line(position pull, lock& guard, byte_buffer& room) {
  line current{*this, pull, std::move(pull->spare.front())};
  pull->spare.pop_front();
  pulls_at_work_ += pull->lines.empty();
  pull->lines.push_back(&current);
  ++pull->threads;
  changed_.notify_one(); // there may be more work
  guard.unlock();

  std::optional<std::string> source_failed;
  std::optional<std::string> pull_failed;
  bool wrong = false;
  try {
    room.resize(chunk_size);
    current.run({room.data(), room.size()});
  } catch (const connection_lost& e) {
    source_failed = name_of(current.from()) + ' ' + e.what();
    wrong = dynamic_cast<const wrong_answer*>(&e) != nullptr;
  } catch (const std::exception& e) {
    pull_failed = e.what();
  }

  guard.lock();
  --pull->threads;
  std::erase(pull->lines, &current);
  pulls_at_work_ -= pull->lines.empty();
  if (pull_failed)
    end(pull, std::move(pull_failed));
  if (source_failed && !pull->ended) {
    (wrong ? pull->lost.wrong : pull->lost.silent).push_back(current.from().node);
    pull->lost.why = std::move(*source_failed);
  }
}

void transfer_puller::ask_for_sources(position pull, lock& guard) {
  pull->waits_for_answer = true;
  auto lost = pull->lost;
  pull->lost = {{}, {}, lost.why, false};
  ++pull->threads;
  changed_.notify_one();
  guard.unlock();
  pull->on_none_left(std::move(lost));
  guard.lock();
  --pull->threads;
}

void transfer_puller::finish(position pull, lock& guard) {
  std::list<pull_state> finished;
  finished.splice(finished.end(), pulls_, pull);
  changed_.notify_one();
  guard.unlock();
  // The last chunk may have arrived while the pull was ended for another reason.
  pull->on_end(pull->into->is_whole() ? std::nullopt : std::move(pull->problem));
  finished.clear(); // destroys the callbacks and their captures
  guard.lock();
  if (stopping_)
    changed_.notify_all(); // it may have been the last pull
}

/// Ends a pull, once; it is finished when no thread uses it any more. `by`, the line that ends it, is not interrupted.
void transfer_puller::end(position pull, std::optional<std::string> problem, const line* by) {
  if (pull->ended)
    return;
  pull->ended = true;
  pull->problem = std::move(problem);
  for (auto* other : pull->lines)
    if (other != by)
      other->interrupt();
  pull->changed.notify_all();
  pulls_.splice(pulls_.begin(), pulls_, pull);
  changed_.notify_one();
}

} // namespace daskify::internal
