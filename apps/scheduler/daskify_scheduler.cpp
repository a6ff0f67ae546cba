/// The scheduler of a standing cluster, in the foreground: workers (daskify-worker) and programs (--mode connect) may
/// join and leave, until SIGTERM or SIGINT ends the scheduler.
///
/// Usage: daskify-scheduler [--start-workers] [--config FILE] [--daskify.NAME VALUE]...

#include "daskify/config/loader.hpp"
#include "daskify/config/option_table.hpp"
#include "daskify/config/value_text.hpp"
#include "daskify/error.hpp"
#include "daskify/host/standing_scheduler.hpp"
#include "daskify/os/notice.hpp"
#include "daskify/text/printable.hpp"

#include <exception>
#include <iostream>
#include <string_view>

using namespace daskify::internal;

namespace {

constexpr auto usage = "Usage: daskify-scheduler [--start-workers] [--config FILE] [--daskify.NAME VALUE]...\n\n"
                       "  --start-workers\n"
                       "      Starts workers, too, as the option mode says: on this machine, or in jobs of SLURM.\n\n";

/// The scheduler's own arguments; all but the first are passed by `daskify up` only.
standing_setup read_arguments(int argc, char** argv) {
  constexpr std::string_view news = "--news-descriptor=";
  constexpr std::string_view logs = "--log-folder=";
  standing_setup setup;
  for (int i = 1; i < argc; ++i) {
    std::string_view argument{argv[i]};
    if (argument == "--start-workers")
      setup.start_workers = true;
    else if (argument.starts_with(news))
      setup.news_descriptor = static_cast<int>(whole_number{3, 1'000'000}.read(argument.substr(news.size())));
    else if (argument.starts_with(logs))
      setup.log_folder = argument.substr(logs.size());
    else
      throw daskify::config_error{daskify::error_code::unknown_option,
                                  "The argument " + in_quotes(argument) +
                                      " means nothing; --daskify.help shows what does."};
  }
  return setup;
}

} // namespace

int main(int argc, char** argv) try {
  auto variables = process_environment();
  variables.erase("DASKIFY_SHORT_OPTIONS"); // meant for programs with options of their own
  auto settings = load_settings(argc, argv, {}, variables);
  if (settings.help) {
    std::cout << usage << help_text();
    return 0;
  }
  auto setup = read_arguments(argc, argv);
  settings.resolve_paths();
  run_standing_scheduler(settings, setup);
  return 0;
} catch (const std::exception& e) {
  notice("daskify-scheduler: " + std::string{e.what()});
  return 1;
}
