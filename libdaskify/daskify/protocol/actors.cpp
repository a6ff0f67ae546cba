#include "daskify/protocol/actors.hpp"

#include "daskify/protocol/wire_version.hpp"

#include <type_traits>
#include <utility>

namespace daskify::internal {

namespace {

/// To be raised when a message comes to mean something else although its fields are the same.
constexpr auto meaning = "1";

template <class T>
constexpr bool is_vector = false;
template <class T>
constexpr bool is_vector<std::vector<T>> = true;

/// Goes over the fields of messages, as a serialiser does, and describes their types.
class field_types {
public:
  using result_type = int;
  static constexpr bool reads_state = true;
  static constexpr bool writes_state = false;

  template <class... Fields>
  int operator()(Fields&... fields) {
    (describe(fields), ...);
    return 0;
  }

  template <class T>
  void add(const std::string& name) {
    text_ += name;
    if constexpr (!requires { typename T::signatures; }) { // actors go by their names
      T message{};
      describe(message);
    }
  }

  const std::string& text() const { return text_; }

private:
  template <class T>
  void describe(T& field) {
    if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
      text_ += (std::is_enum_v<T> ? 'e' : std::is_signed_v<T> ? 'i' : 'u') + std::to_string(sizeof(T));
    } else if constexpr (std::is_same_v<T, std::string>) {
      text_ += 's';
    } else if constexpr (is_vector<T>) {
      typename T::value_type element{};
      text_ += 'v';
      describe(element);
    } else {
      text_ += '(';
      inspect(*this, field);
      text_ += ')';
    }
  }

  std::string text_;
};

/// What is done with each type of message.
struct registrar {
  caf::actor_system_config* config = nullptr;
  field_types* fields = nullptr;

  template <class T>
  registrar& add_message_type(const std::string& name) {
    if (config)
      config->add_message_type<T>(name);
    if (fields)
      fields->add<T>(name);
    return *this;
  }
};

void add_all(registrar types, const std::string& version);

/// FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/
std::string version_once() {
  field_types all;
  all.add<failure>(meaning);
  add_all({nullptr, &all}, "");
  std::uint64_t hash = 14695981039346656037ULL;
  for (unsigned char c : all.text())
    hash = (hash ^ c) * 1099511628211ULL;
  std::string digits;
  for (int shift = 60; shift >= 0; shift -= 4)
    digits += "0123456789abcdef"[hash >> shift & 15];
  return digits;
}

/// Every published interface of the scheduler has the first one: whoever is of another version finds no such interface
/// there, before any message is sent.
void add_all(registrar types, const std::string& version) {
  types.add_message_type<enrol_request>("daskify::enrol_request/" + version)
      .add_message_type<shared_bytes>("daskify::shared_bytes")
      .add_message_type<run_range>("daskify::run_range")
      .add_message_type<failure>("daskify::failure")
      .add_message_type<result_block>("daskify::result_block")
      .add_message_type<run_spec>("daskify::run_spec")
      .add_message_type<enrol_answer>("daskify::enrol_answer")
      .add_message_type<work_order>("daskify::work_order")
      .add_message_type<work_report>("daskify::work_report")
      .add_message_type<heartbeat>("daskify::heartbeat")
      .add_message_type<worker_waits>("daskify::worker_waits")
      .add_message_type<stop_worker>("daskify::stop_worker")
      .add_message_type<acknowledged>("daskify::acknowledged")
      .add_message_type<join_store>("daskify::join_store")
      .add_message_type<reserve_room>("daskify::reserve_room")
      .add_message_type<room_granted>("daskify::room_granted")
      .add_message_type<put_object>("daskify::put_object")
      .add_message_type<put_unkeyed>("daskify::put_unkeyed")
      .add_message_type<add_unkeyed>("daskify::add_unkeyed")
      .add_message_type<close_block>("daskify::close_block")
      .add_message_type<locate_object>("daskify::locate_object")
      .add_message_type<object_location>("daskify::object_location")
      .add_message_type<unpin_objects>("daskify::unpin_objects")
      .add_message_type<objects_freed>("daskify::objects_freed")
      .add_message_type<release_object>("daskify::release_object")
      .add_message_type<retain_objects>("daskify::retain_objects")
      .add_message_type<node_tick>("daskify::node_tick")
      .add_message_type<node_alive>("daskify::node_alive")
      .add_message_type<find_object>("daskify::find_object")
      .add_message_type<object_found>("daskify::object_found")
      .add_message_type<drop_key>("daskify::drop_key")
      .add_message_type<list_objects>("daskify::list_objects")
      .add_message_type<object_list>("daskify::object_list")
      .add_message_type<spread_object>("daskify::spread_object")
      .add_message_type<list_nodes>("daskify::list_nodes")
      .add_message_type<node_list>("daskify::node_list")
      .add_message_type<count_store>("daskify::count_store")
      .add_message_type<store_figures>("daskify::store_figures")
      .add_message_type<flush_puts>("daskify::flush_puts")
      .add_message_type<admit_node>("daskify::admit_node")
      .add_message_type<node_admitted>("daskify::node_admitted")
      .add_message_type<evacuate_node>("daskify::evacuate_node")
      .add_message_type<add_object>("daskify::add_object")
      .add_message_type<find_sources>("daskify::find_sources")
      .add_message_type<object_sources>("daskify::object_sources")
      .add_message_type<object_arrived>("daskify::object_arrived")
      .add_message_type<object_dropped>("daskify::object_dropped")
      .add_message_type<free_objects>("daskify::free_objects")
      .add_message_type<keep_object>("daskify::keep_object")
      .add_message_type<hold_object>("daskify::hold_object")
      .add_message_type<object_held>("daskify::object_held")
      .add_message_type<join_node>("daskify::join_node")
      .add_message_type<node_answer>("daskify::node_answer")
      .add_message_type<node_ready>("daskify::node_ready")
      .add_message_type<node_leaving>("daskify::node_leaving")
      .add_message_type<worker_exited>("daskify::worker_exited")
      .add_message_type<worker_actor>("daskify::worker_actor")
      .add_message_type<stop_node>("daskify::stop_node")
      .add_message_type<node_actor>("daskify::node_actor")
      .add_message_type<object_listener>("daskify::object_listener")
      .add_message_type<store_for_users>("daskify::store_for_users")
      .add_message_type<store_for_directory>("daskify::store_for_directory")
      .add_message_type<directory_for_stores>("daskify::directory_for_stores")
      .add_message_type<scheduler_for_workers>("daskify::scheduler_for_workers")
      .add_message_type<attach_client>("daskify::attach_client")
      .add_message_type<attach_answer>("daskify::attach_answer")
      .add_message_type<client_alive>("daskify::client_alive")
      .add_message_type<cluster_alive>("daskify::cluster_alive")
      .add_message_type<link_actor>("daskify::link_actor")
      .add_message_type<scheduler_for_clients>("daskify::scheduler_for_clients")
      // Some of these stay in one process; announced so that logs can print them.
      .add_message_type<executor_has_news>("daskify::executor_has_news")
      .add_message_type<worker_tick>("daskify::worker_tick")
      .add_message_type<submit_runs>("daskify::submit_runs")
      .add_message_type<unattended_ended>("daskify::unattended_ended")
      .add_message_type<add_start_call>("daskify::add_start_call")
      .add_message_type<await_tasks>("daskify::await_tasks")
      .add_message_type<awaited_tasks>("daskify::awaited_tasks")
      .add_message_type<count_tasks>("daskify::count_tasks")
      .add_message_type<progress>("daskify::progress")
      .add_message_type<cancel_tasks>("daskify::cancel_tasks")
      .add_message_type<release_runs>("daskify::release_runs")
      .add_message_type<list_workers>("daskify::list_workers")
      .add_message_type<worker_list>("daskify::worker_list")
      .add_message_type<await_workers>("daskify::await_workers")
      .add_message_type<awaited_workers>("daskify::awaited_workers")
      .add_message_type<ask_status>("daskify::ask_status")
      .add_message_type<cluster_status>("daskify::cluster_status")
      .add_message_type<end_cluster>("daskify::end_cluster")
      .add_message_type<drain_node>("daskify::drain_node")
      .add_message_type<node_time_left>("daskify::node_time_left")
      .add_message_type<node_lost>("daskify::node_lost")
      .add_message_type<workers_exhausted>("daskify::workers_exhausted")
      .add_message_type<subscribe_progress>("daskify::subscribe_progress")
      .add_message_type<progress_event>("daskify::progress_event")
      .add_message_type<claim_objects>("daskify::claim_objects")
      .add_message_type<release_objects>("daskify::release_objects")
      .add_message_type<release_arguments>("daskify::release_arguments")
      .add_message_type<owner_gone>("daskify::owner_gone")
      .add_message_type<node_gone>("daskify::node_gone")
      .add_message_type<directory_actor>("daskify::directory_actor")
      .add_message_type<store_actor>("daskify::store_actor")
      .add_message_type<store_tick>("daskify::store_tick")
      .add_message_type<scheduler_actor>("daskify::scheduler_actor")
      .add_message_type<progress_actor>("daskify::progress_actor")
      .add_message_type<scheduler_tick>("daskify::scheduler_tick")
      .add_message_type<progress_tick>("daskify::progress_tick")
      .add_message_type<stop_session>("daskify::stop_session");
}

} // namespace

const std::string& wire_version() {
  static const std::string version = version_once();
  return version;
}

void add_message_types(caf::actor_system_config& config, const std::string& version) {
  add_all({&config, nullptr}, version);
}

} // namespace daskify::internal
