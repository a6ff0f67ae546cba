#pragma once

/// What the subcommands of `daskify` have in common.

#include "daskify/config/settings.hpp"

#include <boost/program_options.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace daskify::command {

/// What the program says by its exit code.
enum exit_codes : int { done = 0, failed = 1, no_cluster = 3 };

using arguments = std::vector<std::string>; ///< behind the subcommand's name

int up(arguments given);
int down(arguments given);
int status(arguments given);
int logs(arguments given);
int script(arguments given);
int config(arguments given);
int clean(arguments given);

/// A subcommand's arguments: its own, and the options of daskify, whose names may be written without "daskify.".
class parsed {
public:
  /// `name` is the subcommand; `own` has its options without "help"; `words` names the option that words without a name
  /// are for, if there may be any. Throws config_error.
  parsed(std::string name, const boost::program_options::options_description& own, arguments given,
         const char* words = nullptr);

  /// `--help` was given: shows usage and description, which ends with examples, and the options. The caller returns.
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

/// Columns of the terminal; very many where the output is none.
std::size_t output_width();

} // namespace daskify::command
