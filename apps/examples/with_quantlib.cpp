/// Prices American options with QuantLib, first on all workers and then in this process: the prices must be identical
/// bit by bit.
///
/// Usage: with_quantlib
///
/// Built if QuantLib is installed (Debian: libquantlib0-dev). QuantLib keeps the evaluation date in a singleton, which
/// main sets. Workers are other processes with their own settings: on_worker_start sets the date there, too.

#include <daskify/daskify.hpp>

#include <ql/exercise.hpp>
#include <ql/instruments/payoffs.hpp>
#include <ql/instruments/vanillaoption.hpp>
#include <ql/methods/lattices/binomialtree.hpp>
#include <ql/pricingengines/vanilla/binomialengine.hpp>
#include <ql/processes/blackscholesprocess.hpp>
#include <ql/quotes/simplequote.hpp>
#include <ql/settings.hpp>
#include <ql/termstructures/volatility/equityfx/blackconstantvol.hpp>
#include <ql/termstructures/yield/flatforward.hpp>
#include <ql/time/calendars/target.hpp>
#include <ql/time/daycounters/actual365fixed.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iostream>
#include <tuple>
#include <vector>

namespace ql = QuantLib;

constexpr double spot = 100;
constexpr double interest = 0.03;
constexpr double dividend = 0.01;
constexpr int tree_steps = 80;

/// QuantLib represents dates by serial numbers, which can be sent to the workers.
void set_evaluation_date(int serial) {
  ql::Settings::instance().evaluationDate() = ql::Date{serial};
}

/// The price of a put that may be exercised from the evaluation date to the day `maturity`.
double price(double strike, double volatility, int maturity) {
  ql::Date today = ql::Settings::instance().evaluationDate();
  ql::Actual365Fixed days;
  ql::Handle<ql::Quote> underlying{ql::ext::make_shared<ql::SimpleQuote>(spot)};
  auto curve = [&](double rate) {
    return ql::Handle<ql::YieldTermStructure>{ql::ext::make_shared<ql::FlatForward>(today, rate, days)};
  };
  ql::Handle<ql::BlackVolTermStructure> flat_volatility{
      ql::ext::make_shared<ql::BlackConstantVol>(today, ql::TARGET{}, volatility, days)};
  auto process = ql::ext::make_shared<ql::BlackScholesMertonProcess>(underlying, curve(dividend), curve(interest),
                                                                     flat_volatility);
  ql::VanillaOption option{ql::ext::make_shared<ql::PlainVanillaPayoff>(ql::Option::Put, strike),
                           ql::ext::make_shared<ql::AmericanExercise>(today, ql::Date{maturity})};
  option.setPricingEngine(ql::ext::make_shared<ql::BinomialVanillaEngine<ql::CoxRossRubinstein>>(process, tree_steps));
  return option.NPV();
}

int main(int argc, char** argv) try {
  daskify::daskified cluster{argc, argv};
  ql::Date today{15, ql::March, 2024};
  auto serial = static_cast<int>(today.serialNumber());
  set_evaluation_date(serial);
  cluster.on_worker_start(set_evaluation_date, serial);
  cluster.start_cluster();

  auto strikes = daskify::linspace(60, 140, 33);
  auto volatilities = daskify::linspace(0.1, 0.5, 17);
  std::vector<int> maturities;
  for (int months : {1, 3, 6, 12, 24})
    maturities.push_back(static_cast<int>((today + months * ql::Months).serialNumber()));
  auto futures = cluster.run(price, daskify::iterables(strikes, volatilities, maturities));
  auto prices = cluster.gather_data(futures);

  double largest = 0;
  std::size_t different = 0;
  for (std::size_t i = 0; i < prices.size(); ++i) {
    auto here = std::apply(price, futures.combination(i));
    different += std::bit_cast<std::uint64_t>(here) != std::bit_cast<std::uint64_t>(prices[i]);
    largest = std::max(largest, std::abs(here - prices[i]));
  }
  auto [cheapest, dearest] = std::ranges::minmax(prices);
  std::printf("%zu options, worth %.4f to %.4f on day %d\n", prices.size(), cheapest, dearest, serial);
  std::printf("largest difference from the sequential run: %g; prices that differ in any bit: %zu\n", largest,
              different);
  return different == 0 ? 0 : 1;
} catch (const std::exception& e) {
  std::cerr << "with_quantlib: " << e.what() << '\n';
  return 1;
}
