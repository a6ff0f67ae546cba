#include "daskify/program/start_run.hpp"

#include "daskify/code/code_address.hpp"
#include "daskify/session/run_handle.hpp"

#include <array>
#include <charconv>
#include <sstream>
#include <string_view>

namespace daskify::internal {

// -- description -------------------------------------------------------------------------------------------

run_draft::run_draft() = default;
run_draft::run_draft(run_draft&&) noexcept = default;
run_draft& run_draft::operator=(run_draft&&) noexcept = default;
run_draft::~run_draft() = default;

void refuse_foreign(bool ours) {
  if (!ours)
    throw data_error{error_code::foreign_handle,
                     "A future or scattered data of another cluster, or of an earlier start of this "
                     "one, was passed to a call; gather there, and pass the values."};
}

void refuse_moved_from() {
  throw data_error{error_code::bad_argument,
                   "Scattered data that were moved from were used; use the handle they were moved to."};
}

bool use_registered(run_draft& draft, any_function f) {
  auto known = function_registry::of_process().reference_to(f);
  if (!known)
    return false;
  draft.spec.name = known->registered;
  draft.spec.program = std::move(*known);
  return true;
}

void use_entry_point(run_draft& draft, const void* entry, std::string name) {
  draft.spec.program = to_reference(entry);
  draft.spec.name = std::move(name);
}

void close_description(run_draft& draft) {
  if (draft.description.size() <= tuning::largest_inline_value) {
    draft.spec.description = shared_bytes{std::move(draft.description)};
    return;
  }
  auto handle =
      draft.session->put_value({0, "arguments of " + draft.spec.name}, std::span<const std::byte>{draft.description});
  draft.spec.stored_description = handle->id();
  draft.spec.objects.push_back(handle->id());
  draft.keeps.push_back(std::move(handle));
}

std::shared_ptr<run_handle> submit_draft(std::shared_ptr<cluster_session> session, run_draft draft,
                                         std::shared_ptr<const combinations> calls) {
  return std::make_shared<run_handle>(std::move(session), std::move(draft.spec), std::move(draft.keeps),
                                      std::move(calls));
}

// -- elements as text --------------------------------------------------------------------------------------

namespace {

/// Prints the fewest digits that are read back as the same number.
template <class Number>
void print_shortest(std::ostream& out, Number value) {
  std::array<char, 64> digits;
  out << std::string_view{digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr};
}

} // namespace

element_text::element_text() : out_{std::make_unique<std::ostringstream>()} {}
element_text::~element_text() = default;

std::string element_text::text() const {
  return out_->str();
}

std::ostream& element_text::next() {
  if (!std::exchange(is_first_, false))
    *out_ << ", ";
  return *out_;
}

void element_text::add_number(float value) {
  print_shortest(next(), value);
}
void element_text::add_number(double value) {
  print_shortest(next(), value);
}
void element_text::add_number(long double value) {
  print_shortest(next(), value);
}

} // namespace daskify::internal
