#pragma once

/// A call of `daskified::on_worker_start`, which is encoded anew for each session.

#include "daskify/program/start_run.hpp"

#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace daskify::internal {

class start_call {
public:
  virtual ~start_call() = default;
  /// Encodes the call for this session. Throws data_error.
  virtual run_draft describe(cluster_session& session) const = 0;
};

template <class F, class Arguments>
class start_call_of final : public start_call {
public:
  start_call_of(F f, Arguments values) : f_{std::move(f)}, values_{std::move(values)} {}

  run_draft describe(cluster_session& session) const override {
    return describe_run(session, f_, values_, std::tuple<>{}, 1);
  }

private:
  F f_;
  Arguments values_;
};

template <class F, class... Ts>
std::shared_ptr<const start_call> make_start_call(F&& f, Ts&&... values) {
  using G = std::decay_t<F>;
  using arguments = std::tuple<kept_argument<Ts>...>;
  require_values<Ts...>();
  static_assert(!(is_future<kept_argument<Ts>> || ...),
                "daskify: on_worker_start takes values and scattered data, and no futures; pass future.get()");
  using R = typename matched_call<called_as<G>, arguments, std::tuple<>>::result_type;
  // The result is discarded. If it could be sent, the function is not wrapped, so that a registered function is found.
  using called = dropping_result<G, R>;
  return std::make_shared<const start_call_of<called, arguments>>(
      called{std::forward<F>(f)}, arguments{kept_argument<Ts>(std::forward<Ts>(values))...});
}

} // namespace daskify::internal
