#include "daskify/transport/actor_system.hpp"

#include "daskify/protocol/actors.hpp"

#include <caf/io/middleman.hpp>

namespace daskify::internal {

system_config::system_config() {
  internal::add_message_types(*this);
  load<caf::io::middleman>();
  set("scheduler.policy", caf::atom("sharing"));
  set("scheduler.max-threads", std::size_t{1});
  set("middleman.workers", std::size_t{0});
  set("middleman.enable-automatic-connections", false);
}

} // namespace daskify::internal
