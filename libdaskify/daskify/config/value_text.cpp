#include "daskify/config/value_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>

#include "daskify/defaults.hpp"
#include "daskify/text/printable.hpp"

namespace daskify::internal {

namespace {

struct time_unit {
  std::string_view name;
  std::int64_t milliseconds;
};

// From short to long.
constexpr std::array time_units{time_unit{"ms", 1}, time_unit{"s", 1'000}, time_unit{"m", 60'000},
                                time_unit{"h", 3'600'000}, time_unit{"d", 86'400'000}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// The files of other programs require quotes; here they would become part of the value.
void refuse_quotes(std::string_view text) {
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front())
    throw bad_value{"is in quotes, which would be part of it"};
}

void refuse_control_characters(std::string_view text) {
  if (std::ranges::any_of(text, [](char c) { return is_control(c) && c != '\t'; }))
    throw bad_value{"holds a control character"};
}

/// All of `text` as decimal digits; nothing for other text, and SIZE_MAX on overflow.
std::optional<std::size_t> read_digits(std::string_view text) {
  if (text.empty() || !std::ranges::all_of(text, is_digit))
    return std::nullopt;
  std::size_t value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc::result_out_of_range)
    return SIZE_MAX;
  return value;
}

/// HOURS:MM:SS or DAYS-HH:MM:SS, in milliseconds.
double read_walltime(std::string_view text) {
  auto part = [&](std::string_view digits, std::size_t most) {
    auto value = read_digits(digits);
    if (!value || *value > most)
      throw bad_value{"is not of the form HOURS:MM:SS or DAYS-HH:MM:SS"};
    return static_cast<double>(*value);
  };
  auto clock = text.substr(text.find('-') + 1); // the whole text when there is no '-'
  bool has_days = clock.size() != text.size();
  auto days = has_days ? part(text.substr(0, text.size() - clock.size() - 1), SIZE_MAX) : 0;

  auto first = clock.find(':');
  auto second = clock.rfind(':');
  if (first == second)
    throw bad_value{"has other parts than HOURS:MM:SS or DAYS-HH:MM:SS"};
  auto hours = part(clock.substr(0, first), has_days ? 23 : SIZE_MAX);
  auto minutes = part(clock.substr(first + 1, second - first - 1), 59);
  auto seconds = part(clock.substr(second + 1), 59);
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1'000;
}

/// Throws bad_value unless `text` begins with a digit.
void require_number(std::string_view text) {
  if (text.starts_with('-'))
    throw bad_value{"is negative"};
  if (text.empty() || !is_digit(text.front()))
    throw bad_value{"does not start with a number"};
}

/// Splits a text into a number and the rest.
std::pair<double, std::string_view> split_number(std::string_view text) {
  double number = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (failure == std::errc::result_out_of_range)
    throw bad_value{"is too large a number"};
  return {number, text.substr(static_cast<std::size_t>(end - text.data()))};
}

template <class Units>
const auto& find_unit(const Units& units, std::string_view name) {
  auto known = std::ranges::find_if(units, [&](const auto& unit) { return unit.name == name; });
  if (known == units.end())
    throw bad_value{"has the unknown unit " + in_quotes(name)};
  return *known;
}

/// Reads a number and its unit; returns milliseconds.
double read_number_with_unit(std::string_view text) {
  auto [number, unit] = split_number(text);
  return number * static_cast<double>(unit.empty() ? 1'000 : find_unit(time_units, unit).milliseconds);
}

struct size_unit {
  std::string_view name;
  std::uint64_t bytes;
};

constexpr std::array<size_unit, 9> size_units{{{"B", 1},
                                               {"KB", 1'000},
                                               {"MB", 1'000'000},
                                               {"GB", 1'000'000'000},
                                               {"TB", 1'000'000'000'000},
                                               {"KiB", 1ULL << 10},
                                               {"MiB", 1ULL << 20},
                                               {"GiB", 1ULL << 30},
                                               {"TiB", 1ULL << 40}}};

} // namespace

std::string host_and_port::form() const {
  return "HOST:PORT, such as node7:4711 or [::1]:4711";
}

endpoint host_and_port::read(std::string_view text) const {
  auto colon = text.rfind(':');
  auto host = text.substr(0, colon == text.npos ? 0 : colon);
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != host.npos)
    throw bad_value{"has an IPv6 address without brackets"};
  if (host.empty() || !std::ranges::all_of(host, [](char c) { return c > ' ' && c < '\x7f'; }))
    throw bad_value{"is not of the form HOST:PORT"};
  auto port = read_digits(text.substr(colon + 1));
  if (!port || *port == 0 || *port > limits::port)
    throw bad_value{"has no port from 1 to 65535"};
  return {std::string{host}, static_cast<std::uint16_t>(*port)};
}

std::string whole_number::form() const {
  return "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
}

std::size_t whole_number::read(std::string_view text) const {
  if (text.starts_with('-') && read_digits(text.substr(1)))
    throw bad_value{"is negative"};
  auto value = read_digits(text);
  if (!value)
    throw bad_value{"is not a whole number"};
  if (*value < least)
    throw bad_value{"is less than " + std::to_string(least)};
  if (*value > most)
    throw bad_value{"is more than " + std::to_string(most)};
  return *value;
}

std::string duration::form() const {
  return "a time from " + write(limits::shortest_duration) + " to " + write(limits::longest_duration) +
         ", such as 500ms, 1.5s, 10m, 2h, 3d or 10:00:00 (no unit: seconds)";
}

std::chrono::milliseconds duration::read(std::string_view text) const {
  require_number(text);
  auto value = text.find_first_of(":-") != text.npos ? read_walltime(text) : read_number_with_unit(text);
  value = std::round(value);
  if (value < static_cast<double>(limits::shortest_duration.count()))
    throw bad_value{"is less than " + write(limits::shortest_duration)};
  if (value > static_cast<double>(limits::longest_duration.count()))
    throw bad_value{"is more than " + write(limits::longest_duration)};
  return std::chrono::milliseconds{static_cast<std::int64_t>(value)};
}

std::string duration::write(std::chrono::milliseconds value) const {
  // The longest unit without a remainder, but 60s rather than 1m.
  auto unit = time_units.front();
  for (auto longer : time_units)
    if (value.count() % longer.milliseconds == 0 &&
        (longer.milliseconds <= 1'000 || value.count() / longer.milliseconds > 1))
      unit = longer;
  return std::to_string(value.count() / unit.milliseconds).append(unit.name);
}

std::string byte_size::form() const {
  return "a size of at least " + write(limits::smallest_store) + ", such as 500MB, 1.5GB or 64GiB";
}

std::uint64_t byte_size::read(std::string_view text) const {
  require_number(text);
  auto [number, unit] = split_number(text);
  if (unit.empty())
    throw bad_value{"has no unit"};
  auto value = std::round(number * static_cast<double>(find_unit(size_units, unit).bytes));
  if (value < static_cast<double>(limits::smallest_store))
    throw bad_value{"is less than " + write(limits::smallest_store)};
  if (value > static_cast<double>(limits::largest_store))
    throw bad_value{"is more than " + write(limits::largest_store)};
  return static_cast<std::uint64_t>(value);
}

std::string byte_size::write(std::uint64_t value) const {
  auto unit = size_units.front(); // the largest without a remainder
  for (auto larger : size_units)
    if (value % larger.bytes == 0 && larger.bytes > unit.bytes)
      unit = larger;
  return std::to_string(value / unit.bytes).append(unit.name);
}

std::string file_path::form() const {
  return "a path";
}

std::string file_path::read(std::string_view text) const {
  if (text.empty())
    throw bad_value{"is empty"};
  if (text.starts_with('~') || text.starts_with('$'))
    throw bad_value{"starts with '" + std::string{text.front()} + "', which is not replaced here"};
  refuse_quotes(text);
  refuse_control_characters(text);
  return std::string{text};
}

std::string word::form() const {
  return "a name";
}

std::string word::read(std::string_view text) const {
  if (text.empty())
    throw bad_value{"is empty"};
  if (text.starts_with('-'))
    throw bad_value{"begins with '-', which no name does"};
  refuse_quotes(text);
  refuse_control_characters(text);
  if (text.find(' ') != text.npos)
    throw bad_value{"holds a blank"};
  return std::string{text};
}

std::string line_list::form() const {
  return std::string{each} + ", as often as needed, or none";
}

std::vector<std::string> line_list::read(std::string_view text) const {
  std::vector<std::string> lines;
  if (text == "none")
    return lines;
  for (bool more = true; more;) {
    auto end = text.find('\n');
    auto line = text.substr(0, end);
    more = end != text.npos;
    text.remove_prefix(more ? end + 1 : text.size());
    if (line.find_first_not_of(' ') == line.npos)
      throw bad_value{"is empty, or has an empty line"};
    refuse_control_characters(line);
    lines.emplace_back(line);
  }
  return lines;
}

std::string line_list::write(const std::vector<std::string>& value) const {
  std::string text;
  for (const auto& line : value)
    text.append(text.empty() ? "" : "\n").append(line);
  return value.empty() ? "none" : text;
}

std::string host_list::form() const {
  return "names of hosts separated by commas, such as n1,someone@n2, or none";
}

std::vector<std::string> host_list::read(std::string_view text) const {
  std::vector<std::string> hosts;
  if (text == "none")
    return hosts;
  constexpr std::string_view separators{", \n"};
  for (auto begin = text.find_first_not_of(separators); begin != text.npos;) {
    auto end = std::min(text.find_first_of(separators, begin), text.size());
    auto host = text.substr(begin, end - begin);
    refuse_control_characters(host);
    // A name becomes an argument of ssh, and part of a file's name.
    if (host.starts_with('-') || host.find('/') != host.npos)
      throw bad_value{"holds a name that begins with '-' or has a '/' in it"};
    hosts.emplace_back(host);
    begin = text.find_first_not_of(separators, end);
  }
  if (hosts.empty())
    throw bad_value{"is empty"};
  return hosts;
}

std::string host_list::write(const std::vector<std::string>& value) const {
  std::string text;
  for (const auto& host : value)
    text.append(text.empty() ? "" : ",").append(host);
  return value.empty() ? "none" : text;
}

std::string yes_or_no::form() const {
  return "yes or no";
}

bool yes_or_no::read(std::string_view text) const {
  if (text != "yes" && text != "no")
    throw bad_value{"is neither yes nor no"};
  return text == "yes";
}

std::string on_or_off::form() const {
  return "on or off";
}

bool on_or_off::read(std::string_view text) const {
  if (text == "on" || text == "yes")
    return true;
  if (text == "off" || text == "no")
    return false;
  throw bad_value{"is neither on nor off"};
}

} // namespace daskify::internal
