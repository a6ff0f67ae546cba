#include "command.hpp"

#include "daskify/host/cluster_control.hpp"
#include "daskify/host/status_text.hpp"
#include "daskify/text/json.hpp"
#include "daskify/transport/find_cluster.hpp"

#include <iostream>

namespace daskify::command {

using namespace daskify::internal;

int status(arguments given) {
  boost::program_options::options_description own{""};
  own.add_options()("json", "for programs: one object of JSON");
  parsed all{"status", own, std::move(given)};
  if (all.shows_help("[--json] [--config FILE]",
                     "Shows the cluster that the option connection_directory, or scheduler, names: its\n"
                     "workers, the jobs of SLURM that it has submitted, what its nodes store, and what\n"
                     "the programs that are attached have submitted.\n\n"
                     "Exit codes: 0 it runs, 3 there is no cluster, 1 that cannot be told.\n\n"
                     "Examples:\n"
                     "  daskify status\n"
                     "  watch daskify status\n"
                     "  daskify status --json --config cluster.conf"))
    return done;
  if (auto why = why_no_cluster(all.settings()); !why.empty()) {
    if (all.has("json"))
      std::cout << json_object{}.add("running", "false").add_text("reason", why).text() << '\n';
    else
      std::cerr << why << '\n';
    return no_cluster;
  }
  auto view = look_at_cluster(all.settings());
  std::cout << (all.has("json") ? status_json(view) + '\n' : status_text(view, output_width()));
  return done;
}

} // namespace daskify::command
