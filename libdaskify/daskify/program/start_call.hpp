#pragma once

/// A call of `daskified::on_worker_start`, which is described anew for each session.

#include "daskify/program/start_run.hpp"

#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace daskify::internal {

struct start_call {
  /// Encodes the call for this session. Throws data_error.
  std::function<run_draft(cluster_session& session)> describe;
};

template <class F, class... Ts>
start_call make_start_call(F&& f, Ts&&... values) {
  using G = std::decay_t<F>;
  using arguments = std::tuple<kept_argument<Ts>...>;
  require_values<Ts...>();
  static_assert(!(is_future<kept_argument<Ts>> || ...),
                "daskify: on_worker_start takes values and scattered data, and no futures; pass future.get()");
  using R = typename matched_call<called_as<G>, arguments, std::tuple<>>::result_type;
  // A result is dropped. Where it could travel the function stays as it is, so that it is found by its name, too.
  using called = std::conditional_t<std::is_void_v<R> || travels<stored_result<R>>, G, without_result<G>>;
  struct call {
    called f;
    arguments values;
  };
  auto kept = std::make_shared<const call>(
      call{called{std::forward<F>(f)}, arguments{kept_argument<Ts>(std::forward<Ts>(values))...}});
  return {[kept](cluster_session& session) { return describe_run(session, kept->f, kept->values, std::tuple<>{}, 1); }};
}

} // namespace daskify::internal
