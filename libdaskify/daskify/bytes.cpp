#include "daskify/bytes.hpp"

#include <stdexcept>

namespace daskify {

shared_bytes::shared_bytes(byte_buffer&& buffer) {
  if (buffer.empty())
    return;
  auto owner = std::make_shared<const byte_buffer>(std::move(buffer));
  view_ = *owner;
  owner_ = std::move(owner);
}

shared_bytes shared_bytes::slice(std::size_t offset, std::size_t count) const {
  if (offset > size() || count > size() - offset)
    throw std::out_of_range{"A slice reaches beyond its bytes: check offset and length against size()."};
  return {owner_, view_.subspan(offset, count)};
}

} // namespace daskify
