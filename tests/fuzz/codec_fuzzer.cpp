/// libFuzzer entry for the codec:
///     CXX=clang++ cmake -B build-fuzz && cmake --build build-fuzz --target codec-fuzzer && build-fuzz/bin/codec-fuzzer
/// The first byte chooses a type, the rest is decoded as a value of it.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

#include "daskify/codec.hpp"
#include "daskify/error.hpp"

namespace {

struct tree {
  std::vector<tree> children;
  std::optional<std::string> name;
};

/// What decodes must encode, to as many bytes, and decode again.
template <class T>
void try_type(std::span<const std::byte> bytes) {
  try {
    auto again = daskify::encode(daskify::decode<T>(bytes));
    if (again.size() != bytes.size())
      std::abort();
    daskify::decode<T>(again);
  } catch (const daskify::data_error&) {
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  auto bytes = std::as_bytes(std::span{data, size}).subspan(1);
  switch (data[0] % 8) {
  case 0:
    try_type<std::vector<std::string>>(bytes);
    break;
  case 1:
    try_type<tree>(bytes);
    break;
  case 2:
    try_type<std::map<std::string, std::variant<int, bool, std::vector<double>>>>(bytes);
    break;
  case 3:
    try_type<std::unordered_map<int, std::set<std::uint8_t>>>(bytes);
    break;
  case 4:
    try_type<std::vector<bool>>(bytes);
    break;
  case 5:
    try_type<std::tuple<bool, std::optional<std::vector<int>>, long double>>(bytes);
    break;
  case 6:
    try_type<std::vector<std::monostate>>(bytes);
    break;
  default:
    try_type<std::vector<std::vector<double>>>(bytes);
  }
  return 0;
}
