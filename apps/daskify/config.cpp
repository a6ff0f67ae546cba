#include "command.hpp"

#include "daskify/config/option_table.hpp"
#include "daskify/text/json.hpp"

#include <iostream>
#include <sstream>

namespace daskify::command {

using namespace daskify::internal;

namespace {

std::string value_json(const option_entry& option, const settings& all) {
  auto text = option.write(all);
  if (!option.is_list)
    return json_string(text);
  std::vector<std::string> lines;
  std::istringstream stream{text};
  for (std::string line; std::getline(stream, line);)
    if (line != "none")
      lines.push_back(json_string(line));
  return json_array(lines);
}

std::string settings_json(const settings& all) {
  json_object members;
  for (const auto& option : option_table())
    members.add(option.name,
                json_object{}.add("value", value_json(option, all)).add_text("origin", all.origin(option.name)).text());
  return members.text();
}

} // namespace

int config(arguments given) {
  boost::program_options::options_description own{""};
  own.add_options()("json", "for programs: one object of JSON, with value and origin of each option")(
      "options", "explain every option instead");
  parsed all{"config", own, std::move(given)};
  if (all.shows_help("[--json] [--options] [--config FILE] [--NAME VALUE]...",
                     "Shows the value of every option, and where it comes from: the file that --config\n"
                     "or DASKIFY_CONFIG names, DASKIFY_NAME in the environment, the command line, or\n"
                     "its default.\n\n"
                     "Examples:\n"
                     "  daskify config --options | less\n"
                     "  daskify config --config cluster.conf\n"
                     "  daskify config --mode slurm --size 64 --json"))
    return done;
  if (all.has("options"))
    std::cout << help_text();
  else
    std::cout << (all.has("json") ? settings_json(all.settings()) + '\n' : describe_settings(all.settings()));
  return done;
}

} // namespace daskify::command
