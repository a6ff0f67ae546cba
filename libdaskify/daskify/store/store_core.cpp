#include "daskify/store/store_core.hpp"

#include "daskify/config/nearest.hpp"
#include "daskify/config/value_text.hpp"
#include "daskify/error.hpp"

#include <algorithm>

namespace daskify::internal {

namespace {

std::string name_of(object_id object) {
  return "object " + std::to_string(object.value);
}

/// As much of a list of names as a sentence can take.
std::string some_of(const std::vector<std::string_view>& names) {
  constexpr std::size_t most = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i)
    text += (i == 0 ? "" : ", ") + in_quotes(names[i]);
  if (names.size() > most)
    text += " and " + std::to_string(names.size() - most) + " more";
  return text;
}

} // namespace

void throw_unknown_object(object_id object) {
  throw data_error{error_code::unknown_object,
                   name_of(object) + " is not in the store, because its last handle was released or it never "
                                     "arrived: scatter it again and keep the handle"};
}

void throw_unknown_key(std::string_view key, const std::vector<std::string_view>& known) {
  auto sentence = "no data are scattered under the key " + in_quotes(key) + ": ";
  if (auto meant = nearest(key, known))
    sentence += "did you mean " + in_quotes(*meant) + "?";
  else if (known.empty())
    sentence += "no key is in use, so scatter the data under it first";
  else
    sentence += "use one that exists (" + some_of(known) + ") or scatter the data under it first";
  throw data_error{error_code::unknown_key, sentence};
}

void throw_key_taken(std::string_view key) {
  throw data_error{error_code::key_taken, "data are already scattered under the key " + in_quotes(key) +
                                              ": take another key, or ask for the old data to be replaced"};
}

void throw_bad_object_id(object_id object) {
  throw data_error{error_code::store_failed, name_of(object) +
                                                 (object ? " is in the store already" : " has no valid id") +
                                                 ": each object must come with a new id, greater than 0"};
}

void throw_not_referenced(object_id object) {
  throw data_error{error_code::store_failed,
                   name_of(object) + " is released more often than it was retained: release each handle once"};
}

} // namespace daskify::internal
