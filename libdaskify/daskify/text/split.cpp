#include "daskify/text/split.hpp"

#include <algorithm>

namespace daskify::internal {

std::vector<std::string_view> split(std::string_view text, char separator, std::size_t most_parts) {
  std::vector<std::string_view> parts;
  while (parts.size() + 1 < most_parts) {
    auto end = text.find(separator);
    if (end == text.npos)
      break;
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  parts.push_back(text);
  return parts;
}

std::vector<std::string_view> words_of(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (true) {
    auto begin = text.find_first_not_of(separators);
    if (begin == text.npos)
      return parts;
    auto end = std::min(text.find_first_of(separators, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    text.remove_prefix(end);
  }
}

} // namespace daskify::internal
