#include "daskify/scheduler/standing_scheduler.hpp"

#include "daskify/deploy/process.hpp"
#include "daskify/deploy/termination.hpp"
#include "daskify/scheduler/scheduler_host.hpp"
#include "daskify/transport/actor_system.hpp"

#include <caf/actor_system.hpp>
#include <caf/logger.hpp>

#include <iostream>
#include <memory>

namespace daskify::internal {

void run_standing_scheduler(const settings& with) {
  termination signals{SIGTERM, SIGINT, SIGHUP};
  keep_standard_descriptors();
  scheduler_host host{with, "daskify-scheduler", cluster_kind::standing};
  system_config config;
  auto system = std::make_unique<caf::actor_system>(config);
  // On each way out of here.
  struct ending {
    std::function<void()> end;
    ~ending() { end(); }
  } at_the_end{[&] {
    host.stop();
    host.end_actors();
    // This thread would keep the system's logger alive, and ending the system waits for that to be gone.
    caf::logger::set_current_actor_system(nullptr);
    system.reset();
  }};
  host.start(*system);
  auto where = to_text(host.addresses().front());
  std::cout << "The scheduler listens at " << where << "; where its folder '" << host.folder().path().string()
            << "' is seen, workers join by 'daskify-worker' and programs by '--mode connect', elsewhere both with "
               "'--daskify.scheduler "
            << where << "' and the secret in DASKIFY_SECRET." << std::endl;
  signals.wait();
}

} // namespace daskify::internal
