#include "daskify/transport/remote_error.hpp"

#include <caf/atom.hpp>
#include <caf/deep_to_string.hpp>
#include <caf/error.hpp>
#include <caf/message.hpp>
#include <caf/sec.hpp>

namespace daskify::internal {

namespace {

constexpr auto category = caf::atom("daskify");

} // namespace

caf::error to_caf_error(const error& e) {
  return caf::error{static_cast<std::uint8_t>(e.code()), category, caf::make_message(std::string{e.what()})};
}

std::exception_ptr to_exception(const caf::error& e, const std::string& asked) {
  if (e.category() == category) {
    auto code = static_cast<error_code>(e.code());
    std::string text =
        e.context().match_elements<std::string>() ? e.context().get_as<std::string>(0) : std::string{describe(code)};
    if (kind_of(code) == error_kind::data)
      return std::make_exception_ptr(data_error{code, text});
    return std::make_exception_ptr(cluster_error{code, text});
  }
  bool late = e == caf::sec::request_timeout;
  return std::make_exception_ptr(
      cluster_error{late ? error_code::no_answer : error_code::scheduler_gone,
                    "The " + asked + " did not answer (" + caf::to_string(e) +
                        "); the cluster cannot be used any more, shut it down and start another."});
}

} // namespace daskify::internal
