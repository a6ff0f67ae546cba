#include "daskify/transport/network.hpp"

#include "daskify/config/value_text.hpp"
#include "daskify/error.hpp"
#include "daskify/os/file_descriptor.hpp"
#include "daskify/text/printable.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <fcntl.h>
#include <ifaddrs.h>
#include <memory>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <system_error>

namespace daskify::internal {

namespace {

using clock = std::chrono::steady_clock;

std::string numeric(const sockaddr* address, socklen_t size) {
  char text[NI_MAXHOST]{};
  if (::getnameinfo(address, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0)
    return {};
  return text;
}

bool is_link_local(const sockaddr* address) {
  if (address->sa_family == AF_INET6)
    return IN6_IS_ADDR_LINKLOCAL(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
  auto host = ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr);
  return host >> 16 == 0xa9fe; // 169.254.0.0/16
}

/// Returns the reason why no connection was made; nothing on success, with the local address in `own`.
std::optional<std::string> try_address(const addrinfo& where, std::chrono::milliseconds patience, std::string& own) {
  auto error_text = [](int code) { return std::generic_category().message(code); };
  file_descriptor made{::socket(where.ai_family, where.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, where.ai_protocol)};
  if (!made)
    return error_text(errno);
  if (::connect(made.get(), where.ai_addr, where.ai_addrlen) != 0) {
    if (errno != EINPROGRESS)
      return error_text(errno);
    auto latest = clock::now() + patience;
    pollfd watched{made.get(), POLLOUT, 0};
    int ready = 0;
    do {
      auto left = std::chrono::ceil<std::chrono::milliseconds>(latest - clock::now()).count();
      ready = ::poll(&watched, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    } while (ready < 0 && errno == EINTR);
    if (ready == 0)
      return "no answer within " + duration{}.write(patience);
    int code = 0;
    socklen_t size = sizeof code;
    if (::getsockopt(made.get(), SOL_SOCKET, SO_ERROR, &code, &size) != 0)
      code = errno;
    if (code != 0)
      return error_text(code);
  }
  sockaddr_storage local{};
  socklen_t size = sizeof local;
  if (::getsockname(made.get(), reinterpret_cast<sockaddr*>(&local), &size) != 0)
    return error_text(errno);
  own = numeric(reinterpret_cast<const sockaddr*>(&local), size);
  return {};
}

} // namespace

std::vector<interface_address> interface_addresses() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0)
    throw cluster_error{error_code::session_failed, "The network interfaces of this machine cannot be listed (" +
                                                        std::generic_category().message(errno) + ")."};
  std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner{list, ::freeifaddrs};
  std::vector<interface_address> all;
  for (const auto* at = list; at; at = at->ifa_next) {
    if (!at->ifa_addr || !(at->ifa_flags & IFF_UP))
      continue;
    auto family = at->ifa_addr->sa_family;
    if ((family != AF_INET && family != AF_INET6) || is_link_local(at->ifa_addr))
      continue;
    auto size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    auto address = numeric(at->ifa_addr, static_cast<socklen_t>(size));
    if (!address.empty())
      all.push_back({at->ifa_name, address, (at->ifa_flags & IFF_LOOPBACK) != 0, family == AF_INET6});
  }
  return all;
}

std::vector<std::string> addresses_to_publish(const std::vector<interface_address>& all,
                                              const std::optional<std::string>& interface) {
  auto candidates = all;
  if (interface)
    std::erase_if(candidates, [&](const interface_address& a) { return a.interface != *interface; });
  if (interface && candidates.empty()) {
    std::vector<std::string> names;
    for (const auto& a : all)
      if (std::ranges::find(names, a.interface) == names.end())
        names.push_back(a.interface);
    std::string known;
    for (const auto& name : names)
      known.append(known.empty() ? "" : ", ").append(name);
    throw config_error{error_code::bad_option_value,
                       "The interface " + in_quotes(*interface) +
                           " is not one of this machine's that are up and have an address (" + known + ")."};
  }
  std::ranges::stable_sort(candidates, {}, [](const interface_address& a) { return 2 * a.is_loopback + a.is_ipv6; });
  std::vector<std::string> addresses;
  for (auto& a : candidates)
    addresses.push_back(std::move(a.address));
  return addresses;
}

std::variant<reached, unreached> find_reachable(const std::vector<endpoint>& addresses,
                                                std::chrono::milliseconds patience) {
  unreached none;
  for (const auto& address : addresses) {
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    std::string problem;
    if (int code = ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &wanted, &found)) {
      problem = ::gai_strerror(code);
    } else {
      std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner{found, ::freeaddrinfo};
      for (const auto* at = found; at; at = at->ai_next) {
        std::string own;
        auto why = try_address(*at, patience, own);
        if (!why)
          return reached{address, own};
        problem = *why;
      }
    }
    none.tried += (none.tried.empty() ? "" : ", ") + to_text(address) + " (" + problem + ")";
  }
  return none;
}

} // namespace daskify::internal
