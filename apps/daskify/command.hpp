#pragma once

/// The common parts of the subcommands of `daskify`.

#include "daskify/config/settings.hpp"

#include <boost/program_options.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace daskify::command {

/// Exit codes of the program.
enum exit_codes : int { done = 0, failed = 1, no_cluster = 3 };

using arguments = std::vector<std::string>; ///< after the name of the subcommand

int up(arguments given);
int down(arguments given);
int status(arguments given);
int logs(arguments given);
int script(arguments given);
int config(arguments given);
int clean(arguments given);

/// The arguments of a subcommand: its own options, and the options of daskify, whose prefix "daskify." may be omitted.
class parsed {
public:
  /// `name` is the subcommand; `own` has its options without "help"; `words` names the option that positional arguments
  /// are assigned to, if any are allowed. Throws config_error.
  parsed(std::string name, const boost::program_options::options_description& own, arguments given,
         const char* words = nullptr);

  /// If `--help` was given, prints usage, description (which ends with examples) and options, and returns true; the
  /// caller then returns.
  bool shows_help(const std::string& usage, const std::string& description) const;

  bool has(const char* option) const { return values_.count(option) != 0; }
  template <class T>
  T get(const char* option) const {
    return values_.at(option).as<T>();
  }
  const internal::settings& settings() const { return settings_; }

private:
  std::string name_;
  const boost::program_options::options_description& own_;
  internal::settings settings_;
  boost::program_options::variables_map values_;
  bool help_ = false;
};

/// Columns of the terminal; the maximum of std::size_t if the output is not a terminal.
std::size_t output_width();

} // namespace daskify::command
