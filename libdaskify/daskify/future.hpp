#pragma once

/// Handles to present and future results on the cluster.
///
/// future and futures are cheap to copy and thread-safe as a shared_ptr is. A run and its results are freed when its
/// last future is destroyed and the run is removed from the cluster's own list of runs.

#include "daskify/codec.hpp"
#include "daskify/protocol/result_block.hpp"
#include "daskify/session/cluster_session.hpp"
#include "daskify/session/failure_text.hpp"
#include "daskify/session/run_handle.hpp"

#include <chrono>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

namespace daskify {

/// States of a task. All but the first two are final.
enum class status : std::uint8_t {
  pending,
  running,
  finished,
  error, ///< its function threw, or an input failed
  cancelled,
  lost ///< its worker died, in every attempt
};

/// How gathering handles tasks without a result. Objects of different types, because the choice determines the type
/// that gathering returns.
namespace on_error {

inline constexpr struct raise_t {
} raise; ///< throw the exception of the first task without a result
inline constexpr struct skip_t {
} skip; ///< omit them
inline constexpr struct keep_t {
} keep; ///< return a result<R> for each task: a value, or the error

} // namespace on_error

namespace internal {

// Each throws the error for its condition.
[[noreturn]] void refuse_no_task();
[[noreturn]] void refuse_index(std::size_t index, std::size_t size);
[[noreturn]] void refuse_mixed_clusters();
[[noreturn]] void refuse_to_wait_longer(std::uint64_t tasks);

/// The results of tasks, as blocks. The constructor waits until all tasks have ended.
class fetched_results {
public:
  fetched_results(cluster_session& session, const std::vector<run_range>& tasks);

  const std::vector<result_block>& blocks() const noexcept { return answer_.blocks; }
  /// The block of the only task. Throws data_error(unknown_run) if its run was released.
  const result_block& only_block() const;
  /// Throws data_error(unknown_run) if results are missing because a run was released.
  void require_all() const;

private:
  std::uint64_t wanted_;
  const awaited_tasks answer_;
};

template <class R>
using stored_result = std::conditional_t<std::is_void_v<R>, std::monostate, R>;

/// Now + duration; no deadline if that exceeds the range of the clock.
template <class Rep, class Period>
deadline deadline_in(std::chrono::duration<Rep, Period> duration) {
  using clock = std::chrono::steady_clock;
  auto now = clock::now();
  auto room = std::chrono::duration<double>(clock::time_point::max() - now);
  if (std::chrono::duration<double>(duration) >= room / 2)
    return {};
  return now + std::chrono::ceil<clock::duration>(duration);
}

/// `map` returns the bytes of an object.
template <class R, class Map>
stored_result<R> value_at(const result_block& block, std::uint64_t task, Map&& map) {
  if constexpr (std::is_void_v<R>) {
    return {};
  } else {
    if (const auto* stored = stored_value_of(block, task)) {
      shared_bytes bytes = map(stored->object);
      return from_store_bytes<R>(bytes.view());
    }
    return decode<R>(value_of(block, task));
  }
}

} // namespace internal

/// A value, or the reason why there is none.
template <class R>
class result {
public:
  using stored = internal::stored_result<R>;

  explicit result(stored value) : content_{std::in_place_index<0>, std::move(value)} {}
  result(internal::failure why, std::uint64_t task, std::shared_ptr<internal::run_handle> run)
      : content_{std::in_place_index<1>, problem{std::move(why), task, std::move(run)}} {}

  bool has_value() const noexcept { return content_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  /// The value. If there is none, throws what future::get would throw.
  const stored& value() const {
    if (!has_value())
      raise();
    return std::get<0>(content_);
  }

  /// The code of the failure; `none` if there is a value.
  error_code code() const noexcept { return has_value() ? error_code::none : std::get<1>(content_).why.code; }

  /// The text of the error; empty if there is a value.
  std::string message() const {
    if (has_value())
      return {};
    try {
      raise();
    } catch (const error& e) {
      return e.what();
    }
  }

private:
  struct problem {
    internal::failure why;
    std::uint64_t task;
    std::shared_ptr<internal::run_handle> run;
  };

  [[noreturn]] void raise() const {
    const auto& p = std::get<1>(content_);
    internal::throw_failure(p.why, p.task, p.run.get());
  }

  std::variant<stored, problem> content_;
};

/// A handle to one result.
template <class R>
class future {
public:
  using value_type = R;

  future() = default; ///< refers to no task: every call that needs one throws data_error(unknown_run)
  future(std::shared_ptr<internal::run_handle> run, std::uint64_t index) : run_{std::move(run)}, index_{index} {}

  /// Waits for the result. Throws task_error, worker_lost, cancelled, data_error or cluster_error if there is none.
  R get() const {
    internal::fetched_results fetched{known_run()->session(), {range()}};
    const auto& block = fetched.only_block();
    if (const auto* why = internal::failure_of(block, index_))
      internal::throw_failure(*why, index_, run_.get());
    if constexpr (!std::is_void_v<R>) {
      try {
        return internal::value_at<R>(block, index_,
                                     [this](internal::object_id object) { return run_->session().map(object); });
      } catch (...) {
        internal::throw_failure(internal::describe_undecodable(index_), index_, run_.get());
      }
    }
  }

  /// The same with a timeout. Throws not_ready if the task has not ended within `timeout`; the task continues.
  template <class Rep, class Period>
  R get(std::chrono::duration<Rep, Period> timeout) const {
    if (!wait_for(timeout))
      internal::refuse_to_wait_longer(1);
    return get();
  }

  /// The state of the task right now.
  daskify::status status() const {
    auto c = known_run()->session().count({range()});
    return c.finished    ? daskify::status::finished
           : c.error     ? daskify::status::error
           : c.cancelled ? daskify::status::cancelled
           : c.lost      ? daskify::status::lost
           : c.running   ? daskify::status::running
                         : daskify::status::pending;
  }

  /// Blocks until the task has ended, with or without a result. Throws cluster_error if the cluster ends before.
  void wait() const { static_cast<void>(known_run()->session().await({range()}, 1, false, std::nullopt)); }

  /// Waits for at most `duration`; true if the task has ended.
  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> duration) const {
    auto until = internal::deadline_in(duration);
    return known_run()->session().await({range()}, 1, false, until).satisfied;
  }

  /// A task that has not begun will not run; a running one is requested to stop (this_task::stop_requested()).
  void cancel() const { known_run()->session().cancel({range()}); }

  /// Index of the task in its run.
  std::uint64_t index() const noexcept { return index_; }

  internal::run_range range() const { return {known_run()->id(), index_, 1}; }
  const std::shared_ptr<internal::run_handle>& run() const noexcept { return run_; }

private:
  const std::shared_ptr<internal::run_handle>& known_run() const {
    if (!run_)
      internal::refuse_no_task();
    return run_;
  }

  std::shared_ptr<internal::run_handle> run_;
  std::uint64_t index_ = 0;
};

/// The results of one run, in the order of its tasks: a random-access range of future<R>.
///
/// `futures<R, Es...>` also provides the combinations: Es are the iterables' element types. It converts to futures<R>.
template <class R, class... Es>
class futures;

template <class R>
class futures<R> {
public:
  using value_type = future<R>;

  futures() = default; ///< no tasks
  explicit futures(std::shared_ptr<internal::run_handle> run, std::uint64_t tasks_per_loop)
      : run_{std::move(run)},
        tasks_per_loop_{tasks_per_loop} {}

  std::size_t size() const noexcept { return run_ ? run_->tasks() : 0; }
  bool empty() const noexcept { return size() == 0; }
  /// Throws std::out_of_range.
  future<R> operator[](std::size_t i) const {
    check_index(i);
    return {run_, i};
  }

  class iterator {
  public:
    using iterator_category = std::input_iterator_tag; // dereferences to a value
    using iterator_concept = std::random_access_iterator_tag;
    using value_type = future<R>;
    using difference_type = std::ptrdiff_t;
    using reference = future<R>;
    using pointer = void;

    iterator() = default;
    iterator(const futures* all, difference_type i) : all_{all}, i_{i} {}

    future<R> operator*() const { return (*all_)[static_cast<std::size_t>(i_)]; }
    future<R> operator[](difference_type n) const { return *(*this + n); }
    iterator& operator+=(difference_type n) { return i_ += n, *this; }
    iterator& operator-=(difference_type n) { return i_ -= n, *this; }
    iterator& operator++() { return *this += 1; }
    iterator& operator--() { return *this -= 1; }
    iterator operator++(int) {
      auto old = *this;
      return ++*this, old;
    }
    iterator operator--(int) {
      auto old = *this;
      return --*this, old;
    }
    friend iterator operator+(iterator it, difference_type n) { return it += n; }
    friend iterator operator+(difference_type n, iterator it) { return it += n; }
    friend iterator operator-(iterator it, difference_type n) { return it -= n; }
    friend difference_type operator-(const iterator& a, const iterator& b) { return a.i_ - b.i_; }
    friend bool operator==(const iterator& a, const iterator& b) { return a.i_ == b.i_; }
    friend auto operator<=>(const iterator& a, const iterator& b) { return a.i_ <=> b.i_; }

  private:
    const futures* all_ = nullptr;
    difference_type i_ = 0;
  };

  iterator begin() const { return {this, 0}; }
  iterator end() const { return {this, static_cast<std::ptrdiff_t>(size())}; }

  /// The loop that task i belongs to, from 0.
  std::uint64_t loop(std::size_t i) const { return tasks_per_loop_ == 0 ? 0 : i / tasks_per_loop_; }

  /// The results in the order of the tasks, as gather_data with on_error::raise: waits for all, and throws the
  /// exception of the first task without a result. std::monostate for each task if R is void.
  std::vector<internal::stored_result<R>> get() const;
  /// The same with a timeout. Throws not_ready if the tasks have not ended within `timeout`; they continue.
  template <class Rep, class Period>
  std::vector<internal::stored_result<R>> get(std::chrono::duration<Rep, Period> timeout) const {
    if (!wait_for(timeout))
      internal::refuse_to_wait_longer(size());
    return get();
  }

  /// Number of tasks in each state right now.
  progress status() const { return run_ ? run_->session().count({run_->all()}) : progress{}; }

  /// Blocks until all tasks have ended, with or without results. Throws cluster_error if the cluster ends before.
  void wait() const { static_cast<void>(await(std::nullopt)); }

  /// Waits for at most `duration`; true if all tasks have ended.
  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> duration) const {
    return await(internal::deadline_in(duration));
  }

  /// Cancels all tasks that have not ended.
  void cancel() const {
    if (run_)
      run_->session().cancel({run_->all()});
  }

  const std::shared_ptr<internal::run_handle>& run() const noexcept { return run_; }

protected:
  void check_index(std::size_t i) const {
    if (i >= size())
      internal::refuse_index(i, size());
  }
  std::uint64_t tasks_per_loop() const noexcept { return tasks_per_loop_; }

private:
  bool await(internal::deadline until) const {
    return !run_ || run_->session().await({run_->all()}, size(), false, until).satisfied;
  }

  std::shared_ptr<internal::run_handle> run_;
  std::uint64_t tasks_per_loop_ = 0;
};

namespace internal {

/// Combinations of elements of these types.
template <class... Es>
class combinations_of : public combinations {
public:
  /// The combination of the i-th task of a loop.
  virtual std::tuple<Es...> at(std::uint64_t i) const = 0;
};

} // namespace internal

template <class R, class E, class... Es>
class futures<R, E, Es...> : public futures<R> {
public:
  futures() = default;
  futures(std::shared_ptr<internal::run_handle> run, std::uint64_t tasks_per_loop,
          std::shared_ptr<const internal::combinations_of<E, Es...>> calls)
      : futures<R>{std::move(run), tasks_per_loop},
        calls_{std::move(calls)} {}

  /// The element of each iterable that task i was called with.
  /// Throws std::out_of_range.
  std::tuple<E, Es...> combination(std::size_t i) const {
    this->check_index(i);
    return calls_->at(i % this->tasks_per_loop());
  }

private:
  std::shared_ptr<const internal::combinations_of<E, Es...>> calls_;
};

namespace internal {

template <class T>
inline constexpr bool is_future = false;
template <class R>
inline constexpr bool is_future<future<R>> = true;

template <class R>
std::vector<run_range> ranges_of(const futures<R>& all) {
  return all.empty() ? std::vector<run_range>{} : std::vector<run_range>{all.run()->all()};
}

/// Merges adjacent tasks of one run into one range.
template <class R>
std::vector<run_range> ranges_of(const std::vector<future<R>>& all) {
  std::vector<run_range> ranges;
  for (const auto& f : all) {
    if (f.run() && &f.run()->session() != &all.front().run()->session())
      refuse_mixed_clusters();
    if (!ranges.empty() && ranges.back().run == f.range().run && ranges.back().first + ranges.back().count == f.index())
      ++ranges.back().count;
    else
      ranges.push_back(f.range());
  }
  return ranges;
}

/// The handle of a run among these futures.
template <class R>
std::shared_ptr<run_handle> run_among(const futures<R>& all, run_id) {
  return all.run();
}
template <class R>
std::shared_ptr<run_handle> run_among(const std::vector<future<R>>& all, run_id run) {
  for (const auto& f : all)
    if (f.run()->id() == run)
      return f.run();
  return nullptr;
}

std::uint64_t tasks_in(const std::vector<run_range>& ranges);

/// Waits for all results and passes each to `visitor`, in order: value(v), failed(why, task, run), and block(bytes,
/// count) for contiguous values whose encoding is their representation in memory.
template <class R, class Futures, class Visitor>
void visit_results(const Futures& all, Visitor&& visitor) {
  auto ranges = ranges_of(all);
  if (ranges.empty())
    return;
  auto& session = (*std::begin(all)).run()->session();
  fetched_results fetched{session, ranges};
  for (const auto& block : fetched.blocks()) {
    if constexpr (!std::is_void_v<R>)
      if constexpr (bitwise<R>)
        if (block.failures.empty() && block.layout == block_layout::fixed && block.value_size == sizeof(R)) {
          visitor.block(block.values.view(), block.count);
          continue;
        }
    for (auto task = block.first; task < block.first + block.count; ++task) {
      if (const auto* why = failure_of(block, task)) {
        visitor.failed(*why, task, run_among(all, block.run));
        continue;
      }
      std::optional<stored_result<R>> value;
      try {
        value.emplace(value_at<R>(block, task, [&](object_id object) { return session.map(object); }));
      } catch (...) {
        visitor.failed(describe_undecodable(task), task, run_among(all, block.run));
        continue;
      }
      visitor.value(std::move(*value));
    }
  }
  fetched.require_all();
}

template <class R>
struct value_collector {
  using stored = stored_result<R>;

  void value(stored v) { values.push_back(std::move(v)); }
  void block(std::span<const std::byte> bytes, std::uint64_t count) {
    const auto* first = reinterpret_cast<const stored*>(bytes.data());
    values.insert(values.end(), first, first + count);
  }
  void failed(const failure& why, std::uint64_t task, const std::shared_ptr<run_handle>& run) {
    if (raise)
      throw_failure(why, task, run.get());
  }

  bool raise = true;
  std::vector<stored> values;
};

template <class R>
struct result_collector {
  using stored = stored_result<R>;

  void value(stored v) { results.emplace_back(std::move(v)); }
  void block(std::span<const std::byte> bytes, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      alignas(stored) std::byte memory[sizeof(stored)];
      std::memcpy(memory, bytes.data() + i * sizeof(stored), sizeof(stored));
      results.emplace_back(*reinterpret_cast<const stored*>(memory));
    }
  }
  void failed(const failure& why, std::uint64_t task, const std::shared_ptr<run_handle>& run) {
    results.emplace_back(why, task, run);
  }

  std::vector<result<R>> results;
};

/// futures<R, ...> or std::vector<future<R>>.
template <class Futures>
concept several_futures = requires(const Futures& all) {
  ranges_of(all);
};

template <several_futures Futures>
using result_type_of = typename Futures::value_type::value_type;

template <class T>
concept error_choice =
    std::is_same_v<T, on_error::raise_t> || std::is_same_v<T, on_error::skip_t> || std::is_same_v<T, on_error::keep_t>;

/// All results, in order.
template <several_futures Futures, error_choice OnError>
auto gather(const Futures& all, OnError) {
  using R = result_type_of<Futures>;
  if constexpr (std::is_same_v<OnError, on_error::keep_t>) {
    result_collector<R> collected;
    collected.results.reserve(all.size());
    visit_results<R>(all, collected);
    return std::move(collected.results);
  } else {
    value_collector<R> collected;
    collected.raise = std::is_same_v<OnError, on_error::raise_t>;
    collected.values.reserve(all.size());
    visit_results<R>(all, collected);
    return std::move(collected.values);
  }
}

} // namespace internal

template <class R>
std::vector<internal::stored_result<R>> futures<R>::get() const {
  return internal::gather(*this, on_error::raise);
}

/// Waits until `how_many` of the futures have ended (default and maximum: all), for at most `timeout`. True if they
/// have.
template <class Futures>
bool wait(const Futures& all, std::optional<std::size_t> how_many = {},
          std::optional<std::chrono::nanoseconds> timeout = {}) {
  auto ranges = internal::ranges_of(all);
  if (ranges.empty())
    return true;
  internal::deadline until;
  if (timeout)
    until = internal::deadline_in(*timeout);
  auto total = internal::tasks_in(ranges);
  auto& session = (*std::begin(all)).run()->session();
  return session.await(ranges, how_many && *how_many < total ? *how_many : total, false, until).satisfied;
}

/// The futures in the order in which their tasks end: `for (auto f : as_completed(futures))`. Single pass.
template <class R>
class completion_order {
public:
  explicit completion_order(std::vector<future<R>> all) : open_{std::move(all)} {}

  class iterator {
  public:
    using value_type = future<R>;
    using difference_type = std::ptrdiff_t;

    explicit iterator(completion_order* order = nullptr) : order_{order} {}
    const future<R>& operator*() const { return order_->ready_.back(); }
    iterator& operator++() {
      order_->ready_.pop_back();
      order_->fill();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& it, std::default_sentinel_t) { return it.is_over(); }

  private:
    bool is_over() const { return order_->ready_.empty(); }

    completion_order* order_;
  };

  iterator begin() {
    fill();
    return iterator{this};
  }
  std::default_sentinel_t end() const { return {}; }

private:
  /// Waits until at least one more task has ended, and takes all that have ended by then.
  void fill() {
    if (!ready_.empty() || open_.empty())
      return;
    auto ranges = internal::ranges_of(open_);
    auto answer = open_.front().run()->session().await(ranges, 1, false, std::nullopt);
    // `ended` is in the requested order, so that one pass over both lists is sufficient.
    auto next = answer.ended.begin();
    auto has_ended = [&](const future<R>& f) {
      while (next != answer.ended.end() && next->count == 0)
        ++next;
      if (next != answer.ended.end() && next->run == f.run()->id() && next->first == f.index()) {
        ++next->first;
        --next->count;
        return true;
      }
      for (auto run : answer.unknown)
        if (run == f.run()->id())
          return true;
      return false;
    };
    std::vector<future<R>> still_open;
    std::vector<future<R>> ended;
    for (auto& f : open_)
      (has_ended(f) ? ended : still_open).push_back(std::move(f));
    open_ = std::move(still_open);
    ready_.assign(std::make_move_iterator(ended.rbegin()),
                  std::make_move_iterator(ended.rend())); // taken from the back
  }

  std::vector<future<R>> open_;
  std::vector<future<R>> ready_;
};

template <class R>
completion_order<R> as_completed(const std::vector<future<R>>& all) {
  return completion_order<R>{all};
}
template <class R, class... Es>
completion_order<R> as_completed(const futures<R, Es...>& all) {
  return completion_order<R>{{all.begin(), all.end()}};
}

} // namespace daskify
