#pragma once

#include <pthread.h>

#include <cstddef>

namespace daskify::test {

/// During its lifetime no thread can be started, because there is no room for the stack.
class no_more_threads {
public:
  no_more_threads() {
    pthread_getattr_default_np(&before_);
    pthread_attr_t endless;
    pthread_attr_init(&endless);
    pthread_attr_setstacksize(&endless, std::size_t{1} << 47);
    pthread_setattr_default_np(&endless);
    pthread_attr_destroy(&endless);
  }
  ~no_more_threads() {
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }
  no_more_threads(const no_more_threads&) = delete;
  no_more_threads& operator=(const no_more_threads&) = delete;

private:
  pthread_attr_t before_;
};

} // namespace daskify::test
