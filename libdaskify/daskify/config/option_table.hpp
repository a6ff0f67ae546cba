#pragma once

/// The one table of options. A new option is a member of `options`, a member of `settings` and an entry here;
/// its name on the command line, in config files and in the environment, its help and its checks follow from
/// the entry.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daskify/config/settings.hpp"
#include "daskify/options.hpp"

namespace daskify::internal {

struct option_entry {
  std::string_view name; ///< as in a config file: lower case, underscores
  std::string form;      ///< the form of a value, in words that fit after "give"
  std::string_view help; ///< its effect and the reason for its default; lines end with '\n' except the last

  bool is_list; ///< may be given several times, one line each

  /// Parses `text` and stores the value in the settings; throws bad_value.
  std::function<void(std::string_view text, settings& into)> read;
  /// The effective value, in the form that `read` accepts.
  std::function<std::string(const settings& from)> write;
  /// The value set in code, in the form that `read` accepts.
  std::function<std::optional<std::string>(const options& from)> given;
};

/// All options, in the order in which they are shown to users.
const std::vector<option_entry>& option_table();

/// Sets one value and records its origin; throws config_error(bad_option_value), which names option, text and origin.
void set_option(settings& into, const option_entry& option, std::string_view text, std::string origin);

/// The text that `--daskify.help` shows.
std::string help_text();

/// A config file in which every option is explained and commented out at its default (config/local.conf). For SLURM,
/// the options that each site has to check are set to their defaults (config/slurm.conf); likewise for a standing
/// cluster (config/standing.conf).
std::string example_config(cluster_mode mode);

} // namespace daskify::internal
