#include "daskify/deploy/nodelist.hpp"

#include "daskify/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace daskify;
using namespace daskify::internal;
using testing::ElementsAre;
using testing::IsEmpty;

namespace {

template <class Function>
std::string refusal_of(Function expand, std::string_view list) {
  try {
    expand(list);
  } catch (const config_error& refused) {
    EXPECT_EQ(refused.code(), error_code::bad_option_value);
    return refused.what();
  }
  return "none";
}

std::string refusal_of_nodes(std::string_view list) {
  return refusal_of([](std::string_view text) { return expand_nodelist(text); }, list);
}

std::string refusal_of_tasks(std::string_view list) {
  return refusal_of([](std::string_view text) { return expand_tasks_per_node(text); }, list);
}

} // namespace

TEST(nodelist, names_the_nodes_of_a_list) {
  EXPECT_THAT(expand_nodelist("login"), ElementsAre("login"));
  EXPECT_THAT(expand_nodelist("n[1-2,5],login"), ElementsAre("n1", "n2", "n5", "login"));
  EXPECT_THAT(expand_nodelist("a1,b-2.cluster"), ElementsAre("a1", "b-2.cluster"));
  EXPECT_THAT(expand_nodelist(""), IsEmpty());
}

TEST(nodelist, keeps_zeros_in_front) {
  EXPECT_THAT(expand_nodelist("n[08-11]"), ElementsAre("n08", "n09", "n10", "n11"));
  EXPECT_THAT(expand_nodelist("n[9-10,007]"), ElementsAre("n9", "n10", "n007"));
}

TEST(nodelist, combines_several_ranges_in_a_name) {
  EXPECT_THAT(expand_nodelist("rack[1-2]n[1,3]-ib"),
              ElementsAre("rack1n1-ib", "rack1n3-ib", "rack2n1-ib", "rack2n3-ib"));
}

TEST(nodelist, refuses_what_is_no_list) {
  for (auto list : {"n[",  "n[]",    "n[1",   "n[1-",  "n[1-]",  "n[2-1]", "n[1]]",   "n]",    ",",    "n1,",
                    ",n1", "n1,,n2", "[1-2]", "n[1,]", "n[a-b]", "n 1",    "n[1 -2]", "n(x2)", "n1\n", "n[000x133]"})
    EXPECT_THAT(refusal_of_nodes(list), testing::EndsWith("is no list of nodes as SLURM writes them")) << list;
}

TEST(nodelist, refuses_lists_that_would_fill_the_memory) {
  EXPECT_EQ(refusal_of_nodes("n[1-999999999]"), "'n[1-999999999]' are more than 65536 nodes");
  EXPECT_NE(refusal_of_nodes("n[0-18446744073709551615]"), "none");
  EXPECT_NE(refusal_of_nodes("n[1-99999999999999999999]"), "none");
  EXPECT_NE(refusal_of_nodes("n[1-1000]m[1-1000]"), "none");
  EXPECT_NE(refusal_of_nodes("n[1-40000],m[1-40000]"), "none");
  EXPECT_NE(refusal_of_nodes("n[1-40000,1-40000]"), "none");
  EXPECT_NE(refusal_of_nodes(std::string(300, 'n') + "[1-2]"), "none");
  EXPECT_NE(refusal_of_nodes("n[" + std::string(300, '0') + "1]"), "none");
  EXPECT_EQ(expand_nodelist("n[1-65536]").size(), most_nodes);
  EXPECT_EQ(expand_nodelist("n[1-3]", 3).size(), 3);
  EXPECT_THROW(expand_nodelist("n[1-4]", 3), config_error);
}

TEST(nodelist, counts_the_tasks_of_each_node) {
  EXPECT_THAT(expand_tasks_per_node("4,2"), ElementsAre(4, 2));
  EXPECT_THAT(expand_tasks_per_node("3(x2)"), ElementsAre(3, 3));
  EXPECT_THAT(expand_tasks_per_node("2(x3),1,4(x2)"), ElementsAre(2, 2, 2, 1, 4, 4));
  EXPECT_THAT(expand_tasks_per_node(""), IsEmpty());
}

TEST(nodelist, refuses_what_are_no_tasks_of_nodes) {
  for (auto list : {"x", "4,", ",4", "3(x", "3(x2", "3(2)", "3(x)", "-1", "3(x2)1", "4 2"})
    EXPECT_THAT(refusal_of_tasks(list), testing::EndsWith("is no list of tasks on nodes as SLURM writes them")) << list;
  EXPECT_EQ(refusal_of_tasks("1(x999999999)"), "'1(x999999999)' are more than 65536 tasks on nodes");
}
