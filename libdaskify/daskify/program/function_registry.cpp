#include "daskify/program/function_registry.hpp"

#include "daskify/code/code_address.hpp"
#include "daskify/code/type_label.hpp"
#include "daskify/config/value_text.hpp"
#include "daskify/error.hpp"
#include "daskify/text/nearest.hpp"
#include "daskify/text/printable.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace daskify::internal {

namespace {

[[noreturn]] void refuse(const std::string& sentence) {
  throw error{error_code::function_not_found, sentence};
}

/// The position after the angle bracket that closes the one before `begin`.
std::size_t end_of_arguments(std::string_view type, std::size_t begin) {
  auto open = 1;
  auto end = begin;
  for (; end < type.size() && open != 0; ++end)
    open += type[end] == '<' ? 1 : type[end] == '>' ? -1 : 0;
  return end;
}

/// A demangled name as in source code: without spaces between brackets and allocators, and with std::string.
std::string readable(std::string type) {
  auto replace = [&](std::string_view what, std::string_view with) {
    for (auto at = type.find(what); at != std::string::npos; at = type.find(what, at + with.size()))
      type.replace(at, what.size(), with);
  };
  replace(" >", ">");
  replace("std::__cxx11::", "std::");
  replace("std::basic_string<char, std::char_traits<char>, std::allocator<char>>", "std::string");
  replace("std::basic_string_view<char, std::char_traits<char>>", "std::string_view");
  constexpr std::string_view allocator{", std::allocator<"};
  for (auto at = type.find(allocator); at != std::string::npos; at = type.find(allocator, at))
    type.erase(at, end_of_arguments(type, at + allocator.size()) - at);
  return type;
}

} // namespace

function_registry& function_registry::of_process() {
  static auto* all = new function_registry;
  return *all;
}

void function_registry::add(registered_function f) {
  std::lock_guard guard{mutex_};
  functions_.push_back(std::move(f));
}

void function_registry::remove(const void* place) {
  std::lock_guard guard{mutex_};
  std::erase_if(functions_, [&](const registered_function& f) { return f.place == place; });
}

std::optional<function_ref> function_registry::reference_to(any_function f) const {
  const void* place = nullptr;
  std::string name;
  {
    std::lock_guard guard{mutex_};
    auto found = std::ranges::find(functions_, f, &registered_function::function);
    if (found == functions_.end())
      return {};
    place = found->place;
    name = found->name;
  }
  auto reference = to_place(place);
  reference.registered = std::move(name);
  return reference;
}

std::vector<registered_function> function_registry::all_named(std::string_view name) const {
  std::lock_guard guard{mutex_};
  std::vector<registered_function> all;
  std::ranges::copy_if(functions_, std::back_inserter(all), [&](const auto& f) { return f.name == name; });
  return all;
}

void function_registry::refuse_unknown(const std::string& name) const {
  std::vector<std::string> names;
  {
    std::lock_guard guard{mutex_};
    for (const auto& f : functions_)
      names.push_back(f.name);
  }
  std::vector<std::string_view> known{names.begin(), names.end()};
  auto meant = nearest(name, known);
  refuse(
      "The worker knows no function named " + in_quotes(name) +
      (meant ? " (did you mean " + in_quotes(*meant) + "?)" : "") +
      ": register it in its library by DASKIFY_FUNCTION, and start daskify-worker with that library, --load LIBRARY.");
}

registered_function function_registry::find(const function_ref& wanted, const asked_signature& asked) const {
  auto all = all_named(wanted.registered);
  if (all.empty())
    refuse_unknown(wanted.registered);
  if (!wanted.module.empty()) {
    std::erase_if(all, [&](const registered_function& f) { return !is_at(f.place, wanted); });
    if (all.empty())
      refuse("The worker knows the function " + in_quotes(wanted.registered) + ", but not that of " +
             in_quotes(wanted.file) + " (build id " + wanted.module +
             "), which the program is linked with: start daskify-worker with this very file by --load.");
  }
  const auto& first = all.front();
  for (const auto& f : all)
    if (f.function != first.function)
      refuse("There are two functions named " + in_quotes(first.name) + ", in " + in_quotes(file_of(first.place)) +
             " and in " + in_quotes(file_of(f.place)) +
             ": register one of them under another name, or load only one of these files.");
  if (first.signature().hash != asked.hash)
    refuse("The function " + in_quotes(first.name) + " of " + in_quotes(file_of(first.place)) + " is " +
           not_type(readable(first.written().name), readable(asked.written)) +
           ", as which it was called: give named_function the signature that it has.");
  return first;
}

} // namespace daskify::internal
