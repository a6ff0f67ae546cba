#include "daskify/protocol/wire.hpp"

#include <caf/sec.hpp>

#include <algorithm>
#include <cstddef>

namespace daskify::internal {

namespace {

/// If a length is larger than this, memory is allocated in steps of this size, as the bytes arrive.
constexpr std::size_t largest_piece = std::size_t{8} << 20;

} // namespace

bool wire_writer::write(bool value) {
  return write(std::uint8_t{value});
}

bool wire_writer::write(std::uint8_t value) {
  return check(sink_.apply(value));
}

bool wire_writer::write(std::uint16_t value) {
  return check(sink_.apply(value));
}

bool wire_writer::write(std::uint32_t value) {
  return check(sink_.apply(value));
}

bool wire_writer::write(std::uint64_t value) {
  return check(sink_.apply(value));
}

bool wire_writer::write(std::string& text) {
  return check(sink_.apply(text));
}

bool wire_writer::write(shared_bytes& bytes) {
  // apply_raw takes void* for both directions; a serializer only reads.
  return write(std::uint64_t{bytes.size()}) &&
         (bytes.size() == 0 || check(sink_.apply_raw(bytes.size(), const_cast<std::byte*>(bytes.data()))));
}

bool wire_writer::check(caf::error error) {
  error_ = std::move(error);
  return !error_;
}

bool wire_reader::read(bool& value) {
  std::uint8_t bits = 0;
  bool good = read(bits);
  value = bits != 0;
  return good;
}

bool wire_reader::read(std::uint8_t& value) {
  return check(source_.apply(value));
}

bool wire_reader::read(std::uint16_t& value) {
  return check(source_.apply(value));
}

bool wire_reader::read(std::uint32_t& value) {
  return check(source_.apply(value));
}

bool wire_reader::read(std::uint64_t& value) {
  return check(source_.apply(value));
}

bool wire_reader::read(std::string& text) {
  return check(source_.apply(text));
}

bool wire_reader::read(shared_bytes& bytes) {
  std::uint64_t left = 0;
  if (!read(left))
    return false;
  byte_buffer buffer;
  while (left != 0) {
    auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left, largest_piece));
    if (!check(source_.apply_raw(count, buffer.extend(count))))
      return false;
    left -= count;
  }
  bytes = shared_bytes{std::move(buffer)};
  return true;
}

bool wire_reader::check(caf::error error) {
  error_ = std::move(error);
  return !error_;
}

} // namespace daskify::internal
