#include "daskify/text/json.hpp"

#include "daskify/text/printable.hpp"

namespace daskify::internal {

std::string json_string(std::string_view text) {
  std::string result = "\"";
  for (char c : printable(text)) {
    if (c == '"' || c == '\\')
      result += '\\';
    if (c == '\n')
      result += "\\n";
    else if (c == '\t')
      result += "\\t";
    else
      result += c;
  }
  return result + '"';
}

std::string json_array(const std::vector<std::string>& elements) {
  std::string text;
  for (const auto& element : elements)
    text.append(text.empty() ? "" : ", ").append(element);
  return "[" + text + "]";
}

json_object& json_object::add(std::string_view name, const std::string& json) {
  members_.append(members_.empty() ? "" : ", ").append(json_string(name)).append(": ").append(json);
  return *this;
}

} // namespace daskify::internal
