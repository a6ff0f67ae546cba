#pragma once

#include <functional>
#include <utility>

namespace daskify::internal {

/// Calls a function at the end of a scope, however that comes.
class scope_exit {
public:
  explicit scope_exit(std::function<void()> end) : end_{std::move(end)} {}
  scope_exit(const scope_exit&) = delete;
  scope_exit& operator=(const scope_exit&) = delete;
  ~scope_exit() { end_(); }

private:
  std::function<void()> end_;
};

} // namespace daskify::internal
