/// Programs of different versions of daskify find that out before any message.

#include "daskify/error.hpp"
#include "daskify/protocol/actors.hpp"
#include "daskify/scheduler/scheduler_actor.hpp"
#include "daskify/transport/connect.hpp"

#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>
#include <caf/send.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace daskify::internal {
namespace {

struct of_version : caf::actor_system_config {
  explicit of_version(const std::string& version) {
    add_message_types(*this, version);
    load<caf::io::middleman>();
  }
  void add_message_types(caf::actor_system_config& config, const std::string& version) {
    internal::add_message_types(config, version);
  }
};

/// A scheduler of one version, and what a process of another finds.
error_code connect(const std::string& theirs, const std::string& ours) {
  of_version their_config{theirs};
  caf::actor_system there{their_config};
  auto scheduler = there.spawn(scheduler_behavior, scheduler_setup{});
  auto where = publish(there, caf::actor_cast<scheduler_for_clients>(scheduler), "scheduler");
  auto code = error_code::none;
  {
    of_version our_config{ours};
    caf::actor_system here{our_config};
    try {
      connect_to<scheduler_for_workers>(here, {where}, "scheduler");
    } catch (const cluster_error& e) {
      code = e.code();
      EXPECT_THAT(e.what(), testing::HasSubstr("of another version of daskify"));
    }
  }
  caf::anon_send_exit(scheduler, caf::exit_reason::kill);
  return code;
}

TEST(wire_version, is_the_same_within_one_build_and_has_a_digest_of_all_messages) {
  EXPECT_EQ(wire_version().size(), 16u);
  EXPECT_EQ(wire_version(), wire_version());
}

TEST(wire_version, lets_the_same_version_in) {
  EXPECT_EQ(connect(wire_version(), wire_version()), error_code::none);
}

TEST(wire_version, turns_away_another_one) {
  EXPECT_EQ(connect("0123456789abcdef", wire_version()), error_code::other_build);
}

} // namespace
} // namespace daskify::internal
