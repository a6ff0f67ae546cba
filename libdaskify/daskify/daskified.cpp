#include "daskify/daskified.hpp"

#include "daskify/code/type_label.hpp"
#include "daskify/config/loader.hpp"
#include "daskify/config/option_table.hpp"
#include "daskify/defaults.hpp"
#include "daskify/deploy/slurm/slurm_request.hpp"
#include "daskify/host/attached_session.hpp"
#include "daskify/host/cluster.hpp"
#include "daskify/host/node_process.hpp"
#include "daskify/host/worker_process.hpp"
#include "daskify/session/run_handle.hpp"

#include <cstdlib>
#include <filesystem>
#include <iostream>

namespace daskify {

namespace internal {

std::uint64_t count_tasks_of(std::span<const std::uint64_t> sizes, std::uint64_t repeats) {
  std::uint64_t tasks = repeats;
  for (auto size : sizes)
    if (__builtin_mul_overflow(tasks, size, &tasks))
      tasks = UINT64_MAX;
  // A product with an empty factor is empty, no matter how large the other factors are.
  for (auto size : sizes)
    if (size == 0)
      tasks = 0;
  if (tasks > tuning::largest_run)
    throw data_error{error_code::too_many_tasks,
                     "The run would have more than " + std::to_string(tuning::largest_run) +
                         " tasks; let each task do more, or split the iterables over several runs."};
  return tasks;
}

} // namespace internal

namespace {

std::unique_ptr<internal::cluster> make_cluster(int& argc, char** argv, const options& given) {
  if (auto worker = internal::take_worker_launch())
    internal::become_worker(*worker);
  if (auto node = internal::take_node_launch())
    internal::become_node(*node);
  auto program = argc > 0 && argv[0] ? std::string{argv[0]} : std::string{"program"};
  auto loaded = internal::load_settings(argc, argv, given, internal::process_environment());
  if (loaded.help) {
    std::cout << internal::help_text() << std::flush;
    std::exit(0);
  }
  std::error_code gone;
  if (auto here = std::filesystem::current_path(gone); !gone)
    loaded.resolve_paths(here);
  return std::make_unique<internal::cluster>(std::move(loaded), program);
}

} // namespace

daskified::daskified(int& argc, char** argv, const options& given) : cluster_{make_cluster(argc, argv, given)} {}
daskified::daskified(int& argc, char** argv) : daskified{argc, argv, options{}} {}

daskified::daskified(daskified&&) noexcept = default;
daskified& daskified::operator=(daskified&&) noexcept = default;
daskified::~daskified() = default;

internal::cluster& daskified::held() const {
  if (!cluster_)
    throw cluster_error{error_code::not_started,
                        "A daskified object was used after it was moved from; use the one it was moved to."};
  return *cluster_;
}

void daskified::add_start_call(std::shared_ptr<const internal::start_call> call) {
  held().on_worker_start(std::move(call));
}

void daskified::start_cluster() {
  held().start(held().configured().mode);
}

void daskified::start_cluster(cluster_mode mode) {
  held().start(mode);
}

std::string daskified::job_script() const {
  return internal::example_job_script(held().configured(), held().program_name());
}

bool daskified::wait_for_workers_until(std::int64_t count, internal::deadline until) const {
  if (count < 0)
    throw data_error{error_code::bad_argument, "wait_for_workers was asked to wait for " + std::to_string(count) +
                                                   " workers; give a number from 0 on."};
  return session()->wait_for_workers(static_cast<std::uint64_t>(count), until);
}

void daskified::shutdown_cluster() noexcept {
  if (cluster_)
    cluster_->shutdown();
}

std::vector<run_info> daskified::runs() const {
  std::vector<run_info> all;
  auto open = session();
  for (const auto& r : held().runs())
    all.push_back({r.run->id().value, r.run->name(), open->count({r.run->all()})});
  return all;
}

void daskified::release_all() {
  held().forget_all();
}

void daskified::release(const std::string& key) {
  held().session()->drop_key(key);
}

void daskified::release_key_of(const internal::object_handle& data) {
  held().session()->drop_key_of(data.id());
}

void daskified::release_run(const internal::run_handle& run) {
  held().forget(run);
}

std::vector<worker_info> daskified::workers() const {
  std::vector<worker_info> all;
  for (const auto& w : held().session()->workers().workers)
    all.push_back({w.id.value, w.name, w.host, w.node, w.pid, w.busy, w.running, w.resident_bytes, w.cpus});
  return all;
}

std::vector<node_info> daskified::nodes() const {
  std::vector<node_info> all;
  for (const auto& n : held().session()->nodes().nodes)
    all.push_back({n.name, n.figures.limit, n.figures.memory, n.figures.in_use, n.figures.disk, n.figures.sent});
  return all;
}

std::vector<object_info> daskified::objects() const {
  std::vector<object_info> all;
  for (const auto& o : held().session()->objects().objects)
    all.push_back({o.facts.object.value, o.key, o.facts.type_name, o.facts.size, o.references, o.nodes});
  return all;
}

std::shared_ptr<internal::client_session> daskified::session() const {
  return held().session();
}

void daskified::remember(std::shared_ptr<internal::run_handle> run, const internal::type_label& result_type) {
  held().remember({std::move(run), result_type});
}

std::shared_ptr<internal::run_handle> daskified::most_recent(const internal::type_label& result_type) const {
  auto recent = held().most_recent();
  if (recent.result_type.hash != result_type.hash)
    throw data_error{error_code::wrong_type, "The most recent run (" + recent.run->name() + ") gives " +
                                                 internal::not_type(recent.result_type.name, result_type.name) +
                                                 "; gather it as the type that its function returns."};
  return recent.run;
}

std::vector<internal::run_range> daskified::recent_ranges() const {
  return {held().most_recent().run->all()};
}

progress daskified::check(const std::vector<internal::run_range>& tasks) const {
  return check(tasks, std::cout);
}

progress daskified::check(const std::vector<internal::run_range>& tasks, std::ostream& out) const {
  auto counts = tasks.empty() ? progress{} : session()->count(tasks);
  out << counts << std::endl;
  return counts;
}

} // namespace daskify
