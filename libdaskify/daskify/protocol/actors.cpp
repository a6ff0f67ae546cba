#include "daskify/protocol/actors.hpp"

namespace daskify::internal {

void add_message_types(caf::actor_system_config& config) {
  config.add_message_type<shared_bytes>("daskify::shared_bytes")
      .add_message_type<run_range>("daskify::run_range")
      .add_message_type<failure>("daskify::failure")
      .add_message_type<result_block>("daskify::result_block")
      .add_message_type<run_spec>("daskify::run_spec")
      .add_message_type<enrol_request>("daskify::enrol_request")
      .add_message_type<enrol_answer>("daskify::enrol_answer")
      .add_message_type<work_order>("daskify::work_order")
      .add_message_type<work_report>("daskify::work_report")
      .add_message_type<heartbeat>("daskify::heartbeat")
      .add_message_type<worker_waits>("daskify::worker_waits")
      .add_message_type<stop_worker>("daskify::stop_worker")
      .add_message_type<locate_object>("daskify::locate_object")
      .add_message_type<object_location>("daskify::object_location")
      .add_message_type<worker_actor>("daskify::worker_actor")
      .add_message_type<store_for_workers>("daskify::store_for_workers")
      .add_message_type<scheduler_for_workers>("daskify::scheduler_for_workers")
      // These stay in the client's process for now; announced so that logs can print them.
      .add_message_type<executor_has_news>("daskify::executor_has_news")
      .add_message_type<worker_tick>("daskify::worker_tick")
      .add_message_type<submit_runs>("daskify::submit_runs")
      .add_message_type<await_tasks>("daskify::await_tasks")
      .add_message_type<awaited_tasks>("daskify::awaited_tasks")
      .add_message_type<count_tasks>("daskify::count_tasks")
      .add_message_type<progress>("daskify::progress")
      .add_message_type<cancel_tasks>("daskify::cancel_tasks")
      .add_message_type<release_runs>("daskify::release_runs")
      .add_message_type<objects_freed>("daskify::objects_freed")
      .add_message_type<find_object>("daskify::find_object")
      .add_message_type<list_objects>("daskify::list_objects")
      .add_message_type<object_list>("daskify::object_list")
      .add_message_type<release_object>("daskify::release_object")
      .add_message_type<drop_key>("daskify::drop_key")
      .add_message_type<list_workers>("daskify::list_workers")
      .add_message_type<worker_list>("daskify::worker_list")
      .add_message_type<worker_exited>("daskify::worker_exited")
      .add_message_type<workers_exhausted>("daskify::workers_exhausted")
      .add_message_type<subscribe_progress>("daskify::subscribe_progress")
      .add_message_type<progress_event>("daskify::progress_event")
      .add_message_type<scheduler_actor>("daskify::scheduler_actor")
      .add_message_type<progress_actor>("daskify::progress_actor")
      .add_message_type<scheduler_tick>("daskify::scheduler_tick")
      .add_message_type<progress_tick>("daskify::progress_tick")
      .add_message_type<stop_session>("daskify::stop_session");
}

} // namespace daskify::internal
