#pragma once

/// What a cluster may leave behind: processes, session folders, shared memory.

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <unistd.h>

namespace daskify::test {

/// Polls `condition` every 2 ms until it is true, at most for `limit`; returns as soon as the condition holds.
template <class F>
bool eventually(F&& condition, std::chrono::milliseconds limit = std::chrono::seconds{20}) {
  auto until = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  return true;
}

inline std::set<std::string> entries(const std::filesystem::path& folder, const std::string& prefix) {
  std::set<std::string> names;
  std::error_code failed;
  for (const auto& e : std::filesystem::directory_iterator{folder, failed})
    if (e.path().filename().string().starts_with(prefix))
      names.insert(e.path().filename());
  return names;
}

/// Session folders in `base`, and everything in /dev/shm.
inline std::set<std::string> leftovers(const std::filesystem::path& base) {
  auto all = entries(base, "daskify-");
  all.merge(entries("/dev/shm", ""));
  return all;
}

/// False for a process that has ended or is a zombie.
inline bool is_alive(int pid) {
  std::ifstream stat{"/proc/" + std::to_string(pid) + "/stat"};
  std::string text;
  std::getline(stat, text);
  auto after_name = text.rfind(')');
  return after_name != std::string::npos && text.size() > after_name + 2 && text[after_name + 2] != 'Z';
}

/// 0 for a process that does not exist.
inline int parent_of(int pid) {
  std::ifstream stat{"/proc/" + std::to_string(pid) + "/stat"};
  std::string text;
  std::getline(stat, text);
  auto after_name = text.rfind(')');
  if (after_name == std::string::npos)
    return 0;
  std::istringstream rest{text.substr(after_name + 1)};
  char state = 0;
  int parent = 0;
  rest >> state >> parent;
  return parent;
}

/// Processes that this one has started, and that still run or have not been waited for.
inline std::set<int> children() {
  std::set<int> found;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
    auto pid = std::atoi(entry.path().filename().c_str());
    if (pid != 0 && parent_of(pid) == ::getpid())
      found.insert(pid);
  }
  return found;
}

/// A child of `parent` whose argv[0] is `name`; 0 when there is none.
inline int child_called(const std::string& name, int parent) {
  for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
    auto pid = std::atoi(entry.path().filename().c_str());
    if (pid == 0 || parent_of(pid) != parent)
      continue;
    std::string first;
    std::getline(std::ifstream{entry.path() / "cmdline"}, first, '\0');
    if (first == name)
      return pid;
  }
  return 0;
}

/// A folder for this test alone, removed with its content.
class temporary_folder {
public:
  temporary_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~temporary_folder() { std::filesystem::remove_all(path_); }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;

  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

} // namespace daskify::test
