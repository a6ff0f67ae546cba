#include "daskify/config/loader.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/make_shared.hpp>
#include <boost/program_options.hpp>
#include <unistd.h>

#include "daskify/config/nearest.hpp"
#include "daskify/config/option_table.hpp"
#include "daskify/config/value_text.hpp"
#include "daskify/error.hpp"

namespace po = boost::program_options;

namespace daskify::internal {

namespace {

constexpr std::string_view argument_prefix{"--daskify."};
constexpr std::string_view variable_prefix{"DASKIFY_"};
constexpr std::size_t largest_config_file = 1 << 20; // bytes

/// One value of one option, as a source gives it.
struct assignment {
  const option_entry* option;
  std::string text;
  std::string origin;
};

/// What the command line says to daskify, and what it leaves to the program.
struct command_line {
  std::vector<assignment> assignments;
  std::optional<std::string> config;
  bool help = false;
  std::vector<char*> kept;
};

struct config_file {
  std::string path;
  std::string origin;
};

const option_entry* find_option(std::string_view name) {
  auto found = std::ranges::find(option_table(), name, &option_entry::name);
  return found == option_table().end() ? nullptr : &*found;
}

std::string with_underscores(std::string name) {
  std::ranges::replace(name, '-', '_');
  return name;
}

std::string lower_case(std::string name) {
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

std::string upper_case(std::string name) {
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return name;
}

/// The end of a sentence about an unknown name: the name that was probably meant, or where to find them all.
std::string suggestion(const std::string& name, std::vector<std::string_view> more, auto spell) {
  for (const auto& option : option_table())
    more.push_back(option.name);
  auto meant = nearest(with_underscores(lower_case(name)), more);
  return meant ? ": did you mean '" + spell(std::string{*meant}) + "'?" : ": --daskify.help shows the names there are";
}

// Command line.

/// The name in a token that is meant for daskify ("size" in "--daskify.size=4"); none in the program's own
/// tokens.
std::optional<std::string_view> own_name(std::string_view token) {
  auto argument = token.substr(0, token.find('='));
  if (argument == "--config" || argument == "--mode")
    return argument.substr(2);
  if (argument.starts_with(argument_prefix))
    return argument.substr(argument_prefix.size());
  return std::nullopt;
}

/// The arguments that Boost is to know.
po::options_description known_arguments() {
  po::options_description all;
  auto add = [&](std::string_view name, const po::value_semantic* value) {
    all.add(boost::make_shared<po::option_description>(("daskify." + std::string{name}).c_str(), value));
  };
  add("help", new po::untyped_value{true});
  add("config", po::value<std::string>());
  for (const auto& option : option_table())
    add(option.name, po::value<std::string>());
  return all;
}

/// Parses `--daskify.NAME=VALUE`. Boost gets one argument at a time: among several it takes a following
/// option for a missing value, and it finds fault with some of the program's own.
po::option parse_argument(const std::string& argument, const po::options_description& known) {
  using namespace po::command_line_style;
  try {
    return po::command_line_parser{std::vector{argument}}
        .options(known)
        .style(allow_long | long_allow_adjacent)
        .allow_unregistered()
        .run()
        .options.front();
  } catch (const po::invalid_command_line_syntax& syntax) {
    auto name = argument.substr(0, argument.find('='));
    throw config_error{error_code::bad_option_value, "option " + in_quotes(name) +
                                                         (syntax.kind() == po::invalid_syntax::extra_parameter
                                                              ? " takes no value: leave out the '=' and what follows"
                                                              : " needs a value: write " + name + "=VALUE")};
  }
}

command_line read_command_line(int argc, char** argv) {
  command_line result;
  if (argc == 0)
    return result;
  auto* const end = argv + argc;
  auto* const own_end = std::find(argv + 1, end, std::string_view{"--"});
  auto known = known_arguments();

  result.kept.push_back(argv[0]);
  for (auto** at = argv + 1; at != own_end; ++at) {
    std::string_view token{*at};
    auto own = own_name(token);
    if (!own) {
      result.kept.push_back(*at);
      continue;
    }
    auto name = with_underscores(std::string{*own});
    auto argument = std::string{argument_prefix} + name;
    if (auto value = token.find('='); value != token.npos)
      argument += token.substr(value);
    else if (name != "help" && at + 1 != own_end && !std::string_view{at[1]}.starts_with("--"))
      argument.append("=").append(*++at);

    auto parsed = parse_argument(argument, known);
    if (parsed.unregistered)
      throw config_error{error_code::unknown_option,
                         "unknown option " + in_quotes(std::string{token.substr(0, token.find('='))}) +
                             suggestion(name, {"help", "config"},
                                        [](const std::string& meant) { return std::string{argument_prefix} + meant; })};
    if (name == "help")
      result.help = true;
    else if (name == "config")
      result.config = parsed.value.front();
    else
      result.assignments.push_back({find_option(name), parsed.value.front(), "command line"});
  }
  result.kept.insert(result.kept.end(), own_end, end);
  return result;
}

// Config file.

[[noreturn]] void throw_unreadable(const config_file& file, const std::string& why) {
  throw config_error{error_code::unreadable_config, "config file " + in_quotes(file.path) + " (" + file.origin +
                                                        ") cannot be read because " + why +
                                                        ": name a text file with lines NAME = VALUE"};
}

std::string read_text(const config_file& file) {
  if (file.path.empty())
    throw_unreadable(file, "its name is empty");
  std::error_code ignored;
  if (std::filesystem::is_directory(file.path, ignored))
    throw_unreadable(file, "it is a folder");
  errno = 0;
  std::ifstream in{file.path, std::ios::binary};
  if (!in)
    throw_unreadable(file, "of this error: " + std::generic_category().message(errno));
  std::string text(largest_config_file + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad())
    throw_unreadable(file, "of this error: " + std::generic_category().message(errno));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > largest_config_file)
    throw_unreadable(file, "it is larger than 1 MiB");
  return text;
}

/// The key and value of one line; none when there are none on it. Boost reads one line at a time, because it
/// does not tell the numbers of lines.
std::optional<po::option> parse_line(const std::string& line, const std::string& where) {
  auto fail = [&](const std::string& sentence) {
    throw config_error{error_code::unreadable_config, where + ": " + sentence};
  };
  constexpr std::string_view blanks{" \t\r"};
  auto comment = line.find('#');
  if (comment != line.npos && comment != 0 && blanks.find(line[comment - 1]) == blanks.npos)
    fail("a '#' inside a value would cut it short: put a blank before a comment, and use no '#' in a value");

  auto start = line.find_first_not_of(blanks);
  if (start != line.npos && line[start] == '[') {
    auto section = line.substr(start, comment == line.npos ? comment : comment - start);
    section.erase(section.find_last_not_of(blanks) + 1);
    if (section != "[daskify]")
      fail("unknown section " + in_quotes(section) + ": the only one is [daskify], and it may be left out");
    return std::nullopt;
  }

  std::istringstream in{line};
  try {
    auto parsed = po::parse_config_file(in, po::options_description{}, true).options;
    return parsed.empty() ? std::nullopt : std::optional{parsed.front()};
  } catch (const po::invalid_config_file_syntax&) {
    fail("there is no '=' in " + in_quotes(line) + ": write NAME = VALUE");
  }
  return std::nullopt;
}

std::vector<assignment> read_config_file(const config_file& file) {
  std::vector<assignment> result;
  std::map<std::string, std::size_t> lines_of;
  std::istringstream in{read_text(file)};
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (constexpr std::string_view byte_order_mark = "\xef\xbb\xbf"; number == 1 && line.starts_with(byte_order_mark))
      line.erase(0, byte_order_mark.size());
    auto where = file.path + ":" + std::to_string(number);
    auto parsed = parse_line(line, where);
    if (!parsed)
      continue;
    auto name = with_underscores(parsed->string_key);
    const auto* option = find_option(name);
    if (!option) {
      auto meant = name; // in a file without the prefix that it has on a command line
      if (constexpr auto prefix = argument_prefix.substr(2); meant.starts_with(prefix))
        meant.erase(0, prefix.size());
      throw config_error{error_code::unknown_option,
                         where + ": unknown key " + in_quotes(parsed->string_key) +
                             suggestion(meant, {}, [](const std::string& known) { return known; })};
    }
    auto [first, is_new] = lines_of.try_emplace(name, number);
    if (!is_new && !option->is_list)
      throw config_error{error_code::unreadable_config, where + ": '" + name + "' was already set on line " +
                                                            std::to_string(first->second) + ": keep one of the two"};
    result.push_back({option, parsed->value.front(), where});
  }
  return result;
}

std::optional<config_file> choose_config_file(const command_line& command, const options& in_code,
                                              const environment& variables) {
  if (command.config)
    return config_file{*command.config, "--config"};
  if (in_code.config)
    return config_file{*in_code.config, "code"};
  if (auto set = variables.find("DASKIFY_CONFIG"); set != variables.end())
    return config_file{set->second, "environment DASKIFY_CONFIG"};
  return std::nullopt;
}

// Environment and code.

std::vector<assignment> read_environment(const environment& variables) {
  std::vector<assignment> result;
  for (const auto& [variable, value] : variables) {
    if (!variable.starts_with(variable_prefix) || variable == "DASKIFY_CONFIG" ||
        variable == secret_variable) // no option, so that it is never in a file or on a command line
      continue;
    auto name = lower_case(variable.substr(variable_prefix.size()));
    const auto* option = find_option(name);
    auto spell = [](const std::string& meant) { return std::string{variable_prefix} + upper_case(meant); };
    if (option && variable == spell(name))
      result.push_back({option, value, "environment " + variable});
    else
      throw config_error{error_code::unknown_option,
                         "unknown environment variable " + in_quotes(variable) + suggestion(name, {"config"}, spell)};
  }
  return result;
}

std::vector<assignment> read_code(const options& in_code) {
  std::vector<assignment> result;
  for (const auto& option : option_table())
    if (auto text = option.given(in_code))
      result.push_back({&option, *text, "code"});
  return result;
}

/// The lines of a list, which one source may give one by one, as one value.
std::vector<assignment> with_lists_joined(const std::vector<assignment>& given) {
  std::vector<assignment> result;
  for (const auto& one : given) {
    auto before = one.option->is_list ? std::ranges::find(result, one.option, &assignment::option) : result.end();
    if (before == result.end())
      result.push_back(one);
    else
      before->text += "\n" + one.text;
  }
  return result;
}

} // namespace

environment process_environment() {
  environment result;
  for (auto** at = environ; at && *at; ++at) {
    std::string_view variable{*at};
    auto equals = variable.find('=');
    if (variable.starts_with(variable_prefix) && equals != variable.npos)
      result.emplace(variable.substr(0, equals), variable.substr(equals + 1));
  }
  return result;
}

settings load_settings(int& argc, char** argv, const options& in_code, const environment& variables) {
  auto command = read_command_line(argc, argv);
  settings result;
  result.help = command.help;
  if (!result.help) {
    auto set_all = [&](const std::vector<assignment>& assignments) {
      for (const auto& [option, text, origin] : with_lists_joined(assignments))
        set_option(result, *option, text, origin);
    };
    if (auto file = choose_config_file(command, in_code, variables))
      set_all(read_config_file(*file));
    set_all(read_environment(variables));
    set_all(read_code(in_code));
    set_all(command.assignments);
    result.validate();
  }
  if (argv) {
    auto* const end = std::ranges::copy(command.kept, argv).out;
    *end = nullptr;
    argc = static_cast<int>(end - argv);
  }
  return result;
}

} // namespace daskify::internal
