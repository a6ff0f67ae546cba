#include "daskify/store/transfer.hpp"

#include <algorithm>
#include <unistd.h>

namespace daskify::internal {

transfer::transfer(transfer_setup setup)
    : owner_{::getpid()},
      server_{std::make_unique<transfer_server>(setup.secret, setup.host, std::move(setup.find), setup.patience)},
      puller_{std::make_unique<transfer_puller>(greeting(setup.secret), std::max<std::size_t>(setup.pulls_at_a_time, 1),
                                                setup.patience)} {}

transfer::~transfer() {
  if (::getpid() == owner_)
    return;
  static_cast<void>(server_.release()); // the threads do not exist in a forked process
  static_cast<void>(puller_.release());
}

endpoint transfer::address() const {
  return server_->address();
}

void transfer::pull(std::shared_ptr<chunked_object> into, std::vector<pull_source> from, done on_end,
                    more_sources on_none_left) {
  puller_->pull(std::move(into), std::move(from), std::move(on_end), std::move(on_none_left));
}

void transfer::add_sources(object_id object, std::vector<pull_source> more) {
  puller_->add_sources(object, more);
}

void transfer::cancel(object_id object) {
  puller_->cancel(object);
}

std::uint64_t transfer::bytes_sent() const {
  return server_->bytes_sent();
}

} // namespace daskify::internal
