#pragma once

/// Texts as words of a shell and of a `#SBATCH` line. All functions here are pure and thread-safe.

#include <string>
#include <string_view>

namespace daskify::internal {

/// Quotes `text` as one argument of a command for sh and bash, unless it needs no quotes. All bytes but NUL are
/// preserved, newlines too. Throws config_error (bad_option_value) for a NUL.
///
/// The result never contains "\r\n": sbatch takes a script that contains it for a DOS file and rejects it.
std::string quoted_for_shell(std::string_view text);

/// Quotes `text` as one argument on a `#SBATCH` line, in the form `--option='the value'` if it is an option with a
/// value. Throws config_error (bad_option_value) for a text that sbatch cannot read: one with a newline or a NUL, or an
/// empty one.
///
/// sbatch parses such a line by its own rules: quotes group, a backslash escapes the next character within both kinds
/// of quotes, too, an unquoted `#` begins a comment even in the middle of a word, and an empty argument makes it skip
/// the rest of the line. Outside of quotes a backslash escapes a blank only in SLURM after 23.11.
std::string quoted_for_sbatch(std::string_view text);

} // namespace daskify::internal
