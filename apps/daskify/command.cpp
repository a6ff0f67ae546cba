#include "command.hpp"

#include "daskify/config/loader.hpp"
#include "daskify/config/option_table.hpp"
#include "daskify/config/value_text.hpp"
#include "daskify/error.hpp"
#include "daskify/text/nearest.hpp"
#include "daskify/text/printable.hpp"

#include <algorithm>
#include <iostream>
#include <limits>
#include <map>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

namespace daskify::command {

namespace po = boost::program_options;
using namespace daskify::internal;

namespace {

[[noreturn]] void refuse(const std::string& sentence) {
  throw config_error{error_code::unknown_option, sentence};
}

/// Finds the option that is written as `--name`; returns its name in the table without dashes, or "".
std::string option_of_table(std::string name) {
  std::ranges::replace(name, '-', '_');
  if (name == "program") // its name in daskify-worker
    name = "worker_program";
  if (name == "config") // not in the table, but always an option of this command, independent of short_options
    return name;
  auto known = std::ranges::find(option_table(), name, &option_entry::name);
  return known == option_table().end() ? std::string{} : name;
}

/// Converts "--size 4" to the form that load_settings accepts: "--daskify.size 4".
std::string in_full(const std::string& argument) {
  if (!argument.starts_with("--"))
    return argument;
  auto end = std::min(argument.find('='), argument.size());
  auto name = option_of_table(argument.substr(2, end - 2));
  return name.empty() ? argument : "--daskify." + name + argument.substr(end);
}

settings settings_from(arguments& given) {
  std::vector<char*> argv;
  std::string program = "daskify";
  argv.push_back(program.data());
  for (auto& argument : given)
    argv.push_back(argument.data());
  argv.push_back(nullptr);
  auto argc = static_cast<int>(argv.size() - 1);
  auto all = load_settings(argc, argv.data(), {}, process_environment());
  arguments kept{argv.begin() + 1, argv.begin() + argc};
  given = std::move(kept);
  return all;
}

[[noreturn]] void refuse_unknown(const std::string& name, const std::string& option,
                                 const po::options_description& own) {
  std::vector<std::string_view> known{"help", "config"};
  for (const auto& o : own.options())
    known.push_back(o->long_name());
  for (const auto& o : option_table())
    known.push_back(o.name);
  auto bare = option.substr(std::min(option.find_first_not_of('-'), option.size()));
  auto meant = nearest(bare, known);
  refuse("unknown option " + in_quotes(option) +
         (meant ? ": did you mean '--" + std::string{*meant} + "'?" : ": 'daskify " + name + " --help' lists them"));
}

} // namespace

parsed::parsed(std::string name, const po::options_description& own, arguments given, const char* words)
    : name_{std::move(name)},
      own_{own},
      help_{std::ranges::find(given, "--help") != given.end() || std::ranges::find(given, "-h") != given.end()} {
  if (help_)
    return;
  std::ranges::transform(given, given.begin(), in_full);
  settings_ = settings_from(given);
  if (settings_.help) {
    help_ = true;
    return;
  }
  po::positional_options_description positional;
  if (words)
    positional.add(words, 1);
  try {
    using namespace po::command_line_style;
    po::store(po::command_line_parser{given}
                  .options(own)
                  .positional(positional)
                  .style(unix_style & ~allow_guessing & ~allow_sticky)
                  .run(),
              values_);
    po::notify(values_);
  } catch (const po::unknown_option& e) {
    refuse_unknown(name_, e.get_option_name(), own);
  } catch (const po::too_many_positional_options_error&) {
    auto word = std::ranges::find_if(given, [](const std::string& g) { return !g.starts_with("-"); });
    refuse("The argument " + in_quotes(words || word == given.end() ? given.back() : *word) +
           " means nothing to 'daskify " + name_ + "'; 'daskify " + name_ + " --help' shows what does.");
  } catch (const po::error& e) {
    throw config_error{error_code::bad_option_value,
                       std::string{e.what()} + "; 'daskify " + name_ + " --help' shows how it is meant."};
  }
}

bool parsed::shows_help(const std::string& usage, const std::string& description) const {
  if (!help_)
    return false;
  std::cout << "Usage: daskify " << name_ << ' ' << usage << "\n\n"
            << description << "\n\nOptions:\n"
            << own_
            << "  --help                this text\n\n"
               "Each option of daskify, such as mode, size or queue, can be given as --NAME\n"
               "VALUE, too, or in a file that --config names; 'daskify config --options'\n"
               "explains them.\n";
  return true;
}

std::size_t output_width() {
  winsize size{};
  bool is_terminal = ::isatty(STDOUT_FILENO) == 1 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  return is_terminal && size.ws_col != 0 ? size.ws_col : std::numeric_limits<std::size_t>::max();
}

} // namespace daskify::command
