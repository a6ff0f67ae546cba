#include "daskify/host/attachment.hpp"

#include "daskify/defaults.hpp"
#include "daskify/os/free_memory.hpp"
#include "daskify/os/process_identity.hpp"
#include "daskify/progress/staffing_notice.hpp"
#include "daskify/transport/ask_peer.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <filesystem>
#include <unistd.h>

namespace daskify::internal {

namespace {

constexpr auto join_timeout = std::chrono::seconds{20};

/// Sends the client's heartbeats, receives the state of the workers, and detects that the scheduler has ended.
link_actor::behavior_type link_behavior(link_actor::pointer self, scheduler_for_clients scheduler,
                                        std::function<void(const cluster_alive&)> on_answer,
                                        std::function<void()> on_lost) {
  self->monitor(scheduler);
  self->set_down_handler([on_lost](caf::down_msg&) { on_lost(); });
  return {
      [self, scheduler, on_answer, on_lost](node_tick tick) {
        self->delayed_send(self, std::chrono::milliseconds{tick.heartbeat_interval_ms}, tick);
        // A machine that fails closes no connection.
        auto patience = tuning::scheduler_patience * std::chrono::milliseconds{tick.heartbeat_timeout_ms};
        self->request(scheduler, patience, client_alive{})
            .then([on_answer](cluster_alive& there) { on_answer(there); }, [on_lost](caf::error&) { on_lost(); });
      },
  };
}

} // namespace

attachment::attachment(const settings& with, std::string program_name)
    : settings_{with},
      program_name_{std::filesystem::path{std::move(program_name)}.filename()},
      cluster_{find_cluster(with)} {}

void attachment::connect(caf::actor_system& system) {
  found_ = connect_to<scheduler_for_clients>(system, cluster_.addresses, "scheduler", {settings_.start_timeout});
  store_setup with;
  with.secret = cluster_.secret;
  with.limit = settings_.store_limit.value_or(share_for_stores(free_memory().bytes));
  with.spill_directory = settings_.spill_folder();
  with.host = found_.by.own_address;
  with.scheduler_process = found_.by.peer.host;
  with.source_patience = settings_.heartbeat_timeout + tuning::source_grace;
  node_ = std::make_shared<node_store>(std::move(with));
  store_ = spawn_store(system, node_);
}

void attachment::join(caf::actor_system& system, const caf::strong_actor_ptr& speaker, const progress_actor& progress,
                      std::function<void(std::exception_ptr)> on_lost) {
  auto why = lost_scheduler(); // made here, because this object may not exist any more when it is reported
  if (settings_.progress != progress_style::off)
    speech_ = std::make_unique<serial_executor>();
  link_ = system.spawn(
      link_behavior, found_.actor, [this](const cluster_alive& there) { tell_who_works(there); },
      [on_lost = std::move(on_lost), why] { on_lost(why); });
  auto transfers = node_->transfers_at();
  attach_client who{cluster_.secret, program_name_ + " (pid " + std::to_string(::getpid()) + " on " + host_name() + ")",
                    found_.by.own_address, transfers.port};
  auto [answer, directory] = ask_peer<attach_answer, directory_for_stores>(
      system, found_.actor, {join_timeout}, "scheduler", std::move(who), caf::actor_cast<store_for_directory>(store_),
      link_, speaker, progress);
  caf::send_as(caf::actor_cast<caf::actor>(speaker), store_, std::move(directory));
  if (answer.refusal != error_code::none)
    throw cluster_error{answer.refusal, "The scheduler at " + to_text(found_.by.peer) +
                                            " turned this program away because " + answer.reason + "."};
  client_ = answer.client;
  caf::anon_send(link_, node_tick{answer.heartbeat_interval_ms, answer.heartbeat_timeout_ms});
}

void attachment::tell_who_works(const cluster_alive& there) {
  if (!speech_)
    return;
  auto words = "daskify: The cluster at " + to_text(found_.by.peer) + " has ";
  if (there.workers != 0)
    words += std::to_string(there.workers) + (there.workers == 1 ? " worker." : " workers.");
  else if (!there.exhausted.empty())
    words += "no workers; tasks are lost until some join. " + there.exhausted;
  else
    words += "no workers; tasks wait until some join." + (there.jobs.empty() ? "" : " " + there.jobs);
  auto news = idle_.take(std::chrono::steady_clock::now(), there.workers == 0 ? staffing::none : staffing::full, words);
  if (!news.empty())
    speech_->post([news] { notice(news); });
}

void attachment::stop() noexcept {
  if (node_)
    node_->stop();
  auto end = [](auto& actor) {
    if (actor)
      caf::anon_send_exit(actor, caf::exit_reason::kill);
    actor = nullptr;
  };
  end(link_);
  end(store_);
  found_.actor = nullptr;
  if (cluster_.folder)
    cluster_.folder->remove_if_abandoned();
}

std::exception_ptr attachment::lost_scheduler() const {
  return std::make_exception_ptr(cluster_error{
      error_code::scheduler_gone,
      "The scheduler at " + to_text(found_.by.peer) +
          " has ended, cannot be reached any more, or considers this client dead; what was "
          "not gathered is lost: call shutdown_cluster, and start_cluster when the scheduler runs again."});
}

} // namespace daskify::internal
