#include "daskify/host/cluster_control.hpp"

#include "daskify/error.hpp"
#include "daskify/host/attached_session.hpp"
#include "daskify/os/child_process.hpp"
#include "daskify/transport/find_cluster.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <tuple>

namespace daskify::internal {

namespace {

constexpr auto own_name = "daskify";
/// For requests that only find out whether the scheduler answers, and do not wait for it.
constexpr std::chrono::milliseconds look_patience = std::chrono::seconds{5};

std::shared_ptr<attached_session> attach(settings options) {
  options.mode = cluster_mode::connect;
  options.progress = progress_style::off;
  options.start_when = 0;
  options.start_timeout = std::min(options.start_timeout, look_patience);
  return attached_session::start(options, own_name);
}

/// The scheduler's process if it is on this machine; nothing if it is on another one, or if only its address is known.
std::optional<process_identity> scheduler_on_this_machine(const settings& options) {
  if (options.scheduler)
    return std::nullopt;
  auto owner = session_folder::open(connection_directory(options)).read_connection().owner;
  return is_of_this_machine(owner) ? std::optional{owner} : std::nullopt;
}

} // namespace

cluster_view look_at_cluster(const settings& options) {
  auto session = attach(options);
  cluster_view view{session->reached(), session->status(), session->nodes()};
  auto& clients = view.all.clients;
  auto self = std::ranges::find(clients, session->client(), &client_entry::id);
  if (self != clients.end()) {
    std::erase_if(view.nodes.nodes, [&](const node_entry& n) { return n.name == self->name; });
    clients.erase(self);
  }
  std::ranges::sort(view.all.workers, {}, [](const worker_entry& w) {
    return std::tuple{w.name.size(), w.name, w.id};
  });
  session->shutdown();
  return view;
}

bool end_standing_cluster(const settings& options, std::chrono::milliseconds patience) {
  auto owner = scheduler_on_this_machine(options);
  if (!owner) {
    auto session = attach(options);
    auto ended = session->end_cluster(patience);
    session->shutdown();
    return ended;
  }
  auto ended = open_ended_descriptor(owner->pid);
  if (is_gone(*owner)) // checked after opening the descriptor, which would report a reuse of the pid
    return true;
  if (::kill(owner->pid, SIGTERM) != 0 && errno != ESRCH)
    throw cluster_error{error_code::command_failed, "The scheduler (pid " + std::to_string(owner->pid) +
                                                        ") cannot be ended because it is another user's; ask them."};
  ::kill(owner->pid, SIGCONT); // a stopped process handles no other signal
  return ends_within(ended.get(), patience);
}

} // namespace daskify::internal
