#pragma once

/// Encodes values as bytes: arguments, results and scattered data are sent to other processes in this form.
///
///     byte_buffer bytes = encode(value);
///     auto copy = decode<std::vector<double>>(bytes);
///
/// `encoder` and `decoder` (codec/stream.hpp) do the same for a sequence of values.
///
/// Types that can be sent: numbers, enums, strings, the containers, pair, tuple, array, optional, variant, complex,
/// bitset, durations and time points; aggregates of up to 64 members, without further code; classes with a CAF-style
/// `inspect(f, x)`; other trivially copyable classes, as bytes. Other types (pointers, references, views, handles of
/// any kind) do not compile, with a message that names the type.
///
/// Every value is decoded bit for bit, NaN payloads and -0.0 included. The bytes are in the byte order and layout of
/// the machine, without any description: both ends must be the same build of one program. For any bytes, decoding
/// returns a value or throws data_error (`truncated_bytes`, `corrupt_bytes`), and allocates memory in proportion to the
/// bytes. Only a class that is sent as bytes must be able to handle any bytes.
///
/// Thread-safety: encode and decode depend on their arguments only; an encoder or decoder may be used by one thread at
/// a time.

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

/// Decodes `bytes`, all of which must be the encoding of one value; otherwise throws data_error.
template <class T>
T decode(std::span<const std::byte> bytes) {
  decoder in{bytes};
  T value = in.read<T>();
  in.expect_end();
  return value;
}

} // namespace daskify
