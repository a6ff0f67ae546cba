#include "daskify/transport/find_cluster.hpp"

#include "daskify/config/loader.hpp"
#include "daskify/config/user_folder.hpp"
#include "daskify/config/value_text.hpp"
#include "daskify/error.hpp"
#include "daskify/os/notice.hpp"
#include "daskify/transport/network.hpp"
#include "daskify/transport/secret.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <variant>

namespace daskify::internal {

namespace {

constexpr auto look_patience = std::chrono::seconds{1};

} // namespace

std::filesystem::path connection_directory(const settings& options) {
  if (options.connection_directory)
    return *options.connection_directory;
  return user_folder("connection_directory") / "cluster";
}

std::string why_ended(const connection& told) {
  auto pid = "(pid " + std::to_string(told.owner.pid) + ")";
  if (is_gone(told.owner))
    return pid + " has ended";
  if (is_of_an_earlier_boot(told.owner) &&
      std::holds_alternative<unreached>(find_reachable(told.addresses, look_patience)))
    return pid + " has ended, because this machine was rebooted since";
  return {};
}

std::string why_no_cluster(const settings& options) {
  if (options.scheduler)
    return {};
  auto path = connection_directory(options);
  auto nobody =
      "There is no cluster: no scheduler has published its address in the folder '" + path.string() + "' where it is.";
  if (!session_folder::is_told_in(path))
    return nobody;
  try {
    auto why = why_ended(session_folder::open(path).read_connection());
    return why.empty() ? why
                       : "There is no cluster any more: the scheduler that the folder '" + path.string() +
                             "' tells of " + why + ".";
  } catch (const cluster_error&) {
    if (session_folder::is_told_in(path))
      throw;
    return nobody; // it was removed meanwhile
  }
}

std::chrono::milliseconds wait_for_cluster(const settings& options,
                                           const std::function<bool(std::chrono::milliseconds)>& pause) {
  constexpr std::chrono::milliseconds between_looks{100};
  auto until = std::chrono::steady_clock::now() + options.start_timeout;
  auto why = why_no_cluster(options);
  if (!why.empty() && options.progress != progress_style::off)
    notice("daskify: " + why + " Waiting for one, up to start_timeout (" + duration{}.write(options.start_timeout) +
           ").");
  while (!why.empty() && std::chrono::steady_clock::now() < until && pause(between_looks))
    why = why_no_cluster(options);
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()),
                  std::chrono::milliseconds{0});
}

found_cluster find_cluster(const settings& options) {
  const auto* secret = std::getenv(secret_variable);
  if (options.scheduler && secret && *secret != '\0' && !is_secret(secret))
    throw cluster_error{error_code::bad_secret, std::string{secret_variable} +
                                                    " is not the secret of a cluster, which has 64 hexadecimal digits; "
                                                    "set it to the word behind 'secret' in the scheduler's file."};
  if (options.scheduler && secret && *secret != '\0')
    return {{*options.scheduler}, secret, {}};
  auto path = connection_directory(options);
  if (!session_folder::is_told_in(path))
    throw cluster_error{
        error_code::session_failed,
        options.scheduler ? "The secret of the cluster at " + to_text(*options.scheduler) + " is neither in " +
                                secret_variable + " nor in the folder '" + path.string() +
                                "'; set the variable to the word behind 'secret' in the file that the scheduler "
                                "has written."
                          : "There is no cluster to connect to: no scheduler has told in the folder '" + path.string() +
                                "' where it is; start daskify-scheduler, name its folder by connection_directory, "
                                "or its address by scheduler."};
  auto folder = session_folder::open(path);
  auto where = folder.read_connection();
  if (options.scheduler)
    return {{*options.scheduler}, where.secret, folder};
  if (auto why = why_ended(where); !why.empty())
    throw cluster_error{error_code::scheduler_gone, "The scheduler that the folder '" + path.string() + "' tells of " +
                                                        why + "; start daskify-scheduler again."};
  return {where.addresses, where.secret, folder};
}

} // namespace daskify::internal
