#pragma once

/// Values as bytes: what arguments, results and scattered data look like on their way to another process.
///
///     byte_buffer bytes = encode(value);
///     auto copy = decode<std::vector<double>>(bytes);
///
/// `encoder` and `decoder` (codec/stream.hpp) do the same for many values, one after the other.
///
/// What travels: numbers, enums, strings, the containers, pair, tuple, array, optional, variant, complex,
/// bitset, durations and time points; aggregates of up to 64 members, as they are; classes with a CAF-style
/// `inspect(f, x)`; other trivially copyable classes, as bytes. What does not (pointers, references, views,
/// handles of any kind) does not compile, with a message that names the type.
///
/// Every value arrives bit for bit, NaN payloads and -0.0 included. The bytes are in the machine's own order
/// and layout, without any description: both ends have to be the same build of one program. Whatever the
/// bytes are, decoding gives a value or throws data_error (`truncated_bytes`, `corrupt_bytes`), and what it
/// allocates is in proportion to them. Only a class that is sent as bytes has to cope with any bytes.
///
/// Thread-safety: functions of the values given; one encoder or decoder belongs to one thread at a time.

#include "daskify/bytes.hpp"
#include "daskify/codec/aggregate.hpp"
#include "daskify/codec/containers.hpp"
#include "daskify/codec/inspect.hpp"
#include "daskify/codec/opaque.hpp"
#include "daskify/codec/scalar.hpp"
#include "daskify/codec/stream.hpp"
#include "daskify/codec/traits.hpp"
#include "daskify/codec/vocabulary.hpp"

#include <cstddef>
#include <span>

namespace daskify {

/// The encoded form of one value.
template <class T>
byte_buffer encode(const T& value) {
  byte_buffer bytes;
  if constexpr (travels<T>)
    bytes.reserve(min_encoded_size<T>);
  encoder{bytes}.write(value);
  return bytes;
}

/// The value that `bytes` encode, all of them; otherwise throws data_error.
template <class T>
T decode(std::span<const std::byte> bytes) {
  decoder in{bytes};
  T value = in.read<T>();
  in.expect_end();
  return value;
}

} // namespace daskify
