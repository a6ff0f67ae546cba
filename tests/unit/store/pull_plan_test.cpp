#include "daskify/store/pull_plan.hpp"

#include "daskify/store/checksum.hpp"

#include <algorithm>
#include <deque>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>
#include <vector>

using namespace daskify::internal;

namespace {

using chunks = std::vector<std::uint64_t>;

/// All that the source is asked for when it may owe so many.
chunks ask(pull_plan& plan, pull_plan::source from, std::size_t most = 100) {
  chunks asked;
  while (asked.size() < most) {
    auto chunk = plan.next(from);
    if (!chunk)
      break;
    asked.push_back(*chunk);
  }
  return asked;
}

/// Random sources that answer, refuse, are slow and die, checked at every step.
class simulation {
public:
  explicit simulation(unsigned seed) : random_{seed}, chunks_{below(60)}, plan_{chunks_} {}

  void run() {
    for (std::size_t steps = 0; !plan_.is_complete(); ++steps) {
      ASSERT_LT(steps, 100'000u) << "no end";
      if (owed_.empty() || (owed_.size() < 5 && below(20) == 0))
        owed_[plan_.add_source()] = {};
      auto& [source, owed] = *std::next(owed_.begin(), static_cast<std::ptrdiff_t>(below(owed_.size())));
      ASSERT_NO_FATAL_FAILURE(step(source, owed));
    }
    EXPECT_EQ(here_.size(), chunks_);
    EXPECT_FALSE(plan_.has_unasked());
    for (auto& [source, owed] : owed_)
      EXPECT_EQ(plan_.next(source), std::nullopt);
  }

private:
  using debts = std::deque<std::uint64_t>;

  std::uint64_t below(std::uint64_t end) { return std::uniform_int_distribution<std::uint64_t>{0, end - 1}(random_); }

  void step(pull_plan::source source, debts& owed) {
    if (below(30) == 0) {
      plan_.lost(source);
      ASSERT_EQ(plan_.next(source), std::nullopt) << "asked though it is lost";
      owed_.erase(source);
    } else if (!owed.empty() && below(2) == 0) {
      answer(source, owed);
    } else if (owed.size() < 4) {
      ask(source, owed);
    }
  }

  void ask(pull_plan::source source, debts& owed) {
    auto chunk = plan_.next(source);
    if (!chunk) {
      ASSERT_TRUE(!owed.empty() || everything_is_owed_twice()) << "an idle source has nothing to do";
      return;
    }
    ASSERT_LT(*chunk, chunks_);
    ASSERT_FALSE(here_.contains(*chunk)) << "asked again";
    ASSERT_EQ(std::count(owed.begin(), owed.end(), *chunk), 0) << "asked twice of the same source";
    owed.push_back(*chunk);
    ASSERT_LE(askers(*chunk), 2);
    ASSERT_TRUE(askers(*chunk) == 1 || owed.size() == 1) << "only an idle source helps another one";
  }

  void answer(pull_plan::source source, debts& owed) {
    auto chunk = owed.front();
    owed.pop_front();
    if (below(4) == 0) {
      plan_.refused(source, chunk);
    } else {
      plan_.arrived(source, chunk);
      here_.insert(chunk);
    }
  }

  std::ptrdiff_t askers(std::uint64_t chunk) const {
    return std::count_if(owed_.begin(), owed_.end(), [&](const auto& entry) {
      return std::find(entry.second.begin(), entry.second.end(), chunk) != entry.second.end();
    });
  }

  bool everything_is_owed_twice() const {
    for (std::uint64_t chunk = 0; chunk < chunks_; ++chunk)
      if (!here_.contains(chunk) && askers(chunk) < 2)
        return false;
    return true;
  }

  std::mt19937 random_;
  std::uint64_t chunks_;
  pull_plan plan_;
  std::map<pull_plan::source, debts> owed_;
  std::set<std::uint64_t> here_;
};

} // namespace

TEST(pull_plan, asks_in_ascending_order_and_each_chunk_once) {
  pull_plan plan{6};
  auto a = plan.add_source(), b = plan.add_source();
  EXPECT_EQ(ask(plan, a, 2), (chunks{0, 1}));
  EXPECT_EQ(ask(plan, b, 3), (chunks{2, 3, 4}));
  plan.arrived(a, 0);
  EXPECT_EQ(ask(plan, a), (chunks{5}));
  EXPECT_FALSE(plan.has_unasked());
  EXPECT_FALSE(plan.is_complete());
}

TEST(pull_plan, has_nothing_to_ask_for_an_empty_object) {
  pull_plan plan{0};
  EXPECT_TRUE(plan.is_complete());
  EXPECT_EQ(plan.next(plan.add_source()), std::nullopt);
}

TEST(pull_plan, does_not_ask_for_what_was_here_before) {
  pull_plan plan{3};
  plan.arrived(1);
  plan.arrived(1);
  EXPECT_EQ(ask(plan, plan.add_source()), (chunks{0, 2}));
}

TEST(pull_plan, asks_others_for_what_a_lost_source_owed) {
  pull_plan plan{4};
  auto a = plan.add_source(), b = plan.add_source();
  ask(plan, a, 3);
  plan.arrived(a, 1);
  plan.lost(a);
  EXPECT_EQ(ask(plan, b), (chunks{0, 2, 3}));
  EXPECT_EQ(plan.next(a), std::nullopt);
}

TEST(pull_plan, asks_an_idle_source_for_the_last_that_another_one_owes) {
  pull_plan plan{4};
  auto slow = plan.add_source(), idle = plan.add_source(), third = plan.add_source();
  ask(plan, slow);
  EXPECT_EQ(ask(plan, idle), (chunks{3}));
  EXPECT_EQ(ask(plan, third), (chunks{2}));
  plan.arrived(idle, 3);
  EXPECT_EQ(ask(plan, idle), (chunks{1}));
  plan.arrived(slow, 0);
  plan.arrived(slow, 1);
  plan.arrived(third, 2);
  EXPECT_TRUE(plan.is_complete());
  plan.arrived(idle, 1); // late
  EXPECT_EQ(plan.next(idle), std::nullopt);
}

TEST(pull_plan, never_has_a_chunk_asked_of_three) {
  pull_plan plan{1};
  auto a = plan.add_source(), b = plan.add_source(), c = plan.add_source();
  EXPECT_EQ(ask(plan, a), (chunks{0}));
  EXPECT_EQ(ask(plan, b), (chunks{0}));
  EXPECT_EQ(ask(plan, c), (chunks{}));
  plan.lost(a);
  EXPECT_EQ(ask(plan, c), (chunks{0}));
}

TEST(pull_plan, asks_others_first_for_what_a_source_has_refused) {
  pull_plan plan{3};
  auto a = plan.add_source(), b = plan.add_source();
  EXPECT_EQ(ask(plan, a, 1), (chunks{0}));
  plan.refused(a, 0);
  EXPECT_EQ(ask(plan, a), (chunks{1, 2}));
  EXPECT_EQ(ask(plan, b), (chunks{0}));
}

TEST(pull_plan, asks_the_only_source_again_for_what_it_has_refused) {
  pull_plan plan{2};
  auto a = plan.add_source();
  ask(plan, a);
  plan.refused(a, 0);
  plan.refused(a, 1);
  EXPECT_EQ(ask(plan, a), (chunks{0, 1}));
}

TEST(pull_plan, counts_chunks_of_the_largest_objects) {
  auto count = chunks_of(std::uint64_t{5} << 40);
  pull_plan plan{count};
  for (std::uint64_t chunk = 0; chunk + 1 < count; ++chunk)
    plan.arrived(chunk);
  EXPECT_EQ(ask(plan, plan.add_source()), (chunks{count - 1}));
}

TEST(pull_plan, gets_every_chunk_whatever_its_sources_do) {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    simulation{seed}.run();
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
  }
}
