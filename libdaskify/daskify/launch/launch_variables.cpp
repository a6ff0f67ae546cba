#include "daskify/launch/launch_variables.hpp"

#include <cstdlib>
#include <sstream>

namespace daskify::internal {

namespace {

constexpr auto worker_prefix = "DASKIFY_WORKER_";
constexpr auto node_prefix = "DASKIFY_NODE_";

/// Writes the fields of a launch, in the order in which `reader` reads them. Omits empty and 0 values, which read the
/// same, because users see these variables in job scripts.
class writer {
public:
  explicit writer(std::string prefix) : prefix_{std::move(prefix)} {}

  void operator()(const char* name, const std::string& value) {
    if (!value.empty() && value != "0")
      all_.emplace_back(prefix_ + name, value);
  }
  void operator()(const char* name, const std::optional<std::string>& value) { (*this)(name, value.value_or("")); }
  void operator()(const char* name, const std::optional<endpoint>& value) {
    (*this)(name, value ? value->host + " " + std::to_string(value->port) : std::string{});
  }
  void operator()(const char* name, std::chrono::milliseconds value) { (*this)(name, value.count()); }
  void operator()(const char* name, const std::vector<std::string>& lines) {
    std::string all;
    for (const auto& line : lines)
      all += line + '\n';
    (*this)(name, all);
  }
  template <class Integer>
  requires std::is_integral_v<Integer>
  void operator()(const char* name, Integer value) { (*this)(name, std::to_string(value)); }

  launch_environment take() { return std::move(all_); }

private:
  std::string prefix_;
  launch_environment all_;
};

class reader {
public:
  explicit reader(std::string prefix) : prefix_{std::move(prefix)} {}

  void operator()(const char* name, std::string& value) { value = take(name); }
  void operator()(const char* name, std::optional<std::string>& value) {
    if (auto text = take(name); !text.empty())
      value = text;
  }
  void operator()(const char* name, std::optional<endpoint>& value) {
    auto text = take(name);
    if (auto blank = text.rfind(' '); blank != text.npos)
      value = endpoint{text.substr(0, blank), static_cast<std::uint16_t>(std::atoi(text.c_str() + blank))};
  }
  void operator()(const char* name, std::vector<std::string>& lines) {
    std::istringstream all{take(name)};
    for (std::string line; std::getline(all, line);)
      lines.push_back(line);
  }
  void operator()(const char* name, std::chrono::milliseconds& value) {
    value = std::chrono::milliseconds{std::strtoll(take(name).c_str(), nullptr, 10)};
  }
  template <class Integer>
  requires std::is_integral_v<Integer>
  void operator()(const char* name, Integer& value) {
    value = static_cast<Integer>(std::strtoull(take(name).c_str(), nullptr, 10));
  }

private:
  std::string take(const char* name) {
    auto full = prefix_ + name;
    const char* value = std::getenv(full.c_str());
    std::string text = value ? value : "";
    ::unsetenv(full.c_str());
    return text;
  }

  std::string prefix_;
};

template <class Launch, class Fields>
void worker_fields(Launch& x, Fields& f) {
  f("SESSION", x.session_folder);
  f("SLOT", x.slot);
  f("THREADS", x.threads);
  f("LOG", x.log_file);
  f("NODE", x.node);
  f("STORE", x.store);
  f("LIBRARIES", x.libraries);
  f("CPUS", x.cpus);
}

template <class Launch, class Fields>
void node_fields(Launch& x, Fields& f) {
  f("SESSION", x.session_folder);
  f("IN_JOB", x.in_job);
  f("UNIT", x.unit);
  f("IN_STEP", x.in_step);
  f("SLOT", x.slot);
  f("NAME", x.name);
  f("PROGRAM_NAME", x.program_name);
  f("LOG_FOLDER", x.log_folder);
  f("FIRST_WORKER", x.first_worker);
  f("WORKERS", x.workers);
  f("THREADS", x.threads);
  f("START_TIMEOUT", x.start_timeout);
  f("HEARTBEAT_TIMEOUT", x.heartbeat_timeout);
  f("STORE_LIMIT", x.store_limit);
  f("SPILL_DIRECTORY", x.spill_directory);
  f("LIBRARIES", x.libraries);
  f("WORKERS_HERE", x.workers_here);
  f("PIN", x.pin);
}

} // namespace

node_launch node_with(const settings& options) {
  node_launch node;
  node.threads = options.threads;
  node.start_timeout = options.start_timeout;
  node.heartbeat_timeout = options.heartbeat_timeout;
  node.store_limit = options.store_limit.value_or(0);
  node.spill_directory = options.spill_folder();
  node.libraries = options.load;
  node.pin = options.pin;
  return node;
}

launch_environment to_environment(const worker_launch& what) {
  writer all{worker_prefix};
  worker_fields(what, all);
  return all.take();
}

launch_environment to_environment(const node_launch& what) {
  writer all{node_prefix};
  node_fields(what, all);
  return all.take();
}

std::optional<worker_launch> take_worker_launch() {
  worker_launch what;
  reader all{worker_prefix};
  worker_fields(what, all);
  return what.session_folder.empty() ? std::nullopt : std::optional{what};
}

std::optional<node_launch> take_node_launch() {
  node_launch what;
  reader all{node_prefix};
  node_fields(what, all);
  return what.session_folder.empty() ? std::nullopt : std::optional{what};
}

} // namespace daskify::internal
