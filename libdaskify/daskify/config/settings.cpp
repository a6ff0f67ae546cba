#include "daskify/config/settings.hpp"

#include "daskify/config/option_table.hpp"
#include "daskify/config/value_text.hpp"
#include "daskify/error.hpp"

namespace daskify::internal {

std::string settings::origin(std::string_view name) const {
  auto known = origins.find(name);
  return known == origins.end() ? "default" : known->second;
}

void settings::resolve_paths(const std::filesystem::path& folder) {
  auto resolve = [&](std::string& path) { path = (folder / path).lexically_normal().string(); };
  for (auto* path : {&worker_program, &session_directory, &log_directory})
    if (*path)
      resolve(**path);
  if (spill_folder())
    resolve(spill_directory);
}

std::optional<std::string> settings::spill_folder() const {
  return spill_directory == "none" ? std::nullopt : std::optional{spill_directory};
}

void settings::validate() const {
  auto copy = *this;
  for (const auto& option : option_table())
    set_option(copy, option, option.write(*this), origin(option.name));

  if (heartbeat_timeout <= 2 * heartbeat_interval)
    throw config_error{error_code::bad_option_value,
                       "heartbeat_timeout " + duration{}.write(heartbeat_timeout) + " (" + origin("heartbeat_timeout") +
                           ") must be more than twice heartbeat_interval " + duration{}.write(heartbeat_interval) +
                           " (" + origin("heartbeat_interval") + "): raise the first or lower the second"};
}

std::string describe_settings(const settings& all) {
  constexpr std::size_t origin_column = 40;
  std::string text;
  for (const auto& option : option_table()) {
    auto line = std::string{option.name} + " = " + option.write(all);
    if (line.size() < origin_column)
      line.resize(origin_column, ' ');
    text += line + "  # " + all.origin(option.name) + "\n";
  }
  return text;
}

} // namespace daskify::internal
