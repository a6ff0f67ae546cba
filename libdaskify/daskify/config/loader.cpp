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

#include "daskify/config/option_table.hpp"
#include "daskify/config/value_text.hpp"
#include "daskify/error.hpp"
#include "daskify/text/nearest.hpp"
#include "daskify/text/printable.hpp"

namespace po = boost::program_options;

namespace daskify::internal {

namespace {

constexpr std::string_view argument_prefix{"--daskify."};
constexpr std::string_view variable_prefix{"DASKIFY_"};
constexpr std::size_t largest_config_file = 1 << 20; // bytes
constexpr std::string_view byte_order_mark{"\xef\xbb\xbf"};
constexpr std::string_view own_section{"[daskify]"};

/// One value of one option, as given by a source.
struct assignment {
  const option_entry* option;
  std::string text;
  std::string origin;
  bool is_short_form = false; ///< without the prefix, so the program may have an option of this name
};

/// The arguments for daskify, and those left to the program.
struct command_line {
  std::vector<assignment> assignments;
  std::optional<std::string> config;
  bool config_is_short_form = false;
  bool help = false;
  std::vector<char*> kept;
};

struct config_file {
  std::string path;
  std::string origin;
  bool is_short_form = false;
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

/// The end of a sentence about an unknown name: the name that was probably meant, or how to list all names.
std::string suggestion(const std::string& name, std::vector<std::string_view> more, auto spell) {
  for (const auto& option : option_table())
    more.push_back(option.name);
  auto meant = nearest(with_underscores(lower_case(name)), more);
  return meant ? ": did you mean '" + spell(std::string{*meant}) + "'?" : ": --daskify.help shows the names there are";
}

// Command line.

bool is_short_form(std::string_view token) {
  auto argument = token.substr(0, token.find('='));
  return argument == "--config" || argument == "--mode";
}

/// Adds to a sentence about the short form of an option what to do if the program has such an option of its own.
std::string with_way_out(const std::string& sentence, std::string_view name) {
  auto option = std::string{name};
  return sentence + (sentence.ends_with('?') ? " Where --" : "; where --") + option +
         " is an option of the program itself, set options::short_options = false in its code, or "
         "DASKIFY_SHORT_OPTIONS=no: then daskify takes only --daskify." +
         option;
}

/// The name in a token that is meant for daskify ("size" in "--daskify.size=4"); nothing for the program's own tokens.
std::optional<std::string_view> own_name(std::string_view token, bool with_short_forms) {
  auto argument = token.substr(0, token.find('='));
  if (with_short_forms && is_short_form(token))
    return argument.substr(2);
  if (argument.starts_with(argument_prefix))
    return argument.substr(argument_prefix.size());
  return std::nullopt;
}

/// The arguments that Boost shall know.
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

/// Parses `--daskify.NAME=VALUE`. Passes one argument at a time to Boost, which would otherwise take a following option
/// for a missing value, and reject some of the program's own arguments.
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

/// `with_short_forms`: --config and --mode belong to daskify, too.
command_line read_command_line(int argc, char** argv, bool with_short_forms) {
  command_line result;
  if (argc == 0)
    return result;
  auto* const end = argv + argc;
  auto* const own_end = std::find(argv + 1, end, std::string_view{"--"});
  auto known = known_arguments();

  result.kept.push_back(argv[0]);
  for (auto** at = argv + 1; at != own_end; ++at) {
    std::string_view token{*at};
    auto own = own_name(token, with_short_forms);
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

    auto is_short = is_short_form(token);
    auto equals = argument.find('=');
    if (is_short && (equals == argument.npos || equals + 1 == argument.size()))
      throw config_error{error_code::bad_option_value,
                         with_way_out("option '--" + name + "' needs a value: write --" + name + "=VALUE", name)};
    auto parsed = parse_argument(argument, known);
    if (parsed.unregistered)
      throw config_error{error_code::unknown_option,
                         "unknown option " + in_quotes(std::string{token.substr(0, token.find('='))}) +
                             suggestion(name, {"help", "config"},
                                        [](const std::string& meant) { return std::string{argument_prefix} + meant; })};
    if (name == "help")
      result.help = true;
    else if (name == "config") {
      result.config = parsed.value.front();
      result.config_is_short_form = is_short;
    } else
      result.assignments.push_back({find_option(name), parsed.value.front(), "command line", is_short});
  }
  result.kept.insert(result.kept.end(), own_end, end);
  return result;
}

// Config file.

[[noreturn]] void throw_unreadable(const config_file& file, const std::string& why) {
  auto sentence = "config file " + in_quotes(file.path) + " (" + file.origin + ") cannot be read because " + why +
                  ": name a text file with lines NAME = VALUE";
  throw config_error{error_code::unreadable_config, file.is_short_form ? with_way_out(sentence, "config") : sentence};
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

/// The key and value of one line; nothing if the line has none. Passes one line at a time to Boost, because Boost does
/// not report line numbers.
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
    if (section != own_section)
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

/// Whether a text is meant for daskify: it has our section, or one of our options outside of other sections.
bool is_for_daskify(std::string_view text) {
  if (text.starts_with(byte_order_mark))
    text.remove_prefix(byte_order_mark.size());
  bool is_elsewhere = false;
  std::istringstream in{std::string{text}};
  for (std::string line; std::getline(in, line);) {
    line.erase(0, line.find_first_not_of(" \t\r"));
    if (line.starts_with(own_section))
      return true;
    is_elsewhere = is_elsewhere || line.starts_with('[');
    auto name = line.substr(0, line.find_first_of("= \t"));
    if (!is_elsewhere && line.find('=') != line.npos && find_option(with_underscores(name)))
      return true;
  }
  return false;
}

std::vector<assignment> read_lines(const config_file& file, const std::string& text) {
  std::vector<assignment> result;
  std::map<std::string, std::size_t> lines_of;
  std::istringstream in{text};
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (number == 1 && line.starts_with(byte_order_mark))
      line.erase(0, byte_order_mark.size());
    auto where = file.path + ":" + std::to_string(number);
    auto parsed = parse_line(line, where);
    if (!parsed)
      continue;
    auto name = with_underscores(parsed->string_key);
    const auto* option = find_option(name);
    if (!option) {
      auto meant = name; // names in a file lack the prefix of the command line
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

/// Rejects a file that is named by a short form and not meant for daskify, whatever else is wrong with it.
std::vector<assignment> read_config_file(const config_file& file) {
  auto text = read_text(file);
  auto is_blank = text.find_first_not_of(" \t\r\n") == text.npos;
  if (!file.is_short_form || is_blank || is_for_daskify(text))
    return read_lines(file, text);
  auto nothing_of_ours = "config file " + in_quotes(file.path) + " (" + file.origin +
                         ") has neither a section [daskify] nor a line NAME = VALUE of daskify's";
  try {
    read_lines(file, text);
  } catch (const config_error& e) {
    throw config_error{e.code(), with_way_out(e.what(), "config")};
  }
  throw config_error{error_code::unreadable_config, with_way_out(nothing_of_ours, "config")};
}

std::optional<config_file> choose_config_file(const command_line& command, const options& in_code,
                                              const environment& variables) {
  if (command.config)
    return config_file{*command.config, "--config", command.config_is_short_form};
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
        variable == secret_variable) // not an option, so that it is never in a file or on a command line
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

/// Joins the lines of each list, which a source may give one by one, to one value.
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

/// Whether --config and --mode belong to daskify, according to all sources but these two. `without` is the command line
/// without them.
bool takes_short_forms(const command_line& without, const options& in_code, const environment& variables) {
  settings decided;
  if (without.help)
    return decided.short_options;
  const auto* option = find_option("short_options");
  auto set_from = [&](const std::vector<assignment>& given) {
    for (const auto& one : given)
      if (one.option == option)
        set_option(decided, *option, one.text, one.origin);
  };
  if (auto file = choose_config_file(without, in_code, variables))
    try {
      set_from(read_config_file(*file));
    } catch (const config_error&) {
      // --config may name another file; otherwise this one is read again, and the error is reported then.
    }
  set_from(read_environment(variables));
  set_from(read_code(in_code));
  set_from(without.assignments);
  return decided.short_options;
}

void set(settings& into, const assignment& one) {
  try {
    set_option(into, *one.option, one.text, one.origin);
  } catch (const config_error& e) {
    if (!one.is_short_form)
      throw;
    throw config_error{e.code(), with_way_out(e.what(), one.option->name)};
  }
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
  auto command = read_command_line(argc, argv, false);
  if (takes_short_forms(command, in_code, variables))
    command = read_command_line(argc, argv, true);
  settings result;
  result.help = command.help;
  if (!result.help) {
    auto set_all = [&](const std::vector<assignment>& assignments) {
      for (const auto& one : with_lists_joined(assignments))
        set(result, one);
    };
    if (auto file = choose_config_file(command, in_code, variables))
      set_all(read_config_file(*file));
    set_all(read_environment(variables));
    set_all(read_code(in_code));
    set_all(command.assignments);
    if (command.config_is_short_form && !result.short_options)
      throw config_error{
          error_code::bad_option_value,
          "short_options = no (" + result.origin("short_options") +
              ") cannot be in a file that --config names, as then --config is no option of daskify: name "
              "the file by --daskify.config"};
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
