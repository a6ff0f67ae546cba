#include "daskify/session/run_handle.hpp"

#include "daskify/text/exception_text.hpp"

namespace daskify::internal {

run_handle::run_handle(std::shared_ptr<cluster_session> session, run_spec spec,
                       std::vector<std::shared_ptr<const void>> keeps, std::shared_ptr<const combinations> calls)
    : session_{std::move(session)},
      tasks_{spec.tasks},
      name_{spec.name},
      keeps_{std::move(keeps)},
      calls_{std::move(calls)},
      id_{session_->submit(std::move(spec))} {}

std::string run_handle::combination_text(std::uint64_t task) const {
  try {
    return shown_text(calls_->text_of(task));
  } catch (...) {
    return "?"; // an exception of the user's operator<< must not hide the message about the task
  }
}

run_handle::~run_handle() {
  session_->release(id_);
}

} // namespace daskify::internal
