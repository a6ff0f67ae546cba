#include "command.hpp"

#include "daskify/defaults.hpp"
#include "daskify/error.hpp"
#include "daskify/host/cluster_control.hpp"
#include "daskify/transport/find_cluster.hpp"

#include <chrono>
#include <iostream>

namespace daskify::command {

using namespace daskify::internal;

int down(arguments given) {
  boost::program_options::options_description own{""};
  parsed all{"down", own, std::move(given)};
  if (all.shows_help("[--config FILE]",
                     "Ends the cluster that the option connection_directory, or scheduler, names: its\n"
                     "workers, its jobs and its data. Programs that are attached get an error that\n"
                     "says so. The logs stay. Where there is no cluster there is nothing to do.\n\n"
                     "Examples:\n"
                     "  daskify down\n"
                     "  daskify down --config cluster.conf"))
    return done;
  if (auto why = why_no_cluster(all.settings()); !why.empty()) {
    std::cout << why << '\n';
    return done;
  }
  constexpr auto patience = std::chrono::ceil<std::chrono::seconds>(tuning::end_of_cluster);
  if (!end_standing_cluster(all.settings(), patience))
    throw cluster_error{error_code::no_answer, "The cluster did not stop within " + std::to_string(patience.count()) +
                                                   " s; look at it by 'daskify status', or wait and call this again."};
  std::cout << "The cluster has ended.\n";
  return done;
}

} // namespace daskify::command
