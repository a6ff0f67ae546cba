#pragma once

/// Functions that are registered, and a fixture that calls each of them in every way.

#include "support/one_process_session.hpp"

#include <daskify/daskify.hpp>

#include <gmock/gmock.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <list>
#include <numeric>
#include <random>

namespace daskify::test {

// -- what is called -----------------------------------------------------------------------------------------------

struct sample {
  double at = 0;
  std::string label;
  std::vector<int> counts;
};

struct metres {
  double value = 0;
  metres() = default;
  metres(double from) : value{from} {}
};

inline double energy(double x, int n) {
  return std::sqrt(x) * n + 1 / x;
}
inline int negated(int x) noexcept {
  return -x;
}
inline float narrowed(float x, signed char c, bool b) {
  return x / static_cast<float>(c + 3) + static_cast<float>(b);
}
inline std::string described(const std::string& name, std::string_view more, char letter) {
  return name + std::string{more} + letter;
}
inline double dot(std::span<const double> a, const std::vector<double>& b) {
  auto shorter = a.first(std::min(a.size(), b.size()));
  return std::inner_product(shorter.begin(), shorter.end(), b.begin(), 0.0);
}
inline std::size_t letters(std::span<const std::string> words) {
  return std::accumulate(words.begin(), words.end(), std::size_t{0}, [](auto n, auto& w) { return n + w.size(); });
}
inline sample resampled(const sample& s, double by) {
  auto changed = s;
  changed.at *= by;
  changed.counts.push_back(static_cast<int>(by));
  return changed;
}
inline std::optional<double> half_of(std::optional<double> x, std::optional<int> n) {
  return x && n ? std::optional{*x / *n} : std::nullopt;
}
inline double in_metres(const metres& m, metres n) {
  return m.value - n.value;
}
inline std::complex<double> turned(std::complex<double> z, long double by) {
  return z * std::polar(1.0, static_cast<double>(by));
}
inline std::vector<double> many(std::size_t count, double x) {
  return std::vector<double>(count, x);
}
inline void nothing(bool) {}
inline int without_parameters() {
  return 42;
}
inline int moved(int&& x, std::optional<int>&& y) {
  return x + y.value_or(1);
}
inline std::array<std::uint64_t, 3> task(int) {
  return {this_task::index(), this_task::loop(), this_task::seed()};
}
inline int odd_only(int x) {
  if (x % 2 == 0)
    throw std::range_error{"even: " + std::to_string(x)};
  return x;
}
inline std::uintptr_t address(std::span<const double> all, int) {
  return reinterpret_cast<std::uintptr_t>(all.data());
}
inline std::uintptr_t address_of_whole(const std::vector<double>& all, int) {
  return reinterpret_cast<std::uintptr_t>(all.data());
}
inline const double& larger(const double& a, const double& b) {
  return a < b ? b : a;
}
struct figure {
  double side = 0;
};
struct named_figure : figure {
  std::string name;
};
inline double side_of(const figure& f) {
  return f.side;
}
inline std::uint64_t bits(double x) {
  return std::bit_cast<std::uint64_t>(x);
}

/// The same function as one that nobody has registered.
template <auto F>
struct unregistered;
template <class R, class... Ps, R (*F)(Ps...)>
struct unregistered<F> {
  R operator()(Ps... given) const { return F(std::forward<Ps>(given)...); }
};

struct named_program : testing::Test {
  std::shared_ptr<one_process_session> session = std::make_shared<one_process_session>();

  template <class F, class... Groups>
  auto run(F f, const Groups&... groups) {
    return internal::start_run_of_groups(session, f, groups...);
  }
  template <class F, class... Ts>
  auto submit(F f, const Ts&... values) {
    return internal::start_run_of_one(session, f, values...);
  }

  /// The call gives, bit for bit, what it gives within one program; and costs a description of so many bytes at most.
  template <auto F, class... Groups>
  void is_as_ordinary(const std::string& name, const Groups&... groups) {
    SCOPED_TRACE(name);
    using signature = internal::signature_of<decltype(F)>;
    auto ordinary = run(unregistered<static_cast<signature*>(F)>{}, groups...);
    EXPECT_EQ(session->last_run.program.registered, "");
    auto by_symbol = run(F, groups...);
    EXPECT_EQ(session->last_run.program.registered, name);
    EXPECT_FALSE(session->last_run.program.module.empty());
    EXPECT_EQ(session->last_run.name, name);
    auto by_name = run(named_function<signature>{name}, groups...);
    EXPECT_EQ(session->last_run.program, (internal::function_ref{{}, 0, {}, name}));
    auto expected = encoded(ordinary);
    EXPECT_EQ(encoded(by_symbol), expected);
    EXPECT_EQ(encoded(by_name), expected);
  }

private:
  template <class Futures>
  static std::vector<std::byte> encoded(const Futures& all) {
    auto bytes = encode(internal::gather(all, on_error::raise));
    return {bytes.data(), bytes.data() + bytes.size()};
  }
};

} // namespace daskify::test
