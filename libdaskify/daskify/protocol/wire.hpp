#pragma once

/// Writes and reads the fields of messages through CAF's serialisers: an integer in network byte order at its size;
/// strings, bytes and vectors with their length before them.
///
/// `inspect` (protocol/fields.hpp) passes the fields of a message to either class. CAF's own inspectors are
/// instantiated for each list of fields, which took half of the compile time.

#include "daskify/bytes.hpp"
#include "daskify/protocol/fields.hpp"

#include <caf/deserializer.hpp>
#include <caf/error.hpp>
#include <caf/serializer.hpp>

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace daskify::internal {

class wire_writer {
public:
  static constexpr bool visits_fields = true;
  using result_type = bool; ///< true on success

  explicit wire_writer(caf::serializer& sink) : sink_{sink} {}

  template <class... Fields>
  bool operator()(Fields&... fields) {
    return (write(fields) && ...);
  }

  caf::error take_error() { return std::move(error_); }

private:
  bool write(bool value);
  bool write(std::uint8_t value);
  bool write(std::uint16_t value);
  bool write(std::uint32_t value);
  bool write(std::uint64_t value);
  bool write(std::string& text);
  bool write(shared_bytes& bytes);

  template <class T>
  requires(std::is_signed_v<T> || std::is_enum_v<T>) bool write(T value) {
    return write(static_cast<std::make_unsigned_t<T>>(value));
  }

  template <class T>
  bool write(std::vector<T>& elements) {
    if (!write(std::uint64_t{elements.size()}))
      return false;
    for (auto& element : elements)
      if (!write(element))
        return false;
    return true;
  }

  template <class T>
  requires std::is_class_v<T>
  bool write(T& fields) { return inspect(*this, fields); }

  bool check(caf::error error);

  caf::serializer& sink_;
  caf::error error_;
};

class wire_reader {
public:
  static constexpr bool visits_fields = true;
  using result_type = bool; ///< true on success

  explicit wire_reader(caf::deserializer& source) : source_{source} {}

  template <class... Fields>
  bool operator()(Fields&... fields) {
    return (read(fields) && ...);
  }

  caf::error take_error() { return std::move(error_); }

private:
  bool read(bool& value);
  bool read(std::uint8_t& value);
  bool read(std::uint16_t& value);
  bool read(std::uint32_t& value);
  bool read(std::uint64_t& value);
  bool read(std::string& text);
  bool read(shared_bytes& bytes);

  template <class T>
  requires(std::is_signed_v<T> || std::is_enum_v<T>) bool read(T& value) {
    std::make_unsigned_t<T> bits = 0;
    bool good = read(bits);
    value = static_cast<T>(bits);
    return good;
  }

  /// The sender's length is not trusted: memory grows with the elements that arrive.
  template <class T>
  bool read(std::vector<T>& elements) {
    std::uint64_t size = 0;
    if (!read(size))
      return false;
    elements.clear();
    for (; size != 0; --size)
      if (!read(elements.emplace_back()))
        return false;
    return true;
  }

  template <class T>
  requires std::is_class_v<T>
  bool read(T& fields) { return inspect(*this, fields); }

  bool check(caf::error error);

  caf::deserializer& source_;
  caf::error error_;
};

} // namespace daskify::internal
