#include "daskify/host/standing_scheduler.hpp"

#include "daskify/error.hpp"
#include "daskify/host/scheduler_process.hpp"
#include "daskify/os/file_descriptor.hpp"
#include "daskify/os/notice.hpp"
#include "daskify/os/own_program.hpp"
#include "daskify/os/scope_exit.hpp"
#include "daskify/os/terminal.hpp"
#include "daskify/os/termination.hpp"
#include "daskify/transport/actor_system.hpp"

#include <caf/actor_system.hpp>
#include <caf/logger.hpp>

#include <csignal>
#include <exception>
#include <fcntl.h>
#include <functional>
#include <memory>
#include <thread>
#include <unistd.h>

namespace daskify::internal {

namespace {

/// Whether a cluster may go on without the workers that have not come in time: jobs may wait for days.
bool may_wait_for_more(const settings& with, const cluster_error& why) {
  return why.code() == error_code::start_timeout && with.uses_other_machines();
}

/// Returns when the cluster can take work. Throws error.
void wait_for_workers(scheduler_process& host, const settings& with) {
  try {
    host.wait_until_ready();
  } catch (const cluster_error& e) {
    if (!may_wait_for_more(with, e))
      throw;
    auto jobs = host.processes().jobs();
    print_line("Not all jobs have workers yet; tasks wait until there are some. " + (jobs ? jobs->sentence : ""));
  }
}

} // namespace

void run_standing_scheduler(const settings& as_given, const standing_setup& setup) {
  termination signals{SIGTERM, SIGINT, SIGHUP};
  std::signal(SIGPIPE, SIG_IGN); // the reader of the news may have ended
  keep_standard_descriptors();
  file_descriptor news{setup.news_descriptor.value_or(-1)};
  if (news)
    ::fcntl(news.get(), F_SETFD, FD_CLOEXEC); // so that no worker keeps it open
  auto with = as_given;
  with.queue_timeout = {}; // tasks wait for the jobs instead
  auto starts_workers = setup.start_workers && with.mode != cluster_mode::connect;
  if (starts_workers && !with.worker_program)
    with.worker_program = own_program("daskify-worker");
  auto end = [] { ::kill(::getpid(), SIGTERM); };

  scheduler_process host{with, starts_workers ? *with.worker_program : "daskify-scheduler",
                         starts_workers ? cluster_kind::standing_with_workers : cluster_kind::standing};
  host.on_end_wanted(end);
  auto tell = [&news](const std::string& lines) {
    if (news)
      static_cast<void>(write_soon(news.get(), lines + '\n')); // the reader may have ended
  };
  host.on_start_news([tell](const std::string& lines) {
    notice(lines);
    tell(lines);
  });
  if (setup.log_folder)
    host.log_into(*setup.log_folder);
  system_config config;
  auto system = std::make_unique<caf::actor_system>(config);
  std::exception_ptr failed;
  std::thread starting;
  // On every exit path.
  scope_exit at_the_end{[&] {
    host.stop();
    if (starting.joinable())
      starting.join();
    host.end_actors();
    // Otherwise this thread keeps the system's logger alive, and the system's destructor waits for the logger's end.
    caf::logger::set_current_actor_system(nullptr);
    system.reset();
  }};
  host.start(*system);
  auto where = to_text(host.addresses().front());
  starting = std::thread{[&] {
    try {
      wait_for_workers(host, with);
      print_line("The scheduler listens at " + where + "; where its folder '" + host.folder().path().string() +
                 "' is seen, workers join by 'daskify-worker' and programs by '--mode connect', elsewhere both with "
                 "'--daskify.scheduler " +
                 where + "' and the secret in DASKIFY_SECRET.");
      tell(std::string{ready_word});
    } catch (...) {
      failed = std::current_exception();
      end();
    }
  }};
  signals.wait();
  host.stop(); // which also ends the wait for workers
  starting.join();
  if (failed)
    std::rethrow_exception(failed);
}

} // namespace daskify::internal
