/// The scheduler of a standing cluster, in the foreground: workers (daskify-worker) and programs (--mode connect) come
/// and go, until SIGTERM or SIGINT ends it.
///
/// Usage: daskify-scheduler [--config FILE] [--daskify.NAME VALUE]...

#include "daskify/config/loader.hpp"
#include "daskify/config/option_table.hpp"
#include "daskify/config/value_text.hpp"
#include "daskify/error.hpp"
#include "daskify/scheduler/standing_scheduler.hpp"

#include <exception>
#include <filesystem>
#include <iostream>

using namespace daskify::internal;

int main(int argc, char** argv) try {
  auto settings = load_settings(argc, argv, {}, process_environment());
  if (settings.help) {
    std::cout << "Usage: daskify-scheduler [--config FILE] [--daskify.NAME VALUE]...\n\n" << help_text();
    return 0;
  }
  if (argc > 1)
    throw daskify::config_error{daskify::error_code::unknown_option,
                                "The argument " + in_quotes(argv[1]) +
                                    " means nothing; --daskify.help shows what does."};
  settings.resolve_paths(std::filesystem::current_path());
  run_standing_scheduler(settings);
  return 0;
} catch (const std::exception& e) {
  std::cerr << "daskify-scheduler: " << e.what() << std::endl;
  return 1;
}
