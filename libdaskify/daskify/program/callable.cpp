#include "daskify/program/callable.hpp"

#include "daskify/code/code_address.hpp"

namespace daskify::internal {

void write_function(encoder& out, const void* function) {
  auto where = to_reference(function);
  out.write(where.module);
  out.write(where.offset);
  out.write(where.file);
}

const void* read_function(decoder& in) {
  function_ref where;
  where.module = in.read<std::string>();
  where.offset = in.read<std::uint64_t>();
  where.file = in.read<std::string>();
  return to_address(where);
}

std::string name_of_function(const void* function) {
  auto name = symbol_at(function);
  return name.empty() ? "function at " + std::to_string(to_reference(function).offset) : name;
}

} // namespace daskify::internal
