#include "daskify/text/shell_words.hpp"

#include "daskify/error.hpp"
#include "daskify/text/printable.hpp"

#include <algorithm>

namespace daskify::internal {

namespace {

/// Whether the character has no special meaning to sh, bash and sbatch, in any locale.
bool is_plain(char c) {
  constexpr std::string_view harmless_marks{"_-+=@%/:.,"};
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         harmless_marks.find(c) != harmless_marks.npos;
}

bool all_plain(std::string_view text) {
  return std::ranges::all_of(text, is_plain);
}

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  throw config_error{error_code::bad_option_value, in_quotes(text) + " " + why};
}

} // namespace

std::string quoted_for_shell(std::string_view text) {
  if (text.find('\0') != text.npos)
    refuse(text, "cannot be passed to a program: it holds a NUL character");
  if (!text.empty() && all_plain(text))
    return std::string{text};
  std::string word{"'"};
  for (char c : text)
    if (c == '\'')
      word += R"('\'')";
    else if (c == '\n' && word.back() == '\r')
      word += "''\n";
    else
      word += c;
  return word += '\'';
}

std::string quoted_for_sbatch(std::string_view text) {
  if (text.empty())
    refuse(text, "cannot be an argument on a #SBATCH line: sbatch skips what follows an empty one");
  if (text.find('\n') != text.npos)
    refuse(text, "cannot be written on a #SBATCH line: it holds a newline");
  if (text.find('\0') != text.npos)
    refuse(text, "cannot be written on a #SBATCH line: it holds a NUL character");

  // Only options are left unquoted: ":", "hetjob" and "packjob" are keywords of sbatch.
  auto option = text.starts_with("--") ? text.substr(0, text.find('=') + 1) : std::string_view{}; // npos + 1 is 0
  if (text.starts_with('-') && all_plain(text))
    return std::string{text};
  if (!all_plain(option))
    option = {};
  std::string word{option};
  word += '\'';
  for (char c : text.substr(option.size())) {
    if (c == '\'' || c == '\\')
      word += '\\';
    word += c;
  }
  return word += '\'';
}

} // namespace daskify::internal
