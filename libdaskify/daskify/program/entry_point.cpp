#include "daskify/program/entry_point.hpp"

#include "daskify/code/code_address.hpp"
#include "daskify/program/function_registry.hpp"

#include <string>

namespace daskify::internal {

std::unique_ptr<task_program> make_program(const function_ref& program, decoder& description, program_inputs& inputs) {
  if (program.registered.empty()) {
    auto factory = reinterpret_cast<program_factory*>(const_cast<void*>(to_address(program)));
    return factory(description, inputs);
  }
  asked_signature asked;
  asked.hash = description.read<std::uint64_t>();
  asked.written = description.read<std::string>();
  auto f = function_registry::of_process().find(program, asked);
  return f.make(f.function, description, inputs);
}

} // namespace daskify::internal
