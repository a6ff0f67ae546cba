#include "daskify/transport/connection.hpp"

#include "daskify/error.hpp"
#include "daskify/text/words.hpp"
#include "daskify/transport/secret.hpp"

#include <algorithm>

namespace daskify::internal {

namespace {

constexpr std::string_view first_line = "daskify-session 1";

bool parse_line(std::string_view line, connection& result) {
  auto key = take_until(line, ' ');
  if (key == "session") {
    result.session_id = line;
  } else if (key == "secret") {
    result.secret = line;
  } else if (key == "build") {
    result.build_id = line;
  } else if (key == "address") {
    auto& address = result.addresses.emplace_back();
    address.host = take_until(line, ' ');
    return parse_number(line, address.port);
  } else if (key == "owner") {
    auto pid = take_until(line, ' ');
    auto start_time = take_until(line, ' ');
    result.owner.boot_id = take_until(line, ' ');
    auto pid_namespace = take_until(line, ' ');
    result.owner.host = line;
    return parse_number(pid, result.owner.pid) && parse_number(start_time, result.owner.start_time) &&
           parse_number(pid_namespace, result.owner.pid_namespace);
  } else {
    return false;
  }
  return true;
}

} // namespace

bool is_valid(const connection& what) {
  auto good_address = [](const endpoint& address) { return is_word(address.host) && address.port != 0; };
  return is_word(what.session_id) && is_word(what.build_id) && is_secret(what.secret) && is_word(what.owner.boot_id) &&
         is_word(what.owner.host) && what.owner.pid > 0 && !what.addresses.empty() &&
         std::all_of(what.addresses.begin(), what.addresses.end(), good_address);
}

std::string format_connection(const connection& what) {
  std::string text{first_line};
  text += "\nsession " + what.session_id + "\n";
  for (const auto& address : what.addresses)
    text += "address " + address.host + " " + std::to_string(address.port) + "\n";
  text += "secret " + what.secret + "\n";
  text += "owner " + std::to_string(what.owner.pid) + " " + std::to_string(what.owner.start_time) + " " +
          what.owner.boot_id + " " + std::to_string(what.owner.pid_namespace) + " " + what.owner.host + "\n";
  text += "build " + what.build_id + "\nend\n";
  return text;
}

connection parse_connection(std::string_view text, const std::filesystem::path& file) {
  connection result;
  bool good = text.size() <= largest_connection_text;
  for (auto rest = text; good && !rest.empty();) {
    auto line = take_until(rest, '\n');
    good = line == first_line || line == "end" || parse_line(line, result);
  }
  // Rejects every text that format_connection would not write: other order, repetition, blanks, leading zeros.
  if (!good || !is_valid(result) || format_connection(result) != text)
    throw cluster_error{error_code::session_failed,
                        "the connection file '" + file.string() +
                            "' is damaged or of another version of daskify; remove it once no scheduler of that "
                            "version runs"};
  return result;
}

} // namespace daskify::internal
