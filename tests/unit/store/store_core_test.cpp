#include "daskify/store/store_core.hpp"

#include "daskify/defaults.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace daskify::internal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using testing::UnorderedElementsAre;

using told_list = std::vector<std::string>;

constexpr std::uint64_t kib = 1 << 10;
constexpr std::uint64_t mib = 1 << 20;

template <class Id>
std::string text_of(Id id) {
  return std::to_string(id.value);
}

/// Records what the core wants and answers, in words.
struct recorder : store_effects {
  void granted(request_id request, block_id block) override {
    tell("granted " + text_of(request) + ": block " + text_of(block));
    last_block = block;
  }
  void ready(request_id request, object_id object) override {
    tell("ready " + text_of(request) + ": object " + text_of(object));
  }
  void failed(request_id request, const store_problem& why) override {
    tell("failed " + text_of(request) + ": " + std::string{to_string(why.code)});
    problem = why;
  }
  void find(object_id object) override { tell("find " + text_of(object)); }
  void pull(object_id object, block_id block) override {
    tell("pull " + text_of(object) + (block ? " into " + text_of(block) : ""));
    last_block = block;
  }
  void spill(block_id block, std::uint64_t reserve, bool may_use_it) override {
    tell("spill " + text_of(block));
    last_reserve = reserve;
    last_may_use_it = may_use_it;
  }
  void load(block_id block) override { tell("load " + text_of(block)); }
  void cancel_pull(object_id object) override { tell("cancel pull " + text_of(object)); }
  void leave_memory(block_id block) override { tell("leave memory " + text_of(block)); }
  void forget(block_id block) override { tell("forget " + text_of(block)); }
  void dropped(object_id object) override { tell("dropped " + text_of(object)); }

  void tell(std::string what) { told.push_back(std::move(what)); }

  told_list told;
  block_id last_block;
  store_problem problem;
  std::uint64_t last_reserve = 0;
  bool last_may_use_it = false;
};

/// The way to a core for one event, after which its books are checked.
class checked {
public:
  explicit checked(store_core& core) : core_{core} {}
  checked(const checked&) = delete;
  checked& operator=(const checked&) = delete;
  ~checked() { EXPECT_NO_THROW(core_.check_invariants()); }
  store_core* operator->() { return &core_; }

private:
  store_core& core_;
};

/// A store of 100 MiB.
struct store : testing::Test {
  recorder seen;
  std::unique_ptr<store_core> core = std::make_unique<store_core>(seen, 100 * mib, true);

  static constexpr owner_id ann{1};
  static constexpr owner_id bob{2};
  static constexpr object_id one{1};
  static constexpr object_id two{2};
  static constexpr object_id three{3};
  static constexpr request_id ask{1001};
  static constexpr request_id ask2{1002};
  static constexpr request_id ask3{1003};

  void TearDown() override {
    EXPECT_THAT(seen.told, IsEmpty());
    core->check_invariants();
  }

  void cannot_spill() { core = std::make_unique<store_core>(seen, 100 * mib, false); }
  checked event() { return checked{*core}; }
  told_list told() { return std::exchange(seen.told, {}); }

  std::uint64_t memory() const { return core->count().memory / mib; }
  std::uint64_t in_use() const { return core->count().in_use / mib; }
  std::uint64_t disk() const { return core->count().disk / mib; }

  /// A block that is being written.
  block_id opened(std::uint64_t bytes, owner_id writer = ann) {
    event()->reserve(request_id{++last_request}, bytes, writer);
    EXPECT_THAT(told(), ElementsAre(StartsWith("granted ")));
    return seen.last_block;
  }
  /// Objects that were written here.
  block_id written(std::uint64_t bytes, const std::vector<object_id>& objects) {
    auto block = opened(bytes);
    for (auto object : objects)
      EXPECT_TRUE(event()->put(block, object));
    event()->close(block);
    EXPECT_THAT(told(), IsEmpty());
    return block;
  }
  /// An object that is on its way from another node.
  block_id arriving(std::uint64_t bytes, object_id object, request_id request, std::optional<owner_id> user = {}) {
    event()->want(request, object, user);
    EXPECT_THAT(told(), ElementsAre("find " + text_of(object)));
    event()->found(object, bytes);
    EXPECT_THAT(told(), ElementsAre(StartsWith("pull " + text_of(object))));
    return seen.last_block;
  }
  /// A copy of an object that another node keeps.
  block_id copied(std::uint64_t bytes, object_id object) {
    auto block = arriving(bytes, object, request_id{++last_request});
    event()->arrived(object, block);
    EXPECT_THAT(told(), ElementsAre(StartsWith("ready ")));
    return block;
  }
  /// An object in use.
  void pin(object_id object, owner_id user) {
    event()->want(request_id{++last_request}, object, user);
    EXPECT_THAT(told(), ElementsAre(StartsWith("ready ")));
  }
  /// Objects that were written here, and are on disk now.
  block_id on_disk(std::uint64_t bytes, const std::vector<object_id>& objects) {
    auto block = written(bytes, objects);
    auto rest = opened(100 * mib - core->count().memory);
    event()->reserve(request_id{++last_request}, mib, ann);
    EXPECT_THAT(told(), ElementsAre("spill " + text_of(block)));
    event()->spilled(block);
    EXPECT_THAT(told(), ElementsAre("leave memory " + text_of(block), StartsWith("granted ")));
    auto extra = seen.last_block;
    event()->close(rest);
    event()->close(extra);
    EXPECT_THAT(told(), UnorderedElementsAre("forget " + text_of(rest), "forget " + text_of(extra)));
    return block;
  }

  std::uint64_t last_request = 0;
};

// -- writing ------------------------------------------------------------------------------------------------

TEST_F(store, grants_a_block_and_keeps_what_is_put_into_it) {
  event()->reserve(ask, 60 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("granted 1001: block 1"));
  EXPECT_EQ(in_use(), 60U);
  EXPECT_TRUE(event()->put(block_id{1}, one));
  event()->close(block_id{1});
  EXPECT_TRUE(core->has(one));
  EXPECT_TRUE(core->is_in_memory(one));
  EXPECT_EQ(memory(), 60U);
  EXPECT_EQ(in_use(), 0U);
  EXPECT_FALSE(core->has(two));
  EXPECT_FALSE(core->is_in_memory(two));
}

TEST_F(store, forgets_a_block_that_is_closed_without_an_object) {
  auto block = opened(60 * mib);
  event()->close(block);
  EXPECT_THAT(told(), ElementsAre("forget 1"));
  EXPECT_EQ(memory(), 0U);
  event()->close(block);
}

TEST_F(store, puts_nothing_into_a_block_that_is_not_open) {
  EXPECT_FALSE(event()->put(block_id{5}, one)) << "never was";
  auto gone = opened(mib);
  event()->close(gone);
  told();
  EXPECT_FALSE(event()->put(gone, one)) << "was forgotten";
  auto closed = written(mib, {two});
  EXPECT_FALSE(event()->put(closed, one)) << "may be on its way to disk";
  pin(two, ann);
  event()->free(two);
  told();
  EXPECT_FALSE(event()->put(closed, one)) << "only a pin holds it";
  EXPECT_FALSE(core->has(one));
}

TEST_F(store, puts_no_object_that_is_here_or_on_its_way) {
  written(mib, {one});
  arriving(mib, two, ask);
  auto block = opened(mib);
  EXPECT_FALSE(event()->put(block, one));
  EXPECT_FALSE(event()->put(block, two));
  event()->close(block);
  EXPECT_THAT(told(), ElementsAre("forget " + text_of(block)));
}

TEST_F(store, lets_an_object_be_read_while_its_block_is_still_open) {
  auto block = opened(mib);
  event()->put(block, one);
  event()->want(ask, one, bob);
  EXPECT_THAT(told(), ElementsAre("ready 1001: object 1"));
  event()->close(block);
  EXPECT_EQ(in_use(), 1U);
  event()->unpin(one, bob);
  EXPECT_EQ(in_use(), 0U);
}

TEST_F(store, answers_who_asked_for_an_object_before_it_was_put_when_the_directory_does) {
  for (bool known : {true, false}) {
    auto block = opened(mib);
    event()->want(ask, one, bob);
    EXPECT_THAT(told(), ElementsAre("find 1"));
    EXPECT_TRUE(event()->put(block, one));
    EXPECT_FALSE(event()->put(block, one));
    EXPECT_THAT(told(), IsEmpty()) << "whoever put it may not have filed it yet";
    if (known)
      event()->found(one, mib);
    else
      event()->not_found(one, {error_code::unknown_object, "it came later"});
    EXPECT_THAT(told(), ElementsAre("ready 1001: object 1"));
    event()->not_found(one, {error_code::unknown_object, "told twice"});
    event()->close(block);
    EXPECT_EQ(in_use(), 1U);
    event()->unpin(one, bob);
    EXPECT_TRUE(core->is_in_memory(one));
    event()->free(one);
    EXPECT_THAT(told(), ElementsAre("forget " + text_of(block)));
  }
}

TEST_F(store, answers_who_asked_for_an_object_before_it_was_put_when_another_asks_afterwards) {
  event()->want(ask, one, bob);
  EXPECT_THAT(told(), ElementsAre("find 1"));
  written(mib, {one});
  event()->want(ask2, one, ann);
  EXPECT_THAT(told(), ElementsAre("ready 1001: object 1", "ready 1002: object 1"));
  event()->not_found(one, {error_code::unknown_object, "it came later"});
  EXPECT_TRUE(core->has(one));
}

TEST_F(store, loads_for_who_asked_for_an_object_before_it_was_put_and_spilled) {
  event()->want(ask, one, bob);
  EXPECT_THAT(told(), ElementsAre("find 1"));
  auto block = on_disk(60 * mib, {one});
  event()->not_found(one, {error_code::unknown_object, "it came later"});
  EXPECT_THAT(told(), ElementsAre("load " + text_of(block)));
  event()->loaded(block);
  EXPECT_THAT(told(), ElementsAre("ready 1001: object 1"));
}

TEST_F(store, fails_who_asked_for_an_object_that_was_put_and_freed_before_the_directory_answered) {
  event()->want(ask, one, bob);
  EXPECT_THAT(told(), ElementsAre("find 1"));
  auto block = written(mib, {one});
  event()->free(one);
  EXPECT_THAT(told(), ElementsAre("failed 1001: unknown_object", "forget " + text_of(block)));
  event()->found(one, mib);
  EXPECT_FALSE(core->has(one));
}

TEST_F(store, leaves_memory_of_an_open_block_alone) {
  auto block = opened(60 * mib);
  event()->put(block, one);
  event()->reserve(ask, 60 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("failed 1001: no_room"));
  EXPECT_EQ(in_use(), 60U);
}

// -- pins ---------------------------------------------------------------------------------------------------

TEST_F(store, gives_what_is_in_memory_at_once_and_keeps_it_there_until_all_pins_are_gone) {
  auto block = written(60 * mib, {one});
  pin(one, ann);
  pin(one, ann);
  pin(one, bob);
  for (auto user : {ann, ann, bob}) {
    event()->reserve(ask, 60 * mib, bob);
    EXPECT_THAT(told(), ElementsAre("failed 1001: no_room"));
    event()->unpin(one, user);
  }
  event()->reserve(ask, 60 * mib, bob);
  EXPECT_THAT(told(), ElementsAre("spill " + text_of(block)));
}

TEST_F(store, says_whether_what_is_in_the_way_may_be_let_go_of_soon) {
  constexpr owner_id client = client_owner;
  constexpr owner_id worker{77};
  auto may_pass = [&](std::uint64_t bytes, owner_id asker) {
    event()->reserve(ask, bytes, asker);
    EXPECT_THAT(told(), ElementsAre("failed 1001: no_room"));
    return seen.problem.may_pass;
  };
  written(30 * mib, {one});
  written(30 * mib, {two});
  pin(one, worker);
  pin(two, client);
  EXPECT_TRUE(may_pass(60 * mib, client)) << "the worker may have ended its task";
  EXPECT_FALSE(may_pass(80 * mib, client)) << "the program itself looks at it";
  EXPECT_TRUE(may_pass(80 * mib, worker)) << "the program may only gather";
  EXPECT_FALSE(may_pass(101 * mib, worker)) << "never";
  pin(one, client);
  EXPECT_FALSE(may_pass(60 * mib, client));
  event()->unpin(one, client);
  auto open = opened(30 * mib);
  EXPECT_FALSE(may_pass(60 * mib, client)) << "somebody writes";
  event()->close(open);
  EXPECT_THAT(told(), ElementsAre("forget " + text_of(open)));
  event()->unpin(one, worker);
  event()->reserve(ask, 60 * mib, client);
  EXPECT_THAT(told(), ElementsAre("spill 1"));
  event()->spilled(block_id{1});
  EXPECT_THAT(told(), ElementsAre("leave memory 1", StartsWith("granted")));
}

TEST_F(store, does_not_blame_those_who_use_something_for_a_disk_that_fails) {
  written(60 * mib, {one});
  written(20 * mib, {two});
  pin(two, owner_id{77});
  event()->reserve(ask, 60 * mib, client_owner);
  EXPECT_THAT(told(), ElementsAre("spill 1"));
  event()->spill_failed(block_id{1}, "the disk is full");
  EXPECT_THAT(told(), ElementsAre("failed 1001: no_room"));
  EXPECT_FALSE(seen.problem.may_pass);
}

TEST_F(store, says_that_what_can_not_leave_memory_stays_in_the_way_also_when_it_is_let_go_of) {
  cannot_spill();
  written(60 * mib, {one});
  pin(one, owner_id{77});
  event()->reserve(ask, 60 * mib, client_owner);
  EXPECT_THAT(told(), ElementsAre("failed 1001: no_room"));
  EXPECT_FALSE(seen.problem.may_pass);
  event()->free(one);
  event()->reserve(ask, 60 * mib, client_owner);
  EXPECT_THAT(told(), ElementsAre("forget 1", "failed 1001: no_room"));
  EXPECT_TRUE(seen.problem.may_pass) << "only the pin holds it";
}

TEST_F(store, ignores_an_unpin_of_what_is_not_pinned) {
  written(mib, {one, two});
  pin(one, ann);
  event()->unpin(one, bob);
  event()->unpin(two, ann);
  event()->unpin(three, ann);
  EXPECT_EQ(in_use(), 1U);
  event()->unpin(one, ann);
  event()->unpin(one, ann);
  EXPECT_EQ(in_use(), 0U);
}

TEST_F(store, pins_nothing_for_one_who_needs_no_memory_kept) {
  auto block = written(60 * mib, {one});
  event()->want(ask, one, {});
  EXPECT_THAT(told(), ElementsAre("ready 1001: object 1"));
  EXPECT_EQ(in_use(), 0U);
  event()->reserve(ask2, 60 * mib, bob);
  EXPECT_THAT(told(), ElementsAre("spill " + text_of(block)));
}

// -- what leaves memory -------------------------------------------------------------------------------------

TEST_F(store, spills_what_was_written_first_and_not_more_than_needed) {
  written(30 * mib, {one});
  written(30 * mib, {two});
  written(30 * mib, {three});
  event()->reserve(ask, 35 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 1"));
  EXPECT_TRUE(core->is_in_memory(one)) << "until it has left";
  event()->spilled(block_id{1});
  EXPECT_THAT(told(), ElementsAre("leave memory 1", "granted 1001: block 4"));
  EXPECT_FALSE(core->is_in_memory(one));
  EXPECT_TRUE(core->has(one));
  EXPECT_EQ(memory(), 95U);
  EXPECT_EQ(disk(), 30U);
}

TEST_F(store, spills_as_many_blocks_as_one_request_needs_at_once) {
  written(30 * mib, {one});
  written(30 * mib, {two});
  written(30 * mib, {three});
  event()->reserve(ask, 50 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 1", "spill 2"));
  event()->spilled(block_id{2});
  EXPECT_THAT(told(), ElementsAre("leave memory 2"));
  event()->spilled(block_id{1});
  EXPECT_THAT(told(), ElementsAre("leave memory 1", "granted 1001: block 4"));
}

TEST_F(store, lets_the_block_go_first_that_was_read_longest_ago) {
  for (auto object : {one, two, three})
    written(30 * mib, {object});
  pin(one, ann);
  event()->unpin(one, ann);
  event()->reserve(ask, 30 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 2"));
}

TEST_F(store, counts_a_read_without_a_pin_as_use) {
  for (auto object : {one, two, three})
    written(30 * mib, {object});
  event()->want(ask, one, {});
  EXPECT_THAT(told(), ElementsAre("ready 1001: object 1"));
  event()->reserve(ask2, 30 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 2"));
}

TEST_F(store, counts_what_a_user_that_left_had_pinned_as_used_until_then) {
  written(30 * mib, {one});
  pin(one, bob);
  written(30 * mib, {two});
  written(30 * mib, {three});
  event()->user_left(bob);
  event()->reserve(ask, 30 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 2"));
}

TEST_F(store, counts_the_time_without_use_from_the_end_of_use) {
  for (auto object : {one, two, three})
    written(30 * mib, {object});
  pin(one, ann);
  pin(two, ann);
  pin(three, ann);
  event()->unpin(two, ann);
  event()->unpin(three, ann);
  event()->unpin(one, ann);
  event()->reserve(ask, 30 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 2"));
}

TEST_F(store, takes_what_was_just_written_for_just_used) {
  written(30 * mib, {one});
  auto open = opened(30 * mib);
  event()->put(open, two);
  event()->want(ask, one, {});
  EXPECT_THAT(told(), ElementsAre("ready 1001: object 1"));
  event()->close(open);
  event()->reserve(ask, 60 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 1"));
}

TEST_F(store, drops_copies_before_it_spills_what_only_this_node_keeps) {
  written(30 * mib, {one});
  copied(30 * mib, two);
  copied(30 * mib, three);
  event()->reserve(ask, 35 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("dropped 2", "forget 2", "granted 1001: block 4"));
  EXPECT_FALSE(core->has(two));
  EXPECT_TRUE(core->has(three));
  event()->close(seen.last_block);
  event()->reserve(ask2, 100 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("forget 4", "dropped 3", "forget 3", "spill 1"));
  event()->spilled(block_id{1});
  EXPECT_THAT(told(), ElementsAre("leave memory 1", "granted 1002: block 5"));
}

TEST_F(store, spills_a_copy_that_this_node_has_to_keep_from_now_on) {
  copied(30 * mib, one);
  copied(30 * mib, two);
  event()->keep(one);
  event()->keep(one);
  event()->keep(three);
  event()->reserve(ask, 100 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("dropped 2", "forget 2", "spill 1"));
}

TEST_F(store, keeps_an_object_that_it_was_told_to_keep_while_it_arrived) {
  auto block = arriving(30 * mib, one, ask);
  event()->keep(one);
  event()->arrived(one, block);
  EXPECT_THAT(told(), ElementsAre("ready 1001: object 1"));
  event()->reserve(ask2, 100 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 1"));
}

TEST_F(store, does_not_write_a_block_to_disk_twice) {
  auto block = on_disk(60 * mib, {one});
  event()->want(ask, one, {});
  EXPECT_THAT(told(), ElementsAre("load " + text_of(block)));
  EXPECT_FALSE(core->is_in_memory(one)) << "not before it has been read";
  EXPECT_EQ(in_use(), 60U);
  event()->loaded(block);
  EXPECT_THAT(told(), ElementsAre("ready 1001: object 1"));
  EXPECT_TRUE(core->is_in_memory(one));
  EXPECT_EQ(disk(), 0U);
  event()->reserve(ask2, 60 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("leave memory " + text_of(block), StartsWith("granted 1002")));
}

TEST_F(store, evicts_nothing_for_a_request_that_can_not_be_met_anyway) {
  written(20 * mib, {one});
  copied(20 * mib, two);
  opened(40 * mib);
  event()->reserve(ask, 70 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("failed 1001: no_room"));
  EXPECT_TRUE(core->is_in_memory(one));
  EXPECT_TRUE(core->is_in_memory(two));
}

// -- requests that wait -------------------------------------------------------------------------------------

TEST_F(store, refuses_what_does_not_fit_with_the_figures) {
  written(30 * mib, {one});
  opened(40 * mib);
  event()->reserve(ask, 70 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("failed 1001: no_room"));
  EXPECT_EQ(seen.problem.text,
            "70.0 MiB do not fit into the store of this node: of its limit of 100.0 MiB, 70.0 MiB are "
            "taken, 40.0 MiB of them by running tasks, views and data on their way; release data, let "
            "tasks use less at a time, or raise store_limit");
}

TEST_F(store, refuses_more_than_the_limit_at_once_even_when_empty) {
  for (auto bytes : {100 * mib + 1, UINT64_MAX}) {
    event()->reserve(ask, bytes, ann);
    EXPECT_THAT(told(), ElementsAre("failed 1001: no_room"));
  }
  event()->want(ask2, one, ann);
  event()->found(one, 101 * mib);
  EXPECT_THAT(told(), ElementsAre("find 1", "failed 1002: no_room", "dropped 1"));
  event()->reserve(ask, 100 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("granted 1001: block 1")) << "but exactly the limit fits";
}

TEST_F(store, refuses_what_can_not_be_spilled_when_there_is_no_folder) {
  cannot_spill();
  written(60 * mib, {one});
  event()->reserve(ask, 60 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("failed 1001: no_room"));
  EXPECT_THAT(seen.problem.text, HasSubstr("there is no folder to spill to (spill_directory)"));
  event()->free(one);
  told();
  auto copy = copied(60 * mib, two);
  event()->reserve(ask, 60 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("dropped 2", "forget " + text_of(copy), StartsWith("granted 1001")));
}

TEST_F(store, serves_several_requests_that_waited_for_one_spill_in_their_order) {
  written(60 * mib, {one});
  opened(40 * mib);
  event()->reserve(ask, 20 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 1"));
  event()->reserve(ask2, 20 * mib, bob);
  event()->want(ask3, two, bob);
  event()->found(two, 20 * mib);
  EXPECT_THAT(told(), ElementsAre("find 2"));
  event()->spilled(block_id{1});
  EXPECT_THAT(told(), ElementsAre("leave memory 1", "granted 1001: block 3", "granted 1002: block 4", "pull 2 into 5"));
  EXPECT_EQ(memory(), 100U);
}

TEST_F(store, lets_a_small_request_not_overtake_a_large_one) {
  written(60 * mib, {one});
  opened(30 * mib);
  event()->reserve(ask, 20 * mib, ann);
  event()->reserve(ask2, 5 * mib, bob);
  EXPECT_THAT(told(), ElementsAre("spill 1"));
  event()->spilled(block_id{1});
  EXPECT_THAT(told(), ElementsAre("leave memory 1", "granted 1001: block 3", "granted 1002: block 4"));
}

TEST_F(store, spills_more_when_one_behind_needs_more) {
  written(30 * mib, {one});
  written(30 * mib, {two});
  opened(40 * mib);
  event()->reserve(ask, 20 * mib, ann);
  event()->reserve(ask2, 20 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 1"));
  event()->spilled(block_id{1});
  EXPECT_THAT(told(), ElementsAre("leave memory 1", "granted 1001: block 4", "spill 2"));
  event()->spilled(block_id{2});
  EXPECT_THAT(told(), ElementsAre("leave memory 2", "granted 1002: block 5"));
}

TEST_F(store, refuses_a_request_behind_which_another_fits) {
  written(60 * mib, {one});
  opened(30 * mib);
  event()->reserve(ask, 60 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 1"));
  event()->reserve(ask2, 101 * mib, ann);
  event()->reserve(ask3, 5 * mib, ann);
  event()->spilled(block_id{1});
  EXPECT_THAT(told(),
              ElementsAre("leave memory 1", "granted 1001: block 3", "failed 1002: no_room", "granted 1003: block 4"));
}

TEST_F(store, looks_for_other_room_when_what_it_spills_has_come_into_use) {
  written(60 * mib, {one});
  opened(10 * mib);
  written(30 * mib, {two});
  event()->reserve(ask, 25 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 1"));
  pin(one, bob);
  event()->spilled(block_id{1});
  EXPECT_THAT(told(), ElementsAre("spill 3"));
  event()->spilled(block_id{3});
  EXPECT_THAT(told(), ElementsAre("leave memory 3", "granted 1001: block 4"));
  EXPECT_TRUE(core->is_in_memory(one));
}

TEST_F(store, waits_for_what_is_being_loaded_instead_of_refusing) {
  auto first = on_disk(60 * mib, {one});
  auto second = on_disk(60 * mib, {two});
  event()->want(ask, one, {});
  EXPECT_THAT(told(), ElementsAre("load " + text_of(first)));
  event()->want(ask2, two, {});
  EXPECT_THAT(told(), IsEmpty()) << "the first will be there soon, and unused";
  event()->loaded(first);
  EXPECT_THAT(told(), ElementsAre("ready 1001: object 1", "leave memory " + text_of(first), "load " + text_of(second)));
  event()->loaded(second);
  EXPECT_THAT(told(), ElementsAre("ready 1002: object 2"));
}

TEST_F(store, refuses_when_what_was_being_loaded_is_in_use_then) {
  auto first = on_disk(60 * mib, {one});
  on_disk(60 * mib, {two});
  event()->want(ask, one, ann);
  event()->want(ask2, two, bob);
  EXPECT_THAT(told(), ElementsAre("load " + text_of(first)));
  event()->loaded(first);
  EXPECT_THAT(told(), ElementsAre("ready 1001: object 1", "failed 1002: no_room"));
  EXPECT_TRUE(core->has(two)) << "it can be asked for again";
}

TEST_F(store, does_not_wait_for_what_is_arriving) {
  arriving(60 * mib, one, ask);
  event()->reserve(ask2, 60 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("failed 1002: no_room"));
}

// -- spilling fails -----------------------------------------------------------------------------------------

TEST_F(store, refuses_with_the_reason_when_spilling_fails_and_tries_once_for_each_request) {
  written(60 * mib, {one});
  event()->reserve(ask, 60 * mib, ann);
  event()->reserve(ask2, 60 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 1"));
  event()->spill_failed(block_id{1}, "the disk is full");
  EXPECT_THAT(told(), ElementsAre("failed 1001: no_room", "spill 1"));
  EXPECT_THAT(seen.problem.text, HasSubstr("spilling to disk failed: the disk is full"));
  event()->spill_failed(block_id{1}, "the disk is full");
  EXPECT_THAT(told(), ElementsAre("failed 1002: no_room"));
  EXPECT_TRUE(core->is_in_memory(one)) << "nothing is lost";
  event()->reserve(ask3, 60 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 1"));
  event()->spilled(block_id{1});
  EXPECT_THAT(told(), ElementsAre("leave memory 1", "granted 1003: block 2"));
}

TEST_F(store, refuses_nobody_when_there_is_room_although_spilling_failed) {
  written(60 * mib, {one});
  auto rest = opened(40 * mib);
  event()->reserve(ask, 20 * mib, ann);
  event()->close(rest);
  EXPECT_THAT(told(), ElementsAre("spill 1", "forget 2", "granted 1001: block 3"));
  event()->spill_failed(block_id{1}, "the disk is full");
}

TEST_F(store, drops_a_copy_that_has_become_unused_when_spilling_failed) {
  written(40 * mib, {one});
  copied(40 * mib, two);
  pin(two, bob);
  event()->reserve(ask, 50 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 1"));
  event()->unpin(two, bob);
  event()->spill_failed(block_id{1}, "the disk is full");
  EXPECT_THAT(told(), ElementsAre("dropped 2", "forget 2", "granted 1001: block 3"));
}

TEST_F(store, waits_for_another_spill_that_is_enough_when_one_failed) {
  written(30 * mib, {one});
  written(30 * mib, {two});
  auto rest = opened(30 * mib);
  event()->reserve(ask, 60 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 1", "spill 2"));
  event()->close(rest);
  EXPECT_THAT(told(), ElementsAre("forget 3"));
  event()->spill_failed(block_id{1}, "the disk is full");
  EXPECT_THAT(told(), IsEmpty());
  event()->spilled(block_id{2});
  EXPECT_THAT(told(), ElementsAre("leave memory 2", "granted 1001: block 4"));
}

TEST_F(store, refuses_once_when_two_spills_for_one_request_fail) {
  written(30 * mib, {one});
  written(30 * mib, {two});
  opened(30 * mib);
  event()->reserve(ask, 60 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 1", "spill 2"));
  event()->spill_failed(block_id{2}, "the disk is full");
  EXPECT_THAT(told(), ElementsAre("failed 1001: no_room"));
  event()->spill_failed(block_id{1}, "the disk is full");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(store, ends_when_every_spill_fails_however_many_wait) {
  for (std::uint64_t i = 1; i <= 10; ++i)
    written(10 * mib, {object_id{i}});
  for (std::uint64_t i = 1; i <= 50; ++i)
    event()->reserve(request_id{5000 + i}, 35 * mib, ann);
  std::size_t refused = 0;
  std::size_t spills = 0;
  std::vector<std::string> under_way;
  while (true) {
    for (const auto& what : told())
      if (what.starts_with("spill "))
        under_way.push_back(what);
      else
        refused += what.starts_with("failed ");
    if (under_way.empty())
      break;
    ++spills;
    block_id block{std::stoull(under_way.back().substr(6))};
    under_way.pop_back();
    event()->spill_failed(block, "the disk is full");
    ASSERT_LT(spills, 500U);
  }
  EXPECT_EQ(refused, 50U);
  EXPECT_EQ(memory(), 100U);
}

// -- reading from disk --------------------------------------------------------------------------------------

TEST_F(store, loads_a_block_once_for_all_who_want_its_objects) {
  auto block = on_disk(60 * mib, {one, two});
  event()->want(ask, one, ann);
  event()->want(ask2, two, bob);
  event()->want(ask3, one, bob);
  EXPECT_THAT(told(), ElementsAre("load " + text_of(block)));
  event()->loaded(block);
  EXPECT_THAT(told(), ElementsAre("ready 1001: object 1", "ready 1003: object 1", "ready 1002: object 2"));
  event()->unpin(one, ann);
  event()->unpin(one, bob);
  EXPECT_EQ(in_use(), 60U);
  event()->unpin(two, bob);
  EXPECT_EQ(in_use(), 0U);
}

TEST_F(store, queues_one_load_for_all_who_want_a_block_that_has_no_room_yet) {
  auto block = on_disk(60 * mib, {one, two});
  auto other = written(60 * mib, {three});
  event()->want(ask, one, ann);
  event()->want(ask2, two, bob);
  EXPECT_THAT(told(), ElementsAre("spill " + text_of(other)));
  event()->spilled(other);
  EXPECT_THAT(told(), ElementsAre("leave memory " + text_of(other), "load " + text_of(block)));
  event()->loaded(block);
  EXPECT_THAT(told(), ElementsAre("ready 1001: object 1", "ready 1002: object 2"));
}

TEST_F(store, refuses_a_load_that_has_no_room_and_keeps_what_is_on_disk) {
  auto block = on_disk(60 * mib, {one, two});
  auto rest = opened(60 * mib);
  event()->want(ask, one, ann);
  EXPECT_THAT(told(), ElementsAre("failed 1001: no_room"));
  event()->close(rest);
  event()->want(ask2, one, ann);
  EXPECT_THAT(told(), ElementsAre("forget " + text_of(rest), "load " + text_of(block)));
}

TEST_F(store, loses_what_can_not_be_read_from_disk_and_says_so) {
  auto block = on_disk(60 * mib, {one, two});
  event()->want(ask, one, ann);
  event()->want(ask2, two, {});
  told();
  event()->load_failed(block, {error_code::object_lost, "the disk damaged it"});
  EXPECT_THAT(told(), ElementsAre("dropped 1", "find 1", "dropped 2", "find 2", "forget " + text_of(block)))
      << "another node may have it";
  EXPECT_FALSE(core->has(one));
  EXPECT_EQ(memory() + disk(), 0U);
  event()->not_found(one, {error_code::object_lost, "nobody has it"});
  event()->not_found(two, {error_code::object_lost, "nobody has it"});
  EXPECT_THAT(told(), ElementsAre("failed 1001: object_lost", "failed 1002: object_lost"));
}

TEST_F(store, keeps_on_disk_what_can_not_be_read_just_now) {
  auto block = on_disk(60 * mib, {one, two});
  event()->want(ask, one, ann);
  told();
  event()->load_failed(block, {error_code::no_room, "the machine is short of memory"});
  EXPECT_THAT(told(), ElementsAre("failed 1001: no_room"));
  EXPECT_TRUE(core->has(one));
  EXPECT_EQ(memory(), 0U);
  event()->want(ask2, one, ann);
  EXPECT_THAT(told(), ElementsAre("load " + text_of(block)));
  event()->loaded(block);
  EXPECT_THAT(told(), ElementsAre("ready 1002: object 1"));
}

TEST_F(store, gives_an_object_that_is_being_spilled_at_once_and_keeps_it_in_memory) {
  written(60 * mib, {one});
  event()->reserve(ask, 60 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 1"));
  event()->want(ask2, one, bob);
  EXPECT_THAT(told(), ElementsAre("ready 1002: object 1"));
  event()->spilled(block_id{1});
  EXPECT_THAT(told(), ElementsAre("failed 1001: no_room"));
  EXPECT_TRUE(core->is_in_memory(one));
  event()->unpin(one, bob);
  event()->reserve(ask3, 60 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("leave memory 1", "granted 1003: block 2")) << "it is on disk already";
}

TEST_F(store, lets_a_block_go_whose_use_began_and_ended_while_it_was_spilled) {
  written(60 * mib, {one});
  event()->reserve(ask, 60 * mib, ann);
  event()->want(ask2, one, bob);
  event()->unpin(one, bob);
  EXPECT_THAT(told(), ElementsAre("spill 1", "ready 1002: object 1"));
  event()->spilled(block_id{1});
  EXPECT_THAT(told(), ElementsAre("leave memory 1", "granted 1001: block 2"));
}

TEST_F(store, keeps_the_place_of_a_reader_that_asks_again_while_room_is_made) {
  auto block = on_disk(60 * mib, {one});
  auto other = written(60 * mib, {two});
  event()->want(ask, one, bob);
  EXPECT_THAT(told(), ElementsAre("spill " + text_of(other)));
  event()->reserve(ask2, 60 * mib, ann);
  event()->stop_waiting(ask, one);
  EXPECT_THAT(told(), IsEmpty()) << "a writer overtakes";
  event()->want(ask3, one, bob);
  event()->spilled(other);
  EXPECT_THAT(told(), ElementsAre("leave memory " + text_of(other), "load " + text_of(block)));
  event()->loaded(block);
  EXPECT_THAT(told(), ElementsAre("ready 1003: object 1", "failed 1002: no_room"));
}

TEST_F(store, keeps_the_place_of_a_pull_that_is_asked_for_again_while_room_is_made) {
  written(60 * mib, {one});
  event()->want(ask, two, bob);
  event()->found(two, 60 * mib);
  EXPECT_THAT(told(), ElementsAre("find 2", "spill 1"));
  event()->reserve(ask2, 60 * mib, ann);
  event()->stop_waiting(ask, two);
  event()->want(ask3, two, bob);
  event()->spilled(block_id{1});
  EXPECT_THAT(told(), ElementsAre("leave memory 1", "pull 2 into 2", "failed 1002: no_room"));
}

TEST_F(store, serves_a_reader_in_its_turn_however_often_it_asks_again_among_writers) {
  auto block = on_disk(40 * mib, {one});
  std::uint64_t objects = 100;
  std::vector<block_id> spills;
  std::size_t ended = 0;
  bool loads = false;
  auto go_on = [&] {
    while (!seen.told.empty())
      for (const auto& what : told())
        if (what.starts_with("spill ")) {
          spills.push_back(block_id{std::stoull(what.substr(6))});
        } else if (what.starts_with("granted ")) {
          block_id granted{std::stoull(what.substr(what.rfind(' ')))};
          event()->put(granted, object_id{++objects});
          event()->close(granted);
        } else {
          loads = loads || what == "load " + text_of(block);
        }
  };
  for (int i = 0; i < 2; ++i) {
    event()->reserve(request_id{++last_request}, 40 * mib, ann);
    go_on();
  }
  request_id asked{++last_request};
  event()->want(asked, one, bob);
  int rounds = 0;
  for (; rounds < 20 && !loads; ++rounds) {
    event()->reserve(request_id{++last_request}, 40 * mib, ann);
    event()->stop_waiting(asked, one);
    asked = request_id{++last_request};
    event()->want(asked, one, bob);
    go_on();
    if (ended < spills.size())
      event()->spilled(spills[ended++]);
    go_on();
  }
  EXPECT_LE(rounds, 2);
  while (ended < spills.size()) {
    event()->spilled(spills[ended++]);
    go_on();
  }
  event()->loaded(block);
  go_on();
}

// -- pulling ------------------------------------------------------------------------------------------------

TEST_F(store, pulls_an_object_once_for_all_who_want_it) {
  event()->want(ask, one, ann);
  event()->want(ask2, one, {});
  EXPECT_THAT(told(), ElementsAre("find 1"));
  event()->found(one, 60 * mib);
  EXPECT_THAT(told(), ElementsAre("pull 1 into 1"));
  event()->want(ask3, one, bob);
  EXPECT_EQ(in_use(), 60U);
  EXPECT_FALSE(core->has(one));
  event()->arrived(one, block_id{1});
  EXPECT_THAT(told(), ElementsAre("ready 1001: object 1", "ready 1002: object 1", "ready 1003: object 1"));
  EXPECT_TRUE(core->is_in_memory(one));
  event()->unpin(one, ann);
  event()->unpin(one, bob);
  EXPECT_EQ(in_use(), 0U);
}

TEST_F(store, passes_on_why_an_object_was_not_found) {
  event()->want(ask, one, ann);
  event()->want(ask2, one, {});
  event()->not_found(one, {error_code::object_lost, "gone"});
  EXPECT_THAT(told(), ElementsAre("find 1", "failed 1001: object_lost", "failed 1002: object_lost"));
  EXPECT_EQ(seen.problem.text, "gone");
  event()->want(ask3, one, ann);
  EXPECT_THAT(told(), ElementsAre("find 1"));
}

TEST_F(store, passes_on_why_a_pull_failed) {
  auto block = arriving(60 * mib, one, ask, ann);
  event()->pull_failed(one, {error_code::object_lost, "gone"});
  EXPECT_THAT(told(), ElementsAre("failed 1001: object_lost", "forget " + text_of(block), "dropped 1"));
  EXPECT_EQ(memory(), 0U);
  event()->want(ask2, one, ann);
  EXPECT_THAT(told(), ElementsAre("find 1"));
}

TEST_F(store, makes_room_for_what_is_to_be_pulled_and_refuses_when_there_is_none) {
  written(60 * mib, {one});
  event()->want(ask, two, ann);
  event()->found(two, 60 * mib);
  EXPECT_THAT(told(), ElementsAre("find 2", "spill 1"));
  event()->spilled(block_id{1});
  EXPECT_THAT(told(), ElementsAre("leave memory 1", "pull 2 into 2"));
  event()->want(ask2, three, ann);
  event()->found(three, 60 * mib);
  EXPECT_THAT(told(), ElementsAre("find 3", "failed 1002: no_room", "dropped 3"));
}

TEST_F(store, pulls_small_objects_without_a_block_into_one_that_they_share) {
  auto shared = opened(mib, bob);
  event()->want(ask, one, ann);
  event()->found(one, tuning::small_object);
  event()->want(ask2, two, {});
  event()->found(two, 0);
  EXPECT_THAT(told(), ElementsAre("find 1", "pull 1", "find 2", "pull 2"));
  event()->arrived(one, shared);
  event()->arrived(two, shared);
  EXPECT_THAT(told(), ElementsAre("ready 1001: object 1", "ready 1002: object 2"));
  event()->close(shared);
  event()->reserve(ask3, 100 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("failed 1003: no_room")) << "one of them is pinned";
  event()->unpin(one, ann);
  event()->reserve(ask3, 100 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("dropped 1", "dropped 2", "forget " + text_of(shared), "granted 1003: block 2"));
}

TEST_F(store, claims_room_for_an_object_that_is_just_not_small) {
  event()->want(ask, one, {});
  event()->found(one, tuning::small_object + 1);
  EXPECT_THAT(told(), ElementsAre("find 1", "pull 1 into 1"));
  EXPECT_EQ(core->count().memory, tuning::small_object + 1);
}

TEST_F(store, fails_a_small_pull_that_has_no_block) {
  event()->want(ask, one, ann);
  event()->found(one, kib);
  event()->pull_failed(one, {error_code::no_room, "full"});
  EXPECT_THAT(told(), ElementsAre("find 1", "pull 1", "failed 1001: no_room", "dropped 1"));
}

TEST_F(store, spills_a_shared_block_that_has_one_object_to_keep_and_drops_it_when_that_is_freed) {
  auto shared = opened(mib, bob);
  event()->put(shared, one);
  event()->want(ask, two, {});
  event()->found(two, kib);
  event()->arrived(two, shared);
  event()->close(shared);
  told();
  event()->reserve(ask2, 100 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 1"));
  event()->spill_failed(shared, "the disk is full");
  EXPECT_THAT(told(), ElementsAre("failed 1002: no_room"));
  event()->free(one);
  event()->reserve(ask2, 100 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("dropped 2", "forget 1", "granted 1002: block 2"));
}

TEST_F(store, lets_nothing_arrive_in_a_closed_block) {
  auto closed = written(mib, {one});
  event()->want(ask, two, {});
  event()->found(two, kib);
  told();
  EXPECT_THROW(event()->arrived(two, closed), std::logic_error);
  EXPECT_THROW(event()->arrived(two, block_id{77}), std::logic_error);
  event()->pull_failed(two, {error_code::no_room, "full"});
  EXPECT_THAT(told(), ElementsAre("failed 1001: no_room", "dropped 2"));
}

TEST_F(store, ignores_what_is_told_twice_or_of_something_unknown) {
  auto block = written(mib, {one});
  block_id unknown{50};
  for (auto b : {block, unknown}) {
    event()->spilled(b);
    event()->spill_failed(b, "what?");
    event()->loaded(b);
    event()->load_failed(b, {error_code::object_lost, "what?"});
    event()->close(b);
  }
  for (auto object : {one, two}) {
    event()->found(object, mib);
    event()->not_found(object, {error_code::unknown_object, "what?"});
    event()->pull_failed(object, {error_code::object_lost, "what?"});
    event()->stop_waiting(ask, object);
  }
  event()->free(two);
  event()->keep(two);
  EXPECT_TRUE(core->is_in_memory(one));
  auto on_its_way = arriving(mib, two, ask);
  event()->found(two, mib);
  event()->not_found(two, {error_code::unknown_object, "what?"});
  event()->arrived(two, on_its_way);
  EXPECT_THAT(told(), ElementsAre("ready 1001: object 2"));
}

TEST_F(store, makes_one_claim_only_of_an_object_that_is_found_twice) {
  written(60 * mib, {one});
  event()->want(ask, two, ann);
  event()->found(two, 60 * mib);
  event()->found(two, 60 * mib);
  event()->not_found(two, {error_code::unknown_object, "what?"});
  EXPECT_THAT(told(), ElementsAre("find 2", "spill 1"));
  event()->spilled(block_id{1});
  EXPECT_THAT(told(), ElementsAre("leave memory 1", "pull 2 into 2"));
}

// -- freed --------------------------------------------------------------------------------------------------

TEST_F(store, forgets_a_block_with_its_last_object) {
  written(60 * mib, {one, two});
  event()->free(one);
  EXPECT_FALSE(core->has(one));
  EXPECT_EQ(memory(), 60U);
  event()->free(two);
  EXPECT_THAT(told(), ElementsAre("forget 1"));
  EXPECT_EQ(memory(), 0U);
}

TEST_F(store, forgets_a_block_whose_objects_were_freed_while_it_was_open_when_it_is_closed) {
  auto block = opened(60 * mib);
  event()->put(block, one);
  event()->free(one);
  EXPECT_EQ(memory(), 60U);
  EXPECT_TRUE(event()->put(block, two)) << "it is still open";
  event()->free(two);
  event()->close(block);
  EXPECT_THAT(told(), ElementsAre("forget 1"));
  EXPECT_EQ(memory(), 0U);
}

TEST_F(store, counts_the_memory_of_a_freed_object_until_nobody_uses_it) {
  written(60 * mib, {one});
  pin(one, ann);
  pin(one, bob);
  event()->free(one);
  EXPECT_THAT(told(), ElementsAre("forget 1"));
  EXPECT_FALSE(core->has(one));
  event()->reserve(ask, 60 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("failed 1001: no_room"));
  event()->unpin(one, ann);
  EXPECT_EQ(in_use(), 60U);
  event()->user_left(bob);
  EXPECT_EQ(memory(), 0U);
}

TEST_F(store, forgets_an_object_that_was_freed_while_the_directory_was_asked) {
  event()->want(ask, one, ann);
  event()->free(one);
  EXPECT_THAT(told(), ElementsAre("find 1", "failed 1001: unknown_object"));
  event()->not_found(one, {error_code::unknown_object, "freed"});
  event()->found(one, mib);
}

TEST_F(store, withdraws_the_claim_of_an_object_that_was_freed) {
  written(60 * mib, {one});
  event()->want(ask, two, ann);
  event()->found(two, 60 * mib);
  event()->reserve(ask2, 10 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("find 2", "spill 1"));
  event()->free(two);
  EXPECT_THAT(told(), ElementsAre("failed 1001: unknown_object", "granted 1002: block 2"));
  event()->spilled(block_id{1});
  EXPECT_THAT(told(), ElementsAre("leave memory 1"));
}

TEST_F(store, cancels_the_pull_of_an_object_that_was_freed_and_takes_its_memory_when_that_has_ended) {
  for (bool all_the_same : {true, false}) {
    auto block = arriving(60 * mib, one, ask, ann);
    event()->free(one);
    EXPECT_THAT(told(), ElementsAre("failed 1001: unknown_object", "cancel pull 1"));
    event()->free(one);
    event()->want(ask2, one, bob);
    EXPECT_THAT(told(), IsEmpty());
    EXPECT_EQ(in_use(), 60U) << "it is still written to";
    if (all_the_same) {
      event()->arrived(one, block);
      EXPECT_THAT(told(), ElementsAre("failed 1002: unknown_object", "forget " + text_of(block)));
    } else {
      event()->pull_failed(one, {error_code::object_lost, "cancelled"});
      EXPECT_THAT(told(), ElementsAre("failed 1002: unknown_object", "forget " + text_of(block), "dropped 1"));
    }
    EXPECT_EQ(memory(), 0U);
    EXPECT_FALSE(core->has(one));
  }
}

TEST_F(store, cancels_the_pull_of_a_small_object_that_was_freed) {
  auto shared = opened(mib, bob);
  event()->want(ask, one, ann);
  event()->found(one, kib);
  event()->free(one);
  EXPECT_THAT(told(), ElementsAre("find 1", "pull 1", "failed 1001: unknown_object", "cancel pull 1"));
  event()->arrived(one, shared);
  EXPECT_FALSE(core->has(one));
  event()->close(shared);
  EXPECT_THAT(told(), ElementsAre("forget 1"));
}

TEST_F(store, forgets_a_block_that_was_freed_while_it_was_spilled_when_that_has_ended) {
  for (bool well : {true, false}) {
    auto block = written(60 * mib, {one});
    event()->reserve(ask, 60 * mib, ann);
    event()->free(one);
    EXPECT_THAT(told(), ElementsAre("spill " + text_of(block)));
    EXPECT_EQ(memory(), 60U);
    well ? event()->spilled(block) : event()->spill_failed(block, "the disk is full");
    EXPECT_THAT(told(), ElementsAre("forget " + text_of(block), StartsWith("granted 1001")));
    auto granted = seen.last_block;
    event()->close(granted);
    EXPECT_THAT(told(), ElementsAre("forget " + text_of(granted)));
    EXPECT_EQ(memory() + disk(), 0U);
  }
}

TEST_F(store, forgets_a_block_that_was_pinned_and_freed_while_it_was_spilled) {
  auto block = written(60 * mib, {one});
  event()->reserve(ask, 60 * mib, ann);
  event()->want(ask2, one, bob);
  event()->free(one);
  EXPECT_THAT(told(), ElementsAre("spill 1", "ready 1002: object 1"));
  event()->spilled(block);
  EXPECT_THAT(told(), ElementsAre("forget 1", "failed 1001: no_room"));
  EXPECT_EQ(in_use(), 60U);
  event()->unpin(one, bob);
  EXPECT_EQ(memory(), 0U);
}

TEST_F(store, forgets_a_block_that_was_freed_while_it_was_loaded_when_that_has_ended) {
  for (bool well : {true, false}) {
    auto block = on_disk(60 * mib, {one});
    event()->want(ask, one, ann);
    event()->free(one);
    EXPECT_THAT(told(), ElementsAre("load " + text_of(block), "failed 1001: unknown_object"));
    EXPECT_EQ(memory(), 60U);
    well ? event()->loaded(block) : event()->load_failed(block, {error_code::object_lost, "damaged"});
    EXPECT_THAT(told(), ElementsAre("forget " + text_of(block)));
    EXPECT_EQ(memory() + disk(), 0U);
  }
}

TEST_F(store, forgets_what_was_freed_on_disk) {
  auto block = on_disk(60 * mib, {one, two});
  event()->free(one);
  EXPECT_EQ(disk(), 60U);
  event()->free(two);
  EXPECT_THAT(told(), ElementsAre("forget " + text_of(block)));
  EXPECT_EQ(memory() + disk(), 0U);
}

TEST_F(store, does_not_load_what_was_freed_while_it_waited_for_room) {
  auto block = on_disk(60 * mib, {one, two});
  auto other = written(60 * mib, {three});
  event()->want(ask, one, ann);
  event()->free(one);
  EXPECT_THAT(told(), ElementsAre("spill " + text_of(other), "failed 1001: unknown_object"));
  event()->want(ask, two, ann);
  event()->free(two);
  EXPECT_THAT(told(), ElementsAre("failed 1001: unknown_object", "forget " + text_of(block)));
  event()->spilled(other);
  EXPECT_THAT(told(), ElementsAre("leave memory " + text_of(other)));
}

TEST_F(store, serves_who_waits_when_something_is_freed) {
  written(60 * mib, {one});
  written(30 * mib, {two});
  event()->reserve(ask, 40 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 1"));
  event()->free(two);
  EXPECT_THAT(told(), ElementsAre("forget 2", "granted 1001: block 3"));
  event()->spilled(block_id{1});
  EXPECT_THAT(told(), ElementsAre("leave memory 1"));
}

// -- users that leave ---------------------------------------------------------------------------------------

TEST_F(store, closes_what_a_user_that_left_was_writing) {
  auto empty = opened(20 * mib, bob);
  auto half = opened(20 * mib, bob);
  auto other = opened(20 * mib, ann);
  event()->put(half, one);
  event()->user_left(bob);
  EXPECT_THAT(told(), ElementsAre("forget " + text_of(empty)));
  EXPECT_TRUE(core->has(one));
  EXPECT_FALSE(event()->put(half, two));
  EXPECT_TRUE(event()->put(other, three));
  EXPECT_EQ(in_use(), 20U);
}

TEST_F(store, spills_nothing_that_is_not_needed_when_all_of_a_user_that_left_has_gone) {
  opened(40 * mib, bob);
  auto half = opened(20 * mib, bob);
  event()->put(half, one);
  opened(20 * mib, bob);
  written(20 * mib, {two});
  event()->reserve(ask, 20 * mib, ann);
  event()->reserve(ask2, 60 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 4"));
  event()->user_left(bob);
  EXPECT_THAT(told(), ElementsAre("forget 1", "forget 3", "granted 1001: block 5"));
  event()->spilled(block_id{4});
  EXPECT_THAT(told(), ElementsAre("leave memory 4", "granted 1002: block 6"));
}

TEST_F(store, unpins_what_a_user_that_left_had_pinned) {
  written(20 * mib, {one, two});
  written(20 * mib, {three});
  for (auto object : {one, one, two, three})
    pin(object, bob);
  pin(one, ann);
  event()->free(three);
  EXPECT_THAT(told(), ElementsAre("forget 2"));
  event()->user_left(bob);
  EXPECT_EQ(memory(), 20U);
  EXPECT_EQ(in_use(), 20U);
  event()->user_left(ann);
  EXPECT_EQ(in_use(), 0U);
  event()->user_left(owner_id{77});
}

TEST_F(store, gives_nothing_to_a_user_that_left_while_it_waited_for_room) {
  written(60 * mib, {one});
  event()->reserve(ask, 60 * mib, bob);
  event()->reserve(ask2, 50 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 1"));
  event()->user_left(bob);
  EXPECT_THAT(told(), IsEmpty());
  event()->spilled(block_id{1});
  EXPECT_THAT(told(), ElementsAre("leave memory 1", "granted 1002: block 2"));
}

TEST_F(store, pulls_nothing_for_a_user_that_left_while_the_directory_was_asked) {
  event()->want(ask, one, bob);
  event()->user_left(bob);
  EXPECT_THAT(told(), ElementsAre("find 1"));
  event()->found(one, 60 * mib);
  EXPECT_THAT(told(), ElementsAre("dropped 1")) << "the directory took it for a node that pulls";
}

TEST_F(store, pulls_nothing_for_a_user_that_left_while_its_pull_waited_for_room) {
  written(60 * mib, {one});
  event()->want(ask, two, bob);
  event()->found(two, 60 * mib);
  event()->reserve(ask2, 30 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("find 2", "spill 1"));
  event()->user_left(bob);
  EXPECT_THAT(told(), IsEmpty());
  event()->spilled(block_id{1});
  EXPECT_THAT(told(), ElementsAre("leave memory 1", "dropped 2", "granted 1002: block 2"));
}

TEST_F(store, has_what_arrived_for_a_user_that_left_unpinned) {
  auto block = arriving(60 * mib, one, ask, bob);
  event()->user_left(bob);
  event()->arrived(one, block);
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_TRUE(core->is_in_memory(one));
  EXPECT_EQ(in_use(), 0U);
}

TEST_F(store, has_what_was_loaded_for_a_user_that_left_unpinned) {
  auto block = on_disk(60 * mib, {one});
  event()->want(ask, one, bob);
  event()->user_left(bob);
  event()->loaded(block);
  EXPECT_THAT(told(), ElementsAre("load " + text_of(block)));
  EXPECT_EQ(memory(), 60U);
  EXPECT_EQ(in_use(), 0U);
}

TEST_F(store, loads_nothing_for_a_user_that_left_while_its_load_waited_for_room) {
  auto block = on_disk(60 * mib, {one});
  auto other = written(60 * mib, {two});
  event()->want(ask, one, bob);
  EXPECT_THAT(told(), ElementsAre("spill " + text_of(other)));
  event()->user_left(bob);
  event()->spilled(other);
  EXPECT_THAT(told(), ElementsAre("leave memory " + text_of(other)));
  event()->want(ask2, one, ann);
  EXPECT_THAT(told(), ElementsAre("load " + text_of(block))) << "it can still be had";
}

TEST_F(store, answers_the_others_when_one_who_waited_for_the_same_left) {
  auto block = arriving(60 * mib, one, ask, bob);
  event()->want(ask2, one, ann);
  event()->want(ask3, one, {});
  event()->user_left(bob);
  event()->arrived(one, block);
  EXPECT_THAT(told(), ElementsAre("ready 1002: object 1", "ready 1003: object 1"));
  event()->unpin(one, bob);
  EXPECT_EQ(in_use(), 60U);
}

TEST_F(store, makes_no_room_for_one_who_does_not_wait_for_it_any_more) {
  written(60 * mib, {one});
  event()->reserve(ask, 60 * mib, bob);
  event()->reserve(ask2, 50 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 1"));
  event()->stop_reserving(ask);
  event()->stop_reserving(ask3);
  EXPECT_THAT(told(), IsEmpty());
  event()->spilled(block_id{1});
  EXPECT_THAT(told(), ElementsAre("leave memory 1", "granted 1002: block 2"));
  EXPECT_EQ(in_use(), 50U);
}

TEST_F(store, serves_who_waits_behind_one_that_has_given_up) {
  written(60 * mib, {one});
  event()->reserve(ask, 60 * mib, bob);
  event()->reserve(ask2, 30 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 1"));
  event()->stop_reserving(ask);
  EXPECT_THAT(told(), ElementsAre("granted 1002: block 2"));
  event()->spilled(block_id{1});
  EXPECT_THAT(told(), ElementsAre("leave memory 1"));
}

TEST_F(store, answers_nobody_who_does_not_wait_any_more) {
  auto block = arriving(60 * mib, one, ask, bob);
  event()->want(ask2, one, bob);
  event()->stop_waiting(ask, one);
  event()->stop_waiting(ask, two);
  event()->arrived(one, block);
  EXPECT_THAT(told(), ElementsAre("ready 1002: object 1"));
  event()->unpin(one, bob);
  EXPECT_EQ(in_use(), 0U);
}

TEST_F(store, lets_those_behind_pass_when_nobody_waits_for_the_room_that_is_there) {
  written(60 * mib, {one});
  event()->want(ask, two, bob);
  event()->found(two, 60 * mib);
  event()->reserve(ask2, 30 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("find 2", "spill 1"));
  event()->stop_waiting(ask, two);
  event()->spilled(block_id{1});
  EXPECT_THAT(told(), ElementsAre("leave memory 1", "dropped 2", "granted 1002: block 2"));
}

// -- a disk that is full --------------------------------------------------------------------------------------

TEST_F(store, leaves_a_reserve_on_the_disk_that_only_reading_may_use) {
  auto block = on_disk(40 * mib, {one});
  EXPECT_EQ(seen.last_reserve, 80 * mib);
  EXPECT_FALSE(seen.last_may_use_it);
  written(50 * mib, {two});
  written(50 * mib, {three});
  event()->want(ask, one, {});
  EXPECT_THAT(told(), ElementsAre("spill 4"));
  EXPECT_EQ(seen.last_reserve, 100 * mib);
  EXPECT_TRUE(seen.last_may_use_it);
  event()->spilled(block_id{4}, 20 * mib);
  EXPECT_THAT(told(), ElementsAre("leave memory 4", "load " + text_of(block)));
  event()->loaded(block);
  EXPECT_THAT(told(), ElementsAre("ready 1001: object 1"));
  // The way back of what is on disk now.
  event()->reserve(ask2, 10 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("leave memory " + text_of(block), "spill 5"));
  EXPECT_FALSE(seen.last_may_use_it);
  event()->spill_failed(block_id{5}, "the disk is full");
  EXPECT_THAT(told(), ElementsAre("failed 1002: no_room"));
  event()->want(ask3, one, {});
  EXPECT_THAT(told(), ElementsAre("load " + text_of(block)));
  event()->loaded(block);
  EXPECT_THAT(told(), ElementsAre("ready 1003: object 1"));
}

TEST_F(store, gives_all_its_memory_to_new_data_again_when_the_disk_has_room_again) {
  auto block = on_disk(40 * mib, {one});
  written(50 * mib, {two});
  written(50 * mib, {three});
  event()->want(ask, one, {});
  event()->spilled(block_id{4}, 20 * mib);
  event()->loaded(block);
  told();
  event()->free(two);
  EXPECT_THAT(told(), ElementsAre("forget 4"));
  event()->reserve(ask2, 50 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("leave memory " + text_of(block), StartsWith("granted 1002")));
}

TEST_F(store, reads_with_the_reserve_when_the_disk_refused_to_take_new_data) {
  auto block = on_disk(40 * mib, {one});
  written(50 * mib, {two});
  written(50 * mib, {three});
  event()->reserve(ask, 10 * mib, ann);
  EXPECT_THAT(told(), ElementsAre("spill 4"));
  event()->stop_reserving(ask);
  event()->want(ask2, one, {});
  EXPECT_THAT(told(), IsEmpty());
  event()->spill_failed(block_id{4}, "only the reserve is left");
  EXPECT_THAT(told(), ElementsAre("spill 4"));
  EXPECT_TRUE(seen.last_may_use_it);
  event()->spilled(block_id{4}, 1);
  EXPECT_THAT(told(), ElementsAre("leave memory 4", "load " + text_of(block)));
}

TEST_F(store, spills_something_smaller_for_a_read_when_the_disk_does_not_take_the_oldest) {
  auto block = on_disk(10 * mib, {one});
  written(80 * mib, {two});
  written(20 * mib, {three});
  event()->want(ask, one, {});
  EXPECT_THAT(told(), ElementsAre("spill 4"));
  event()->spill_failed(block_id{4}, "the disk is full");
  EXPECT_THAT(told(), ElementsAre("spill 5"));
  event()->spill_failed(block_id{5}, "the disk is full");
  EXPECT_THAT(told(), ElementsAre("failed 1001: no_room"));
  event()->want(ask, one, {});
  EXPECT_THAT(told(), ElementsAre("spill 4")) << "by now there may be room";
  event()->spilled(block_id{4});
  EXPECT_THAT(told(), ElementsAre("leave memory 4", "load " + text_of(block)));
}

/// A disk of limited size, and objects that come, are read and go.
struct small_disk : store_effects {
  explicit small_disk(unsigned seed, std::uint64_t unit_) : random{seed}, unit{unit_} {}

  void granted(request_id, block_id block) override {
    jobs.push_back([this, block] { put(block); });
  }
  void ready(request_id, object_id) override { ++read; }
  void failed(request_id request, const store_problem&) override {
    if (reads.contains(request))
      ++not_read;
    else
      ++refused;
  }
  void find(object_id) override {}
  void pull(object_id, block_id) override {}
  void spill(block_id block, std::uint64_t reserve, bool may_use_it) override {
    jobs.push_back([=, this] {
      auto bytes = core.bytes_of(block);
      if (used + bytes + (may_use_it ? 0 : reserve) > size)
        return core.spill_failed(block, "the disk is full");
      used += bytes;
      files[block] = bytes;
      core.spilled(block, reserve - std::min(reserve, size - used));
    });
  }
  void load(block_id block) override {
    jobs.push_back([=, this] { core.loaded(block); });
  }
  void cancel_pull(object_id) override {}
  void leave_memory(block_id) override {}
  void forget(block_id block) override {
    if (auto file = files.find(block); file != files.end()) {
      used -= file->second;
      files.erase(file);
    }
  }
  void dropped(object_id) override {}

  void put(block_id block) {
    objects.push_back({++last});
    core.put(block, objects.back());
    core.close(block);
  }
  void work() {
    while (!jobs.empty()) {
      auto next = std::exchange(jobs, {});
      for (auto& job : next)
        job();
      core.check_invariants();
    }
  }
  std::uint64_t below(std::uint64_t n) { return std::uniform_int_distribution<std::uint64_t>{0, n - 1}(random); }

  std::mt19937 random;
  std::uint64_t unit; ///< blocks are of up to so many MiB
  store_core core{*this, 100 * mib, true};
  std::vector<std::function<void()>> jobs;
  std::vector<object_id> objects;
  std::map<block_id, std::uint64_t> files;
  std::set<request_id> reads;
  std::uint64_t size = 60 * mib;
  std::uint64_t used = 0;
  std::uint64_t last = 0;
  int read = 0;
  int not_read = 0;
  int refused = 0;
};

TEST(store_with_a_small_disk, reads_back_whatever_it_has_accepted) {
  for (bool all_of_one_size : {true, false})
    for (unsigned seed = 1; seed <= 50; ++seed) {
      SCOPED_TRACE("seed " + std::to_string(seed));
      small_disk disk{seed, 10};
      std::uint64_t request = 0;
      for (int i = 0; i < 300; ++i) {
        if (disk.below(2) == 0) {
          disk.core.reserve({++request}, (all_of_one_size ? disk.unit : 1 + disk.below(disk.unit)) * mib, owner_id{1});
        } else if (!disk.objects.empty() && disk.below(3) != 0) {
          disk.reads.insert({++request});
          disk.core.want({request}, disk.objects[disk.below(disk.objects.size())], {});
        } else if (!disk.objects.empty() && disk.below(4) == 0) {
          auto which = disk.objects.begin() + static_cast<std::ptrdiff_t>(disk.below(disk.objects.size()));
          disk.core.free(*which);
          disk.objects.erase(which);
        }
        disk.work();
        ASSERT_EQ(disk.not_read, 0) << "step " << i;
      }
      for (auto object : disk.objects) {
        disk.reads.insert({++request});
        disk.core.want({request}, object, {});
        disk.work();
      }
      EXPECT_EQ(disk.not_read, 0);
      EXPECT_GT(disk.refused, 0);
      EXPECT_FALSE(disk.files.empty());
    }
}

// -- simulation ---------------------------------------------------------------------------------------------

/// A store's shell with a world around it: answers the core's effects in random order, many of them with failures, and
/// keeps its own books of memory, pins and places, against which it holds whatever the core tells.
class simulation : store_effects {
public:
  explicit simulation(unsigned seed)
      : random_{seed},
        failures_{seed % 3 * 15},
        can_spill_{seed % 5 != 0},
        core_{*this, limit, can_spill_} {
    for (std::uint64_t i = 1; i <= 4; ++i)
      users_.push_back({++last_user_});
  }

  void step() {
    switch (below(24)) {
    case 0:
      appear();
      break;
    case 1:
    case 2:
      reserve();
      break;
    case 3:
    case 4:
    case 5:
      put();
      break;
    case 6:
    case 7:
      close();
      break;
    case 8:
    case 9:
    case 10:
    case 11:
      want();
      break;
    case 12:
    case 13:
    case 14:
      unpin();
      break;
    case 15:
      stop_waiting();
      break;
    case 16:
      if (below(4) == 0)
        user_left();
      break;
    case 17:
      free();
      break;
    case 18:
      keep();
      break;
    default:
      work();
    }
    compare();
  }

  /// Everybody leaves, and everything is freed.
  void finish() {
    while (!users_.empty()) {
      leave(users_.size() - 1);
      compare();
    }
    drain();
    for (std::uint64_t id = 1; id <= last_object_; ++id) {
      free_object({id});
      compare();
    }
    drain();
    EXPECT_EQ(core_.count().memory, 0U);
    EXPECT_EQ(core_.count().disk, 0U);
    EXPECT_TRUE(blocks_.empty()) << "a block is never forgotten";
    EXPECT_TRUE(here_.empty());
  }

  std::map<std::string, int> happened;

private:
  static constexpr std::uint64_t unit = tuning::small_object;
  static constexpr std::uint64_t limit = 40 * unit;
  static constexpr std::uint64_t shared_block = 2 * unit;
  static constexpr owner_id shell{1'000'000};

  struct request {
    object_id object; ///< none: it is to reserve
    std::optional<owner_id> user;
    std::uint64_t bytes = 0;
  };
  struct block {
    std::uint64_t bytes = 0;
    owner_id writer;
    bool memory = true;
    bool disk = false;
    bool writing = false;
    bool arriving = false;
    bool spilling = false;
    bool loading = false;
    bool forgotten = false;
    std::uint64_t pins = 0;

    bool busy() const { return writing || arriving || spilling || loading; }
  };
  struct thing {
    std::uint64_t size = 0;
    bool elsewhere = false; ///< another node keeps it
    bool freed = false;
  };
  struct job {
    enum { find, pull, spill, load } what;
    object_id object;
    block_id block;
  };

  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool fails() { return below(100) < failures_; }
  template <class Container>
  auto any(Container& of) {
    return std::next(of.begin(), static_cast<std::ptrdiff_t>(below(of.size())));
  }
  request_id open(request what) {
    request_id id{++last_request_};
    open_[id] = what;
    return id;
  }
  /// Closes an open question; each is answered once.
  std::optional<request> answered(request_id id) {
    auto found = open_.find(id);
    EXPECT_NE(found, open_.end()) << "nobody waits for the answer to " << id.value;
    if (found == open_.end())
      return std::nullopt;
    auto was = found->second;
    open_.erase(found);
    return was;
  }
  bool has_object(block_id in) const {
    return std::any_of(here_.begin(), here_.end(), [&](const auto& h) { return h.second == in; });
  }
  bool has_kept_object(block_id in) const {
    return std::any_of(here_.begin(), here_.end(),
                       [&](const auto& h) { return h.second == in && kept_.contains(h.first); });
  }

  // What the core tells.

  void granted(request_id id, block_id in) override {
    auto was = answered(id);
    ASSERT_TRUE(was && !was->object);
    ASSERT_FALSE(blocks_.contains(in));
    auto& made = blocks_[in];
    made.bytes = was->bytes;
    made.writer = *was->user;
    made.writing = true;
    if (made.writer == shell) {
      shared_ = in;
      shared_left_ = shared_block;
      shared_asked_ = false;
    }
    ++happened["granted"];
  }

  void ready(request_id id, object_id object) override {
    auto was = answered(id);
    ASSERT_TRUE(was && was->object == object);
    auto in = here_.find(object);
    ASSERT_NE(in, here_.end()) << "ready, and not here";
    auto& of = blocks_.at(in->second);
    ASSERT_TRUE(of.memory && !of.loading && !of.arriving && !of.forgotten);
    if (was->user) {
      ++of.pins;
      pins_.emplace(std::pair{*was->user, object}, in->second);
    }
    ++happened["ready"];
  }

  void failed(request_id id, const store_problem& why) override {
    EXPECT_TRUE(answered(id));
    EXPECT_NE(why.code, error_code::none);
    EXPECT_FALSE(why.text.empty());
    if (id == shared_request_ && shared_asked_) {
      shared_asked_ = false;
      shared_refused_ = true;
    }
    ++happened["failed: " + std::string{to_string(why.code)}];
  }

  void find(object_id object) override { jobs_.push_back({job::find, object, {}}); }

  void pull(object_id object, block_id in) override {
    EXPECT_TRUE(pulling_.insert(object).second) << "pulled twice at a time";
    EXPECT_FALSE(here_.contains(object));
    auto size = things_.at(object).size;
    EXPECT_EQ(!in, size <= tuning::small_object);
    if (in) {
      auto& made = blocks_[in];
      made.bytes = size;
      made.arriving = true;
    }
    jobs_.push_back({job::pull, object, in});
    ++happened[in ? "pulled" : "pulled small"];
  }

  void spill(block_id in, std::uint64_t reserve, bool) override {
    EXPECT_GE(reserve, 2 * blocks_.at(in).bytes);
    auto& of = blocks_.at(in);
    EXPECT_TRUE(can_spill_ && of.memory && !of.disk && of.pins == 0 && !of.busy() && !of.forgotten);
    EXPECT_TRUE(has_kept_object(in)) << "spilled, and could be dropped";
    for (const auto& [id, b] : blocks_)
      EXPECT_FALSE(b.memory && !b.busy() && b.pins == 0 && !b.forgotten && (b.disk || !has_kept_object(id)))
          << "spills a block while another could go at once";
    of.spilling = true;
    jobs_.push_back({job::spill, {}, in});
  }

  void load(block_id in) override {
    auto& of = blocks_.at(in);
    EXPECT_TRUE(!of.memory && of.disk && !of.busy() && !of.forgotten);
    of.memory = true;
    of.loading = true;
    jobs_.push_back({job::load, {}, in});
  }

  void cancel_pull(object_id object) override {
    EXPECT_TRUE(pulling_.contains(object) && things_.at(object).freed);
    ++happened["pull cancelled"];
  }

  void leave_memory(block_id in) override {
    auto& of = blocks_.at(in);
    EXPECT_TRUE(of.memory && of.disk && of.pins == 0 && !of.busy() && !of.forgotten);
    of.memory = false;
    ++happened["left memory"];
  }

  void forget(block_id in) override {
    auto& of = blocks_.at(in);
    EXPECT_TRUE(!of.forgotten && !of.busy());
    EXPECT_FALSE(has_object(in)) << "forgets what holds an object";
    of.forgotten = true;
    if (of.pins == 0)
      blocks_.erase(in);
    else
      ++happened["forgotten in use"];
  }

  void dropped(object_id object) override {
    if (auto in = here_.find(object); in != here_.end()) {
      EXPECT_EQ(blocks_.at(in->second).pins, 0U) << "dropped, and pinned";
      bool lost = load_failing_ == in->second;
      EXPECT_TRUE(lost || !kept_.contains(object)) << "dropped what nobody else keeps";
      here_.erase(in);
      ++happened[lost ? "lost" : "copy dropped"];
    }
    kept_.erase(object);
  }

  // What happens to it.

  void appear() {
    auto& made = things_[{++last_object_}];
    made.size = below(2) == 0 ? below(unit) + 1 : unit * (2 + below(12));
    made.elsewhere = true;
    if (below(50) == 0)
      made.size = limit + 1;
  }

  void reserve() {
    if (users_.empty())
      return;
    auto user = *any(users_);
    auto bytes = below(40) == 0 ? limit + 1 + below(3) : below(30) == 0 ? 0 : unit * (1 + below(10));
    core_.reserve(open({{}, user, bytes}), bytes, user);
  }

  std::vector<block_id> being_written() const {
    std::vector<block_id> all;
    for (const auto& [id, b] : blocks_)
      if (b.writing && b.writer != shell)
        all.push_back(id);
    return all;
  }

  void put() {
    auto writing = being_written();
    if (writing.empty())
      return;
    auto in = *any(writing);
    object_id object{++last_object_};
    if (below(4) == 0) {
      // Somebody knows of it before it is there.
      core_.want(open({object, users_[0], 0}), object, users_[0]);
      if (below(2) == 0)
        work();
    }
    things_[object].size = 1;
    here_[object] = in;
    kept_.insert(object);
    EXPECT_TRUE(core_.put(in, object));
    ++happened["put"];
  }

  void close() {
    auto writing = being_written();
    if (writing.empty())
      return;
    auto in = *any(writing);
    blocks_.at(in).writing = false;
    core_.close(in);
  }

  void want() {
    if (last_object_ == 0)
      return;
    // The newer ones mostly, so that several ask for the same.
    auto newest = std::min<std::uint64_t>(last_object_, 60);
    object_id object{last_object_ - below(newest)};
    if (below(50) == 0)
      object = {last_object_ + 1000};
    std::optional<owner_id> user;
    if (below(3) != 0)
      user = *any(users_);
    core_.want(open({object, user, 0}), object, user);
  }

  void remove_pin(block_id in) {
    auto& of = blocks_.at(in);
    if (--of.pins == 0 && of.forgotten)
      blocks_.erase(in);
  }

  void unpin() {
    if (pins_.empty() || below(20) == 0) {
      owner_id user{++last_user_};
      core_.unpin({1 + below(last_object_ + 1)}, user);
      return;
    }
    auto own = any(pins_);
    auto [user, object] = own->first;
    remove_pin(own->second);
    pins_.erase(own);
    core_.unpin(object, user);
  }

  void stop_waiting() {
    if (open_.empty())
      return;
    auto one = any(open_);
    auto [id, what] = *one;
    if (what.user == shell)
      return;
    open_.erase(one);
    if (what.object)
      core_.stop_waiting(id, what.object);
    else
      core_.stop_reserving(id);
    ++happened[what.object ? "stopped waiting" : "stopped reserving"];
  }

  void user_left() {
    leave(below(users_.size()));
    users_.push_back({++last_user_});
  }

  void leave(std::size_t which) {
    auto user = users_[which];
    users_.erase(users_.begin() + static_cast<std::ptrdiff_t>(which));
    happened["left waiting"] +=
        static_cast<int>(std::erase_if(open_, [&](const auto& r) { return r.second.user == user; }));
    for (auto& [id, b] : blocks_)
      if (b.writer == user)
        b.writing = false;
    for (auto own = pins_.begin(); own != pins_.end();)
      if (own->first.first == user) {
        remove_pin(own->second);
        own = pins_.erase(own);
      } else {
        ++own;
      }
    core_.user_left(user);
    ++happened["user left"];
  }

  void free() {
    if (last_object_ != 0)
      free_object({last_object_ - below(std::min<std::uint64_t>(last_object_, 60))});
  }

  void free_object(object_id object) {
    things_[object].freed = true;
    if (auto in = here_.find(object); in != here_.end()) {
      const auto& of = blocks_.at(in->second);
      ++happened[of.spilling    ? "freed while spilled"
                 : of.loading   ? "freed while loaded"
                 : of.writing   ? "freed while written"
                 : !of.memory   ? "freed on disk"
                 : of.pins != 0 ? "freed in use"
                                : "freed in memory"];
      here_.erase(in);
    } else {
      happened["freed while pulled"] += pulling_.contains(object);
    }
    kept_.erase(object);
    core_.free(object);
  }

  void keep() {
    if (here_.empty())
      return;
    // The directory has seen the other copies go, or has this one for another that it will free.
    auto object = below(4) == 0 && !pulling_.empty() ? *any(pulling_) : any(here_)->first;
    if (things_.at(object).freed)
      return;
    kept_.insert(object);
    things_.at(object).elsewhere = false;
    core_.keep(object);
    ++happened["kept"];
  }

  // The core's work, ending in random order.

  void work() {
    if (jobs_.empty())
      return;
    auto at = any(jobs_);
    auto [what, object, in] = *at;
    if (what == job::pull && !in && !things_.at(object).freed && !has_room_in_shared(things_.at(object).size))
      return; // later
    jobs_.erase(at);
    switch (what) {
    case job::find: {
      auto& known = things_[object];
      if (known.freed || !known.elsewhere || fails())
        core_.not_found(object, {error_code::unknown_object, "there is no such object"});
      else
        core_.found(object, known.size);
      break;
    }
    case job::pull: {
      pulling_.erase(object);
      bool freed = things_.at(object).freed;
      bool fail = fails() || (!in && !shared_);
      if (in)
        blocks_.at(in).arriving = false;
      if (fail) {
        kept_.erase(object);
        core_.pull_failed(object, {error_code::object_lost, "no node has it any more"});
        break;
      }
      auto place = in ? in : shared_;
      if (!in)
        shared_left_ -= std::min(shared_left_, things_.at(object).size);
      if (!freed)
        here_[object] = place;
      core_.arrived(object, place);
      ++happened[freed ? "arrived and was freed" : "arrived"];
      break;
    }
    case job::spill: {
      auto& of = blocks_.at(in);
      of.spilling = false;
      if (fails()) {
        core_.spill_failed(in, "the disk is full");
        ++happened["spill failed"];
      } else {
        of.disk = true;
        core_.spilled(in, below(8) == 0 ? unit : 0);
        ++happened["spilled"];
      }
      break;
    }
    case job::load: {
      blocks_.at(in).loading = false;
      if (fails()) {
        load_failing_ = in;
        core_.load_failed(in, {error_code::object_lost, "the disk damaged it"});
        load_failing_.reset();
      } else {
        core_.loaded(in);
        ++happened["loaded"];
      }
    }
    }
  }

  /// A shared block for small objects; when there is none yet it is asked for.
  bool has_room_in_shared(std::uint64_t bytes) {
    if (shared_ && shared_left_ < bytes) {
      auto full = std::exchange(shared_, {});
      blocks_.at(full).writing = false;
      core_.close(full);
    }
    if (shared_)
      return true;
    if (std::exchange(shared_refused_, false))
      return true; // and it fails
    if (!shared_asked_) {
      shared_asked_ = true;
      shared_request_ = open({{}, shell, shared_block});
      core_.reserve(shared_request_, shared_block, shell);
    }
    return false;
  }

  void drain() {
    for (int rounds = 0; !jobs_.empty(); ++rounds) {
      ASSERT_LT(rounds, 100'000) << "the work does not end";
      work();
      compare();
      if (testing::Test::HasFailure())
        return;
    }
    if (shared_) {
      auto last = std::exchange(shared_, {});
      blocks_.at(last).writing = false;
      core_.close(last);
    }
    compare();
    EXPECT_TRUE(jobs_.empty());
    EXPECT_TRUE(open_.empty()) << "a request is never answered";
  }

  void compare() {
    ASSERT_NO_THROW(core_.check_invariants());
    std::uint64_t memory = 0;
    std::uint64_t in_use = 0;
    std::uint64_t disk = 0;
    for (const auto& [id, b] : blocks_) {
      memory += b.memory ? b.bytes : 0;
      disk += b.memory ? 0 : b.bytes;
      in_use += b.memory && (b.pins != 0 || b.writing || b.arriving || b.loading) ? b.bytes : 0;
      ASSERT_TRUE(b.memory || b.pins == 0);
    }
    auto now = core_.count();
    ASSERT_LE(memory, limit);
    ASSERT_EQ(now.memory, memory);
    ASSERT_EQ(now.in_use, in_use);
    ASSERT_EQ(now.disk, disk);
    for (const auto& [own, in] : pins_)
      ASSERT_TRUE(!here_.contains(own.second) || core_.is_in_memory(own.second)) << "pinned, and not in memory";
    for (const auto& [object, in] : here_) {
      ASSERT_TRUE(core_.has(object));
      ASSERT_EQ(core_.is_in_memory(object), blocks_.at(in).memory && !blocks_.at(in).loading);
    }
    ASSERT_TRUE(!jobs_.empty() || open_.empty()) << "a request waits, and nothing is being done";
  }

  std::mt19937 random_;
  std::uint64_t failures_; ///< percent
  bool can_spill_;
  store_core core_;
  std::vector<owner_id> users_;
  std::map<request_id, request> open_;
  std::map<block_id, block> blocks_;
  std::map<object_id, thing> things_;
  std::map<object_id, block_id> here_;
  std::set<object_id> kept_;
  std::set<object_id> pulling_;
  std::multimap<std::pair<owner_id, object_id>, block_id> pins_;
  std::vector<job> jobs_;
  std::optional<block_id> load_failing_;
  block_id shared_;
  std::uint64_t shared_left_ = 0;
  bool shared_asked_ = false;
  bool shared_refused_ = false;
  request_id shared_request_;
  std::uint64_t last_user_ = 0;
  std::uint64_t last_object_ = 0;
  std::uint64_t last_request_ = 0;
};

TEST(store_simulation, answers_everything_once_within_its_limit_whatever_happens) {
  std::map<std::string, int> happened;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    simulation sim{seed};
    for (int i = 0; i < 2000 && !testing::Test::HasFailure(); ++i) {
      SCOPED_TRACE("step " + std::to_string(i));
      sim.step();
    }
    if (!testing::Test::HasFailure())
      sim.finish();
    if (testing::Test::HasFailure())
      return;
    for (const auto& [what, count] : sim.happened)
      happened[what] += count;
  }
  for (const auto* what : {"arrived",
                           "arrived and was freed",
                           "copy dropped",
                           "failed: no_room",
                           "failed: object_lost",
                           "failed: unknown_object",
                           "forgotten in use",
                           "freed in memory",
                           "freed in use",
                           "freed on disk",
                           "freed while loaded",
                           "freed while pulled",
                           "freed while spilled",
                           "freed while written",
                           "granted",
                           "kept",
                           "left memory",
                           "left waiting",
                           "loaded",
                           "lost",
                           "pull cancelled",
                           "pulled",
                           "pulled small",
                           "put",
                           "ready",
                           "spill failed",
                           "spilled",
                           "stopped reserving",
                           "stopped waiting",
                           "user left"})
    EXPECT_GT(happened[what], 20) << what;
}

} // namespace
} // namespace daskify::internal
