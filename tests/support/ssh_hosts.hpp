#pragma once

/// Hosts that ssh reaches: a real sshd for the tests on loopback, with keys of its own, under several names.
///
/// Needs the packages openssh-client and openssh-server. As root, sshd needs the folder /run/sshd.

#include "daskify/os/spawn.hpp"

#include "leftovers.hpp"
#include "text_of.hpp"

#include <arpa/inet.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace daskify::test {

/// Runs from its construction to its destruction, or to the end of this process, in whatever way it ends.
class ssh_hosts {
public:
  /// Why sshd cannot run here; "" if it can.
  static std::string why_not() {
    for (const auto* program : {"/usr/sbin/sshd", "/usr/bin/ssh", "/usr/bin/ssh-keygen"})
      if (!std::filesystem::exists(program))
        return std::string{"no "} + program + " here; the packages openssh-client and openssh-server have it";
    if (::geteuid() == 0 && ::access("/run", W_OK) != 0)
      return "sshd needs a folder /run/sshd, and it cannot be made";
    return {};
  }

  /// `names` are the hosts' names for ssh. Throws std::runtime_error if sshd does not start.
  explicit ssh_hosts(const std::vector<std::string>& names) {
    if (::geteuid() == 0)
      std::filesystem::create_directories("/run/sshd");
    for (const auto* key : {"host_key", "user_key"})
      run("ssh-keygen -q -t ed25519 -N '' -f '" + path(key) + "'");
    std::filesystem::copy(path("user_key.pub"), path("authorized_keys"));
    for (int attempt = 0; attempt != 5; ++attempt) {
      port_ = free_port(); // another process may take it before sshd does
      write_configurations(names);
      auto lifeline = std::to_string(internal::lifeline_descriptor);
      sshd_.emplace(internal::spawn({"/bin/sh",
                                     {"sh", "-c",
                                      "/usr/sbin/sshd -D -e -f '" + path("sshd_config") + "' " + lifeline +
                                          "<&- & p=$!; read -r _ <&" + lifeline + "; kill $p"},
                                     {},
                                     path("sshd.log")}));
      if (eventually([&] {
            return log().find("Server listening") != std::string::npos || log().find("fatal") != std::string::npos;
          }) &&
          log().find("Server listening") != std::string::npos)
        return;
      sshd_.reset();
      std::filesystem::remove(path("sshd.log"));
    }
    throw std::runtime_error{"sshd did not start: " + log()};
  }

  /// The option by which ssh finds the hosts and the keys.
  std::string option() const { return "-F " + path("ssh_config"); }
  std::string log() const { return text_of(path("sshd.log")); }
  /// Simulates another machine at the address of the hosts.
  void change_known_key() {
    run("ssh-keygen -q -t ed25519 -N '' -f '" + path("other_key") + "'");
    write_known_hosts("other_key.pub");
  }

private:
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

  static void run(const std::string& command) {
    if (std::system(command.c_str()) != 0)
      throw std::runtime_error{"this failed: " + command};
  }

  static int free_port() {
    int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    ::bind(socket, reinterpret_cast<sockaddr*>(&at), size);
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&at), &size);
    ::close(socket);
    return ntohs(at.sin_port);
  }

  void write_known_hosts(const std::string& key) const {
    std::ofstream{path("known_hosts")} << "[127.0.0.1]:" << port_ << " " << text_of(path(key));
  }

  void write_configurations(const std::vector<std::string>& names) const {
    write_known_hosts("host_key.pub");
    std::ofstream{path("sshd_config")} << "ListenAddress 127.0.0.1:" << port_ << "\nHostKey " << path("host_key")
                                       << "\nAuthorizedKeysFile " << path("authorized_keys")
                                       << "\nPidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
                                          "PermitRootLogin prohibit-password\nMaxStartups 100\nUseDNS no\n";
    std::ofstream ssh{path("ssh_config")};
    for (const auto& name : names)
      ssh << "Host " << name << "\n  HostName 127.0.0.1\n  Port " << port_ << "\n";
    ssh << "Host *\n  IdentityFile " << path("user_key") << "\n  IdentitiesOnly yes\n  UserKnownHostsFile "
        << path("known_hosts") << "\n  GlobalKnownHostsFile /dev/null\n";
  }

  temporary_folder folder_;
  int port_ = 0;
  std::optional<internal::child> sshd_;
};

} // namespace daskify::test
