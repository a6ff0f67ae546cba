#include "daskify/transport/find_cluster.hpp"

#include "daskify/config/loader.hpp"
#include "daskify/error.hpp"
#include "daskify/protocol/endpoint.hpp"

#include "support/leftovers.hpp"

#include <cstdlib>
#include <gtest/gtest.h>

namespace daskify::internal {
namespace {

struct find_cluster_test : testing::Test {
  test::temporary_folder base;
  settings options;
  connection there{"s-1", {{"node7", 4711}, {"::1", 4711}}, std::string(64, 'a'), this_process(), "b0b1"};

  find_cluster_test() { options.connection_directory = base.path() / "cluster"; }
  ~find_cluster_test() override { ::unsetenv(secret_variable); }

  std::string refusal(error_code code) {
    try {
      find_cluster(options);
    } catch (const cluster_error& e) {
      EXPECT_EQ(e.code(), code);
      return e.what();
    }
    return "nothing was thrown";
  }
};

TEST_F(find_cluster_test, finds_what_the_scheduler_has_told_in_its_folder) {
  auto folder = session_folder::claim(*options.connection_directory);
  folder.publish(there);
  auto found = find_cluster(options);
  EXPECT_EQ(found.addresses, there.addresses);
  EXPECT_EQ(found.secret, there.secret);
  options.scheduler = endpoint{"tunnel", 1};
  found = find_cluster(options);
  EXPECT_EQ(found.addresses, std::vector<endpoint>{*options.scheduler}) << "with the secret of the folder";
  EXPECT_EQ(found.secret, there.secret);
}

TEST_F(find_cluster_test, needs_no_folder_with_an_address_and_a_secret) {
  options.scheduler = endpoint{"node9", 1};
  ::setenv(secret_variable, std::string(64, 'b').c_str(), 1);
  auto found = find_cluster(options);
  EXPECT_EQ(found.addresses, std::vector<endpoint>{*options.scheduler});
  EXPECT_EQ(found.secret, std::string(64, 'b'));
}

TEST_F(find_cluster_test, says_what_is_missing) {
  EXPECT_NE(refusal(error_code::session_failed).find("start daskify-scheduler"), std::string::npos);
  options.scheduler = endpoint{"node9", 1};
  EXPECT_NE(refusal(error_code::session_failed).find(secret_variable), std::string::npos);
  ::setenv(secret_variable, "a guess", 1);
  EXPECT_NE(refusal(error_code::bad_secret).find("64 hexadecimal digits"), std::string::npos);
}

TEST_F(find_cluster_test, says_that_the_scheduler_has_ended) {
  auto folder = session_folder::claim(*options.connection_directory);
  there.owner.start_time += 1; // another process with this pid
  folder.publish(there);
  EXPECT_NE(refusal(error_code::scheduler_gone).find("has ended"), std::string::npos);
}

} // namespace
} // namespace daskify::internal
