/// Workers for a standing cluster, with one store: `size` processes, which run the functions of loaded libraries, or of
/// a program. Ends together with the scheduler; at SIGTERM or SIGINT it gives back its tasks first.
///
/// Usage: daskify-worker [--config FILE] [--scheduler HOST:PORT] [--load LIBRARY...] [--program PROGRAM]
///                       [--daskify.NAME VALUE]...

#include "daskify/config/loader.hpp"
#include "daskify/config/option_table.hpp"
#include "daskify/config/value_text.hpp"
#include "daskify/error.hpp"
#include "daskify/host/node_process.hpp"
#include "daskify/host/worker_process.hpp"
#include "daskify/launch/launch_variables.hpp"
#include "daskify/os/notice.hpp"
#include "daskify/text/printable.hpp"

#include <exception>
#include <iostream>
#include <map>
#include <string>
#include <vector>

using namespace daskify::internal;

namespace {

/// Converts short names of options, and several values after one name, to the form that load_settings accepts.
std::vector<std::string> in_full(int argc, char** argv) {
  const std::map<std::string, std::string> names{{"--scheduler", "--daskify.scheduler"},
                                                 {"--load", "--daskify.load"},
                                                 {"--program", "--daskify.worker_program"},
                                                 {"--config", "--daskify.config"}, // independent of short_options
                                                 {"--mode", "--daskify.mode"}};
  std::vector<std::string> all;
  std::string list; // the list option whose values may follow
  for (int i = 0; i < argc; ++i) {
    std::string argument = argv[i];
    auto name = argument.substr(0, argument.find('='));
    if (auto known = names.find(name); known != names.end())
      argument.replace(0, name.size(), known->second);
    if (argument.starts_with("--"))
      list = argument == "--daskify.load" ? argument : "";
    else if (!list.empty() && all.back() != list)
      all.push_back(list);
    all.push_back(argument);
  }
  return all;
}

} // namespace

int main(int argc, char** argv) try {
  if (auto worker = take_worker_launch())
    become_worker(*worker);
  if (auto node = take_node_launch())
    become_node(*node);
  auto arguments = in_full(argc, argv);
  std::vector<char*> pointers;
  for (auto& argument : arguments)
    pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  auto count = static_cast<int>(arguments.size());
  auto settings = load_settings(count, pointers.data(), {}, process_environment());
  if (settings.help) {
    std::cout
        << "Usage: daskify-worker [--config FILE] [--scheduler HOST:PORT] [--load LIBRARY...] [--program PROGRAM]\n"
           "                      [--daskify.NAME VALUE]...\n\n"
           "--scheduler, --load and --program are short for the options scheduler, load and worker_program.\n\n"
        << help_text();
    return 0;
  }
  if (count > 1)
    throw daskify::config_error{daskify::error_code::unknown_option,
                                "The argument " + in_quotes(pointers[1]) +
                                    " means nothing; --daskify.help shows what does."};
  settings.resolve_paths();
  return join_cluster(settings, arguments[0]);
} catch (const std::exception& e) {
  notice("daskify-worker: " + std::string{e.what()});
  return 1;
}
