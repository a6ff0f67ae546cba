#include "daskify/protocol/failure.hpp"

#include "daskify/error.hpp"
#include "daskify/text/exception_text.hpp"

#include <cxxabi.h>

#include <exception>

namespace daskify::internal {

failure describe_current_exception() {
  failure why;
  why.code = error_code::task_threw;
  try {
    throw;
  } catch (const unsuccessful_task& e) {
    // Nested sentences would grow without bound if passed on from task to task: keep the innermost one.
    bool passed_on = e.details().type.starts_with("daskify::");
    why.text = passed_on ? shown_text(e.details().text) : text_of(e);
  } catch (const error& e) {
    why.text = text_of(e);
    // daskify's own errors keep their code: a missing object is a data_error for the caller too.
    if (kind_of(e.code()) == error_kind::data || e.code() == error_code::function_not_found)
      why.code = e.code();
  } catch (abi::__forced_unwind&) {
    throw; // the thread is being cancelled; this exception must be rethrown
  } catch (...) {
    why.text = text_of_current_exception();
  }
  why.type = type_of_current_exception();
  return why;
}

} // namespace daskify::internal
