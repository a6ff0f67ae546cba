/// Everything that a task throws becomes a message, and the worker goes on, except where the language ends the process.

#include "support/cluster_of_two.hpp"
#include "support/without_core_file.hpp"

#include <exception>
#include <string>

namespace {

using namespace daskify::test;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

struct thrown : cluster_of_two {
  /// The details of a task that throws, with the message in `sentence`; checks that its worker is the same afterwards.
  template <class F>
  daskify::task_details details_of(F throws) {
    auto workers_before = pids();
    daskify::task_details details;
    try {
      cluster.submit(throws).get();
      ADD_FAILURE() << "it did not throw";
    } catch (const daskify::task_error& e) {
      sentence = e.what();
      details = e.details();
    } catch (const std::exception& e) {
      ADD_FAILURE() << e.what();
    }
    EXPECT_EQ(pids(), workers_before) << "a worker died";
    return details;
  }

  std::set<int> pids() const {
    std::set<int> all;
    for (const auto& w : cluster.workers())
      all.insert(w.pid);
    return all;
  }

  std::string sentence;
};

TEST_F(thrown, a_null_pointer_is_named) {
  auto null = details_of([] { throw static_cast<const char*>(nullptr); });
  EXPECT_EQ(null.type, "char const*");
  EXPECT_EQ(null.text, "a null pointer instead of a text");
  EXPECT_THAT(sentence, HasSubstr(" threw char const*: a null pointer instead of a text ["));
  EXPECT_EQ(details_of([] { throw nullptr; }).text, "a null pointer instead of a text");
  EXPECT_EQ(details_of([] { throw static_cast<const char8_t*>(nullptr); }).text, "a null pointer instead of a text");
}

struct silent : std::exception {
  const char* what() const noexcept override { return nullptr; }
};
struct wordless : std::exception {
  const char* what() const noexcept override { return ""; }
};

TEST_F(thrown, an_exception_without_a_text_is_named_by_its_type) {
  EXPECT_EQ(details_of([] { throw silent{}; }).text, "what() is a null pointer");
  EXPECT_THAT(details_of([] { throw wordless{}; }).type, HasSubstr("wordless"));
  EXPECT_THAT(sentence, Not(HasSubstr("wordless:")));
}

TEST_F(thrown, texts_of_all_character_types_arrive) {
  EXPECT_EQ(details_of([] { throw L"zu gro\u00df"; }).text, "zu gro\u00df");
  EXPECT_EQ(details_of([] { throw u8"zu gro\u00df"; }).text, "zu gro\u00df");
  EXPECT_EQ(details_of([] { throw std::u16string{u"zu gro\u00df"}; }).text, "zu gro\u00df");
  EXPECT_EQ(details_of([] { throw 17; }).text, "17");
}

TEST_F(thrown, nested_exceptions_are_all_told) {
  auto nested = details_of([] {
    try {
      throw std::invalid_argument{"step is 0"};
    } catch (...) {
      std::throw_with_nested(std::runtime_error{"cannot integrate"});
    }
  });
  EXPECT_EQ(nested.text, "cannot integrate; caused by std::invalid_argument: step is 0");
}

TEST_F(thrown, a_text_of_50_MB_is_cut) {
  auto begin = std::chrono::steady_clock::now();
  auto huge = details_of([] { throw std::runtime_error{std::string(50'000'000, 'x')}; });
  EXPECT_THAT(huge.text, AllOf(testing::SizeIs(testing::Lt(5000)), EndsWith("x ... (cut)")));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{10});
}

TEST_F(thrown, a_combination_of_megabytes_is_cut_where_it_is_named) {
  auto all = cluster.gather_data(cluster.map([](const std::string& text) -> std::size_t { throw text.size(); },
                                             std::vector{std::string(3'000'000, 'x')}),
                                 daskify::on_error::keep);
  EXPECT_THAT(all.at(0).message(), AllOf(HasSubstr("xxx ... (cut)) of "), HasSubstr(": 3000000 [")));
}

TEST_F(thrown, what_steers_a_terminal_does_not_arrive) {
  auto evil = details_of([] { throw std::runtime_error{"\x1b]0;owned\a\x1b[2J\u009b1m\xff"}; });
  EXPECT_EQ(evil.text, "?]0;owned??[2J??1m?");
  EXPECT_EQ(sentence.find('\x1b'), std::string::npos);
  auto data = cluster.submit([] { throw daskify::data_error{daskify::error_code::object_lost, "\x1b[2J"}; });
  try {
    data.get();
    FAIL();
  } catch (const daskify::data_error& e) {
    EXPECT_THAT(e.what(), Not(HasSubstr("\x1b")));
  }
}

struct throws_when_destroyed {
  bool is_thrown = true;
  throws_when_destroyed() = default;
  ~throws_when_destroyed() noexcept(false) {
    if (is_thrown)
      throw 7;
  }
};

TEST_F(thrown, an_object_whose_destructor_throws_fails_its_own_task_only) {
  auto workers_before = pids();
  auto kept = cluster.gather_data(cluster.map(
                                      [](int x) {
                                        if (x % 3 == 0)
                                          throw throws_when_destroyed{};
                                        return x;
                                      },
                                      daskify::range(200)),
                                  daskify::on_error::keep);
  for (std::size_t i = 0; i < 200; ++i) {
    ASSERT_EQ(kept[i].has_value(), i % 3 != 0) << i << ": " << (kept[i].has_value() ? "" : kept[i].message());
    if (i % 3 == 0)
      EXPECT_THAT(kept[i].message(), HasSubstr("throws_when_destroyed")) << i;
    else
      EXPECT_EQ(kept[i].value(), static_cast<int>(i));
  }
  EXPECT_EQ(pids(), workers_before) << "a worker died";
}

const char* throw_a_number() {
  throw 7;
}

struct throws_in_what : std::exception {
  const char* what() const noexcept override { return throw_a_number(); }
};

TEST_F(thrown, a_what_that_throws_ends_its_worker_as_the_language_demands_and_no_other_task_is_lost) {
  auto kept = cluster.gather_data(cluster.map(
                                      [](int x) {
                                        if (x == 3) {
                                          without_core_file();
                                          throw throws_in_what{};
                                        }
                                        return x;
                                      },
                                      daskify::range(20)),
                                  daskify::on_error::keep);
  for (std::size_t i = 0; i < 20; ++i)
    EXPECT_EQ(kept[i].has_value(), i != 3) << i;
  EXPECT_EQ(kept[3].code(), daskify::error_code::worker_died);
  EXPECT_THAT(kept[3].message(), HasSubstr("terminate called"));
}

} // namespace
