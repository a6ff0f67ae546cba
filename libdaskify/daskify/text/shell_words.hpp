#pragma once

/// Texts as words of a shell and of a `#SBATCH` line. All functions here are pure and thread-safe.

#include <string>
#include <string_view>

namespace daskify::internal {

/// `text` as one argument of a command for sh and bash; left bare when it needs no quotes. Any byte but NUL arrives as
/// it is, newlines too. Throws config_error (bad_option_value) for a NUL.
///
/// Never holds "\r\n": sbatch takes a script with these two in a row for one from DOS and refuses it.
std::string quoted_for_shell(std::string_view text);

/// `text` as one argument on a `#SBATCH` line, in the form `--option='the value'` when it is an option with a value.
/// Throws config_error (bad_option_value) for what sbatch cannot read there: a newline, a NUL, and nothing at all.
///
/// sbatch reads such a line by rules of its own: quotes group, a backslash takes the meaning from the next character
/// within either kind of quotes too, a bare `#` begins a comment even in the middle of a word, and an empty argument
/// makes it skip the rest of the line. Outside of quotes a backslash keeps a blank only in SLURM after 23.11.
std::string quoted_for_sbatch(std::string_view text);

} // namespace daskify::internal
