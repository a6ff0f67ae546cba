#pragma once

/// Builds JSON as text. Pure.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace daskify::internal {

/// Adds double quotes and escapes; invalid characters are made printable (see printable.hpp).
std::string json_string(std::string_view text);
std::string json_array(const std::vector<std::string>& elements);

/// A JSON object; the values of its members are passed as JSON.
class json_object {
public:
  json_object& add(std::string_view name, const std::string& json);
  json_object& add_text(std::string_view name, std::string_view text) { return add(name, json_string(text)); }
  template <class Integer>
  json_object& add_number(std::string_view name, Integer value) {
    return add(name, std::to_string(value));
  }
  std::string text() const { return "{" + members_ + "}"; }

private:
  std::string members_;
};

} // namespace daskify::internal
