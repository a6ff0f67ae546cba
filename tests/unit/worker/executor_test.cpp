#include "daskify/worker/executor.hpp"

#include "daskify/code/code_address.hpp"
#include "daskify/code/type_label.hpp"
#include "daskify/protocol/result_block.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <random>
#include <thread>

namespace daskify::internal {
namespace {

using namespace std::chrono_literals;

struct no_objects : object_space {
  object_bytes find(object_id object, std::uint64_t) override {
    throw data_error{error_code::unknown_object, "There is no object " + std::to_string(object.value) + " here."};
  }
  object_id put(const type_label&, std::span<const std::byte>) override {
    throw data_error{error_code::no_room, "There is no room here."};
  }
};

std::atomic<executor*> running{nullptr};
std::atomic<int> inside{0};
std::atomic<int> most_inside{0};

/// In user code, that is.
struct visit {
  visit() {
    auto now = ++inside;
    for (auto most = most_inside.load(); now > most && !most_inside.compare_exchange_weak(most, now);) {
    }
  }
  ~visit() { --inside; }
};

/// Gives each task's own index; every third task waits for a moment, or until it is cancelled.
struct own_index : task_program {
  void execute(std::uint64_t first, std::uint64_t count, result_sink& sink, task_context& context) const override {
    task_context_scope visible{context};
    for (auto i = first; i < first + count; ++i) {
      context.index = i;
      auto here = std::make_unique<visit>();
      if (i % 3 == 0) {
        here.reset();
        wait_for_a_moment(std::chrono::microseconds{i % 300});
        here = std::make_unique<visit>();
      }
      static_cast<void>(current_task_is_stopped());
      sink.value<std::uint64_t>(i);
    }
  }

  static void wait_for_a_moment(std::chrono::microseconds moment) {
    struct bell {
      std::mutex mutex;
      std::condition_variable rung;
      bool done = false;
    };
    auto b = std::make_shared<bell>();
    executor::waiting meanwhile{*running};
    meanwhile.wake_with([b] {
      std::lock_guard guard{b->mutex};
      b->done = true;
      b->rung.notify_all();
    });
    std::unique_lock lock{b->mutex};
    b->rung.wait_for(lock, moment, [&] { return b->done; });
  }

  block_layout layout() const noexcept override { return block_layout::fixed; }
  std::uint64_t value_size() const noexcept override { return sizeof(std::uint64_t); }
};

std::unique_ptr<task_program> make_own_index(decoder&, program_inputs&) {
  return std::make_unique<own_index>();
}

constexpr run_id run{1};

/// An executor with a run of own_index, and the other side of it.
class executor_test : public testing::TestWithParam<std::size_t> {
protected:
  void SetUp() override {
    most_inside = 0;
    executor::setup with;
    with.threads = GetParam();
    with.send = [this](std::vector<lease_report> reports) {
      std::lock_guard guard{mutex_};
      for (auto& r : reports)
        reports_.push_back(std::move(r));
      changed_.notify_all();
    };
    with.has_news = [this] {
      std::lock_guard guard{mutex_};
      news_ = true;
      changed_.notify_all();
    };
    work_ = std::make_unique<executor>(std::move(with), objects_);
    running = work_.get();
    work_order order;
    run_brief brief;
    brief.spec.run = run;
    brief.spec.tasks = 1'000'000;
    brief.spec.program = to_reference(reinterpret_cast<const void*>(&make_own_index));
    order.runs.push_back(brief);
    work_->accept(std::move(order));
    main_ = std::thread{[this] { work_->run(); }};
  }

  void TearDown() override {
    work_->stop();
    main_.join();
    EXPECT_LE(most_inside, static_cast<int>(GetParam())) << "more tasks at a time than it has turns";
  }

  /// What the executor has reported since the last call; waits a moment where that is nothing.
  std::vector<lease_report> next_reports() {
    work_->send_reports();
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, 20ms, [&] { return news_ || !reports_.empty(); });
    news_ = false;
    return std::exchange(reports_, {});
  }

  no_objects objects_;
  std::unique_ptr<executor> work_;
  std::thread main_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<lease_report> reports_;
  bool news_ = false;
};

TEST_P(executor_test, reports_every_task_of_every_lease_whatever_is_cancelled_or_given_back) {
  struct rest {
    std::uint64_t first;
    std::uint64_t count;
  };
  std::mt19937 random{7};
  std::map<std::uint64_t, rest> open;
  std::uint64_t leases = 0;
  std::uint64_t task = 0;
  constexpr std::uint64_t enough = 1500;
  while (leases < enough || !open.empty()) {
    if (leases < enough && open.size() < 20) {
      work_order order;
      for (auto k = 1 + random() % 3; k != 0; --k) {
        std::uint64_t count = 1 + random() % 6;
        order.leases.push_back({lease_id{++leases}, run, task, count});
        open[leases] = {task, count};
        task += count;
      }
      if (random() % 4 == 0)
        order.cancelled.push_back({run, task - 1 - random() % std::min<std::uint64_t>(task, 30), 1});
      work_->accept(std::move(order));
    }
    if (random() % 5 == 0)
      work_->give_back_waiting();
    if (random() % 20 == 0) {
      work_order order;
      order.recall = true;
      work_->accept(std::move(order));
    }
    for (const auto& r : next_reports()) {
      auto found = open.find(r.id.value);
      if (found == open.end())
        continue; // given back and closed at the same time
      auto& left = found->second;
      ASSERT_TRUE(well_formed(r.block));
      ASSERT_TRUE(r.block.count == 0 || r.block.first == left.first);
      ASSERT_LE(r.block.count, left.count);
      for (auto i = r.block.first; i < r.block.first + r.block.count; ++i)
        if (!failure_of(r.block, i)) {
          std::uint64_t value = 0;
          std::memcpy(&value, value_of(r.block, i).data(), sizeof value);
          ASSERT_EQ(value, i);
        }
      left.first += r.block.count;
      left.count -= r.block.count + (r.closed ? 0 : r.returned);
      if (r.closed)
        open.erase(found);
    }
  }
}

TEST_P(executor_test, keeps_values_in_their_places_behind_a_cancelled_beginning) {
  work_order order;
  order.cancelled.push_back({run, 0, 4});
  order.leases.push_back({lease_id{1}, run, 0, 10});
  work_->accept(std::move(order));
  std::map<std::uint64_t, std::uint64_t> values;
  for (bool closed = false; !closed;)
    for (const auto& r : next_reports()) {
      closed = closed || r.closed;
      ASSERT_TRUE(well_formed(r.block));
      for (auto i = r.block.first; i < r.block.first + r.block.count; ++i)
        if (!failure_of(r.block, i))
          std::memcpy(&values[i], value_of(r.block, i).data(), sizeof(std::uint64_t));
    }
  for (std::uint64_t i = 4; i < 10; ++i)
    EXPECT_EQ(values.at(i), i);
}

INSTANTIATE_TEST_SUITE_P(with_threads, executor_test, testing::Values(1, 3),
                         [](const auto& tested) { return std::to_string(tested.param); });

} // namespace
} // namespace daskify::internal
