#include "daskify/protocol/endpoint.hpp"

namespace daskify::internal {

std::string to_text(const endpoint& where) {
  auto host = where.host.find(':') == where.host.npos ? where.host : '[' + where.host + ']';
  return host + ':' + std::to_string(where.port);
}

} // namespace daskify::internal
