#include "daskify/session/failure_text.hpp"

#include "daskify/error.hpp"
#include "daskify/protocol/failure.hpp"
#include "daskify/session/run_handle.hpp"

#include <new>
#include <utility>

namespace daskify::internal {

std::string describe_failure(const failure& why, std::string text) {
  switch (why.code) {
  case error_code::task_threw:
    text += " threw" + (why.type.empty() ? std::string{} : " " + why.type) + (why.text.empty() ? "" : ": " + why.text);
    break;
  case error_code::dependency_failed:
    text += " was not run because " + why.text;
    break;
  case error_code::start_call_failed:
    text += " was not run because " + why.text;
    break;
  case error_code::worker_died:
  case error_code::worker_silent:
    text += " was lost: its worker " + why.text +
            "; run it alone with args that reproduce it, or raise the option retries if the machine is at fault";
    break;
  case error_code::worker_walltime:
  case error_code::worker_node_lost:
    text += " was lost: its worker " + why.text;
    break;
  case error_code::run_given_up:
    text += " was given up with the rest of its run: " + why.text;
    break;
  case error_code::no_workers:
    text += " was lost because no worker is left: " + why.text;
    break;
  case error_code::not_decodable:
    text += " returned a result that could not be decoded: " + (why.type.empty() ? "" : why.type + ": ") + why.text +
            "; look at the constructors and the inspect of its type";
    break;
  case error_code::object_lost:
    text += " has no value: " + why.text;
    break;
  case error_code::task_cancelled:
    text += " was cancelled";
    break;
  default:
    text += (why.has_run ? " ran, but " : " could not be run: ") + why.text;
  }
  bool names_worker = why.code == error_code::start_call_failed; // which may not be the worker that had the task
  if (!why.worker.empty() && kind_of(why.code) == error_kind::task && !names_worker)
    text += " [" + why.worker + " on " + why.host + "]";
  if (!why.output.empty())
    text += "; last output: " + why.output;
  return text;
}

failure describe_undecodable(std::uint64_t task) {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const cluster_error&) {
    throw;
  } catch (...) {
    auto why = describe_current_exception();
    bool was_there = why.code != error_code::object_lost && why.code != error_code::no_room &&
                     why.code != error_code::store_failed && why.code != error_code::unknown_object;
    if (was_there)
      why.code = error_code::not_decodable;
    else if (why.code != error_code::object_lost)
      why.text = "its result could not be brought here: " + why.text;
    why.has_run = true;
    why.first = task;
    return why;
  }
}

void throw_failure(const failure& why, std::uint64_t task, const run_handle* run) {
  auto combination = run ? run->combination_text(task) : std::string{};
  auto name = run && run->tasks() == 1 ? "The task" : "Task " + std::to_string(task);
  if (!combination.empty())
    name += " (" + combination + ")";
  if (run)
    name += " of " + run->name();
  auto text = describe_failure(why, std::move(name));
  task_details details{why.type, why.text, task, combination, why.worker, why.host, why.output};
  switch (kind_of(why.code)) {
  case error_kind::cancelled:
    throw cancelled{why.code, text, std::move(details)};
  case error_kind::worker_lost:
    throw worker_lost{why.code, text, std::move(details)};
  case error_kind::cluster:
    throw worker_lost{why.code, text, std::move(details)};
  case error_kind::data:
    throw data_error{why.code, text};
  default:
    throw task_error{why.code, text, std::move(details)};
  }
}

} // namespace daskify::internal
