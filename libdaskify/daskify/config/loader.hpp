#pragma once

/// Reads the options from all sources. Later sources win: built-in default, config file (`--daskify.config`, else
/// options.config, else DASKIFY_CONFIG), DASKIFY_* environment, `options` in code, command line.

#include <map>
#include <string>

#include "daskify/config/settings.hpp"
#include "daskify/options.hpp"

namespace daskify::internal {

/// The variable with the secret of a standing cluster whose folder is not visible here.
inline constexpr auto secret_variable = "DASKIFY_SECRET";

/// Environment variables by name; those without the prefix DASKIFY_ are ignored.
using environment = std::map<std::string, std::string>;

/// The environment of this process. Must not be called while another thread changes the environment.
environment process_environment();

/// The effective, validated settings.
///
/// Removes daskify's own options from argc and argv: `--daskify.NAME=VALUE` or `--daskify.NAME VALUE` for each name of
/// the table (dashes count as underscores), `--daskify.config`, and `--daskify.help`; and, if short_options is on,
/// `config` and `mode` without the prefix. The last occurrence wins. All other arguments keep their order, including
/// everything from a lone `--` on; argv[argc] stays nullptr.
///
/// Throws config_error, and then leaves argc and argv unchanged.
settings load_settings(int& argc, char** argv, const options& in_code, const environment& variables);

} // namespace daskify::internal
