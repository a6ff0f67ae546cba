#include "daskify/codec/stream.hpp"

namespace daskify {

namespace {

constexpr auto advice =
    ": the bytes were damaged or are of another type, so make sure that both ends run the same program.";

} // namespace

void encoder::refuse(const char* why) const {
  throw data_error{error_code::not_encodable, std::string{"A value could not be encoded because "} + why +
                                                  ": change the value before it is sent."};
}

void decoder::refuse(const char* why) const {
  throw data_error{error_code::corrupt_bytes, where() + "because " + why + advice};
}

void decoder::refuse_truncated(std::uint64_t count, std::size_t element_size) const {
  throw data_error{error_code::truncated_bytes, where() + "because it needs " + std::to_string(count) + " times " +
                                                    std::to_string(element_size) + " bytes more" + advice};
}

std::string decoder::where() const {
  return "A value could not be decoded at byte " + std::to_string(size_ - rest_.size()) + " of " +
         std::to_string(size_) + " ";
}

} // namespace daskify
