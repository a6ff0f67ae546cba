#include "daskify/protocol/fields.hpp"

#include "daskify/protocol/messages.hpp"

#include <gtest/gtest.h>

namespace daskify::internal {

namespace {

/// Counts the fields that it is given, and clears the numbers among them.
class counter {
public:
  static constexpr bool visits_fields = true;

  template <class... Fields>
  std::size_t operator()(Fields&... fields) {
    (clear(fields), ...);
    return sizeof...(fields);
  }

private:
  template <class T>
  static void clear(T& field) {
    if constexpr (std::is_arithmetic_v<T>)
      field = 0;
  }
};

TEST(fields, of_a_message_are_all_its_members) {
  counter visitor;
  run_spec large;
  large.tasks = 7;
  large.unattended = true;
  EXPECT_EQ(inspect(visitor, large), 12u);
  EXPECT_EQ(large.tasks, 0u);
  EXPECT_FALSE(large.unattended);
  run_id one{5};
  EXPECT_EQ(inspect(visitor, one), 1u);
  EXPECT_EQ(one.value, 0u);
  stop_node none;
  EXPECT_EQ(inspect(visitor, none), 0u);
}

TEST(fields, of_a_public_type_are_found_too) {
  counter visitor;
  daskify::progress counts;
  counts.total = 7;
  EXPECT_EQ(inspect(visitor, counts), 7u);
  EXPECT_EQ(counts.total, 0u);
}

} // namespace

} // namespace daskify::internal
