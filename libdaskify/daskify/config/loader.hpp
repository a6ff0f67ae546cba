#pragma once

/// Reads the options from wherever they are given. Later wins: built-in default, config file (`--daskify.config`,
/// else options.config, else DASKIFY_CONFIG), DASKIFY_* environment, `options` in code, command line.

#include <map>
#include <string>

#include "daskify/config/settings.hpp"
#include "daskify/options.hpp"

namespace daskify::internal {

/// The secret of a standing cluster whose folder is not seen here.
inline constexpr auto secret_variable = "DASKIFY_SECRET";

/// Environment variables by name; those without DASKIFY_ in front are not looked at.
using environment = std::map<std::string, std::string>;

/// The environment of this process. Not to be called while another thread changes it.
environment process_environment();

/// The effective, validated settings.
///
/// Takes daskify's own options out of argc and argv: `--daskify.NAME=VALUE` or `--daskify.NAME VALUE` for
/// each name of the table (dashes count as underscores), `--daskify.config`, and `--daskify.help`; and, where
/// short_options is on, `config` and `mode` without the prefix. The last one wins. All else stays in its order, as does
/// everything from a lone `--` on; argv[argc] stays nullptr.
///
/// Throws config_error, and then leaves argc and argv as they were.
settings load_settings(int& argc, char** argv, const options& in_code, const environment& variables);

} // namespace daskify::internal
