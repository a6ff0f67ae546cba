#include "daskify/deploy/nodelist.hpp"

#include "daskify/config/value_text.hpp"
#include "daskify/error.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace daskify::internal {

namespace {

constexpr std::size_t longest_number = 20;
constexpr std::size_t longest_name = 255; // of a host

/// Reads a list from its front. Throws config_error about the whole of it.
class reader {
public:
  reader(std::string_view list, std::string_view kind, std::size_t most)
      : list_{list},
        rest_{list},
        kind_{kind},
        most_{most} {}

  bool at_end() const { return rest_.empty(); }

  bool take(std::string_view what) {
    if (!rest_.starts_with(what))
      return false;
    rest_.remove_prefix(what.size());
    return true;
  }

  void expect(std::string_view what) {
    if (!take(what))
      refuse();
  }

  /// As digits: zeros in front belong to a node's name.
  std::string_view digits() {
    auto text = rest_.substr(0, rest_.find_first_not_of("0123456789"));
    if (text.empty() || text.size() > longest_number)
      refuse();
    rest_.remove_prefix(text.size());
    return text;
  }

  std::size_t number() { return to_number(digits()); }

  std::size_t to_number(std::string_view digits) const {
    std::size_t value = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc{})
      refuse();
    return value;
  }

  /// Up to a bracket or comma.
  std::string_view name() {
    constexpr std::string_view ends = "[],() \t\n";
    auto text = rest_.substr(0, rest_.find_first_of(ends));
    rest_.remove_prefix(text.size());
    return text;
  }

  /// `count` times `factor` items must not be too many.
  void expect_room(std::size_t count, std::size_t factor = 1) const {
    if (factor != 0 && count > most_ / factor)
      throw config_error{error_code::bad_option_value,
                         in_quotes(list_) + " are more than " + std::to_string(most_) + " " + std::string{kind_}};
  }

  [[noreturn]] void refuse() const {
    throw config_error{error_code::bad_option_value,
                       in_quotes(list_) + " is no list of " + std::string{kind_} + " as SLURM writes them"};
  }

private:
  std::string_view list_;
  std::string_view rest_;
  std::string_view kind_;
  std::size_t most_;
};

/// `1-3,05]`, behind a '['.
std::vector<std::string> read_ranges(reader& in) {
  std::vector<std::string> numbers;
  do {
    auto first = in.digits();
    auto from = in.to_number(first);
    auto to = in.take("-") ? in.number() : from;
    if (to < from)
      in.refuse();
    in.expect_room(to - from);
    in.expect_room(numbers.size() + (to - from) + 1);
    for (auto i = from; i <= to; ++i) {
      auto number = std::to_string(i);
      numbers.push_back(std::string(first.size() - std::min(first.size(), number.size()), '0') + number);
    }
  } while (in.take(","));
  in.expect("]");
  return numbers;
}

/// `rack[1-2]n[1-3]`: every name with every number.
std::vector<std::string> read_names(reader& in) {
  auto begin = in.name();
  if (begin.empty() || begin.size() > longest_name)
    in.refuse();
  std::vector<std::string> names{std::string{begin}};
  while (in.take("[")) {
    auto numbers = read_ranges(in);
    in.expect_room(names.size(), numbers.size());
    auto behind = in.name();
    if (names.back().size() + numbers.back().size() + behind.size() > longest_name)
      in.refuse();
    std::vector<std::string> longer;
    longer.reserve(names.size() * numbers.size());
    for (const auto& name : names)
      for (const auto& number : numbers)
        longer.push_back(name + number + std::string{behind});
    names = std::move(longer);
  }
  return names;
}

} // namespace

std::vector<std::string> expand_nodelist(std::string_view list, std::size_t most) {
  std::vector<std::string> all;
  reader in{list, "nodes", most};
  if (in.at_end())
    return all;
  do {
    auto names = read_names(in);
    in.expect_room(all.size() + names.size());
    std::ranges::move(names, std::back_inserter(all));
  } while (in.take(","));
  if (!in.at_end())
    in.refuse();
  return all;
}

std::vector<std::size_t> expand_tasks_per_node(std::string_view list, std::size_t most) {
  std::vector<std::size_t> all;
  reader in{list, "tasks on nodes", most};
  if (in.at_end())
    return all;
  do {
    auto tasks = in.number();
    std::size_t nodes = 1;
    if (in.take("(x")) {
      nodes = in.number();
      in.expect(")");
    }
    in.expect_room(nodes);
    in.expect_room(all.size() + nodes);
    all.insert(all.end(), nodes, tasks);
  } while (in.take(","));
  if (!in.at_end())
    in.refuse();
  return all;
}

} // namespace daskify::internal
