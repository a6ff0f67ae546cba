#include "daskify/config/settings.hpp"

#include "daskify/config/option_table.hpp"
#include "daskify/config/value_text.hpp"
#include "daskify/error.hpp"

#include <algorithm>
#include <sstream>

namespace daskify::internal {

std::string settings::origin(std::string_view name) const {
  auto known = origins.find(name);
  return known == origins.end() ? "default" : known->second;
}

void settings::resolve_paths(const std::filesystem::path& folder) {
  auto resolve = [&](std::string& path) { path = (folder / path).lexically_normal().string(); };
  for (auto* path : {&worker_program, &session_directory, &log_directory, &connection_directory})
    if (*path)
      resolve(**path);
  if (spill_folder())
    resolve(spill_directory);
  for (auto& library : load) // for a missing one the dynamic loader searches its own folders
    if (std::error_code unknown; std::filesystem::exists(folder / library, unknown))
      resolve(library);
}

void settings::resolve_paths() {
  std::error_code failed;
  auto folder = std::filesystem::current_path(failed);
  if (failed)
    throw config_error{error_code::bad_option_value, "Cannot determine the working directory of this process (" +
                                                         failed.message() + "); go to one that is there."};
  resolve_paths(folder);
}

std::optional<std::string> settings::spill_folder() const {
  return spill_directory == "none" ? std::nullopt : std::optional{spill_directory};
}

std::optional<std::string> settings::partition() const {
  return queue == "none" ? std::nullopt : std::optional{queue};
}

std::optional<std::string> settings::interface_name() const {
  return interface == "all" ? std::nullopt : interface;
}

std::uint64_t settings::job_memory() const {
  return memory.value_or(mode == cluster_mode::test ? defaults::test_memory : 0);
}

std::size_t settings::fleet_size() const {
  if (mode == cluster_mode::hosts)
    return size.value_or(hosts.size() * processes);
  return size.value_or(mode == cluster_mode::test ? defaults::test_size : defaults::slurm_size);
}

std::size_t settings::workers_at_start(std::size_t most) const {
  if (start_when && *start_when > most)
    throw config_error{error_code::bad_option_value,
                       "start_when " + std::to_string(*start_when) + " (" + origin("start_when") +
                           ") is more than the " + std::to_string(most) +
                           " workers that the cluster can have: lower it, or ask for more workers by size" +
                           (minimum || maximum ? " or maximum" : "")};
  if (start_when)
    return *start_when;
  if (uses_other_machines())
    return std::min(minimum.value_or(1), most);
  return mode == cluster_mode::connect ? 0 : most;
}

void settings::validate() const {
  auto copy = *this;
  for (const auto& option : option_table())
    set_option(copy, option, option.write(*this), origin(option.name));

  if (mode == cluster_mode::hosts && hosts.empty())
    throw config_error{error_code::bad_option_value,
                       "mode hosts (" + origin("mode") +
                           ") needs hosts: name them by the option hosts, such as --daskify.hosts=n1,n2"};
  if (minimum && maximum && *minimum > *maximum)
    throw config_error{error_code::bad_option_value, "minimum " + std::to_string(*minimum) + " (" + origin("minimum") +
                                                         ") must not be more than maximum " + std::to_string(*maximum) +
                                                         " (" + origin("maximum") +
                                                         "): lower the first or raise the second"};
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
    std::istringstream values{option.write(all)}; // a list has a line for each of its entries
    for (std::string value; std::getline(values, value);) {
      auto line = std::string{option.name} + " = " + value;
      if (line.size() < origin_column)
        line.resize(origin_column, ' ');
      text += line + "  # " + all.origin(option.name) + "\n";
    }
  }
  return text;
}

} // namespace daskify::internal
