/// Starts, shows and ends standing clusters: one source file for each subcommand.
///
/// Usage: daskify SUBCOMMAND [ARGUMENTS]; daskify --help

#include "command.hpp"

#include "daskify/config/value_text.hpp"
#include "daskify/error.hpp"
#include "daskify/os/notice.hpp"
#include "daskify/text/nearest.hpp"
#include "daskify/text/printable.hpp"
#include "daskify/version.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>

using namespace daskify::command;
using namespace daskify::internal;

namespace {

struct subcommand {
  std::string_view name;
  int (*run)(arguments);
  std::string_view help;
};

constexpr std::array subcommands{
    subcommand{"up", up, "starts a cluster that stays, on this machine or in jobs of SLURM"},
    subcommand{"status", status, "shows its scheduler, workers, jobs, data and programs"},
    subcommand{"logs", logs, "shows what its scheduler, workers or jobs have printed"},
    subcommand{"down", down, "ends it"},
    subcommand{"script", script, "shows the job script that the settings give"},
    subcommand{"config", config, "shows the settings, and where each comes from"},
    subcommand{"clean", clean, "removes what ended clusters have left"},
};

void print_help() {
  std::cout << "Usage: daskify SUBCOMMAND [ARGUMENTS]\n\nSubcommands:\n";
  for (const auto& s : subcommands)
    std::cout << "  " << s.name << std::string(8 - s.name.size(), ' ') << s.help << '\n';
  std::cout << "\n'daskify SUBCOMMAND --help' tells more, with examples.\n\n"
               "Examples:\n"
               "  daskify up --program ./my_program --size 8\n"
               "  ./my_program --mode connect\n"
               "  daskify status\n"
               "  daskify down\n\n"
               "Exit codes: 0 done, 1 it failed, 3 there is no cluster (status, logs).\n";
}

int run(int argc, char** argv) {
  std::string name = argc > 1 ? argv[1] : "";
  if (name == "--help" || name == "-h" || name == "help") {
    print_help();
    return done;
  }
  if (name == "--version") {
    std::cout << "daskify " DASKIFY_VERSION_STRING "\n";
    return done;
  }
  if (name.empty())
    throw daskify::config_error{daskify::error_code::unknown_option,
                                "a subcommand is missing; 'daskify --help' lists them."};
  auto known = std::ranges::find(subcommands, name, &subcommand::name);
  if (known != subcommands.end())
    return known->run({argv + 2, argv + argc});
  std::vector<std::string_view> names;
  for (const auto& s : subcommands)
    names.push_back(s.name);
  auto meant = nearest(name, names);
  throw daskify::config_error{
      daskify::error_code::unknown_option,
      "unknown subcommand " + in_quotes(name) +
          (meant ? ": did you mean '" + std::string{*meant} + "'?" : ": 'daskify --help' lists them.")};
}

} // namespace

int main(int argc, char** argv) try {
  auto code = run(argc, argv);
  std::cout.flush();
  return std::cout ? code : static_cast<int>(failed);
} catch (const std::exception& e) {
  std::cout.flush(); // earlier output
  notice("daskify" + (argc > 1 && argv[1][0] != '-' ? std::string{" "} + argv[1] : "") + ": " + e.what());
  return failed;
}
