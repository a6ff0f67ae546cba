#pragma once

#include <utility>

namespace daskify::internal {

/// Sole owner of an open file descriptor, or of none.
class file_descriptor {
public:
  file_descriptor() = default;
  explicit file_descriptor(int number) noexcept : number_{number} {}
  file_descriptor(file_descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  file_descriptor& operator=(file_descriptor&& other) noexcept;
  ~file_descriptor() { reset(); }

  int get() const noexcept { return number_; }
  explicit operator bool() const noexcept { return number_ >= 0; }
  void reset() noexcept;

private:
  int number_ = -1;
};

/// Opens /dev/null as each closed descriptor of 0, 1 and 2, so that no other file becomes the program's input or
/// output.
void keep_standard_descriptors();

} // namespace daskify::internal
