/// Fits a model to sixty years of measured CO2: a growing trend, and a yearly cycle.
///
/// Usage: co2_sweep [FILE]   default: data/co2-concentration.csv beside this source
///
/// A sweep over a coarse grid of the model's parameters finds the approximate position of the best fit; each further
/// sweep refines the grid around the best fit so far.

#include <daskify/daskify.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <numbers>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

using daskify::linear_space;
using daskify::linspace;

/// The observation of one month.
struct observation {
  double year; ///< the middle of the month: 1958.208 is mid March 1958
  double ppm;
};

/// The result of a task: the best fit with its combination of parameters.
struct fit {
  double level; ///< ppm; the best level for the combination
  double rms;   ///< root of the mean square misfit, in ppm
};

constexpr double middle = 1989.25; ///< of the record; growth and acceleration are nearly independent there

/// CO2 above the level: `growth` in ppm/year at the middle, `acceleration` in ppm/year^2, a cycle of `amplitude` ppm
/// with its maximum at `peak`, a fraction of the year.
double model(double year, double growth, double acceleration, double amplitude, double peak) {
  auto t = year - middle;
  return (growth + acceleration / 2 * t) * t + amplitude * std::cos(2 * std::numbers::pi * (year - peak));
}

fit fit_of(std::span<const observation> observed, double growth, double acceleration, double amplitude, double peak) {
  double sum = 0, squares = 0;
  for (const auto& o : observed) {
    auto residual = o.ppm - model(o.year, growth, acceleration, amplitude, peak);
    sum += residual;
    squares += residual * residual;
  }
  auto count = static_cast<double>(observed.size());
  auto level = sum / count;
  return {level, std::sqrt(squares / count - level * level)};
}

/// Reads rows of `1958-03-01,315.70,...` after one line of headings.
std::vector<observation> load(const std::filesystem::path& path) {
  std::ifstream file{path};
  std::vector<observation> observed;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    int year = 0, month = 0;
    double ppm = 0;
    if (std::sscanf(line.c_str(), "%d-%d-%*d,%lf", &year, &month, &ppm) != 3)
      throw std::runtime_error{path.string() + " has a row that is not DATE,PPM,...: " + line};
    observed.push_back({year + (month - 0.5) / 12, ppm});
  }
  if (observed.empty())
    throw std::runtime_error{"No observations in " + path.string() + "; give a file as the first argument."};
  return observed;
}

double step_of(const linear_space& axis) {
  return (axis.last - axis.first) / static_cast<double>(axis.count - 1);
}

/// A grid of the same size, from the lower to the upper neighbour of `value`.
linear_space closer(const linear_space& axis, double value) {
  return linspace(value - step_of(axis), value + step_of(axis), axis.count);
}

bool inside(const linear_space& axis, double value) {
  return axis.first < value && value < axis.last;
}

/// Plots the last years, one month per column: o observed, - fit, @ both at the same place.
template <class Fitted>
void plot(std::span<const observation> observed, const Fitted& fitted) {
  auto [lowest, highest] = std::ranges::minmax(observed, {}, &observation::ppm);
  auto bottom = static_cast<int>(lowest.ppm) - 1, top = static_cast<int>(highest.ppm) + 1;
  for (int row = top; row >= bottom; --row) {
    std::string line;
    for (const auto& o : observed) {
      bool data = std::lround(o.ppm) == row, curve = std::lround(fitted(o.year)) == row;
      line += data && curve ? '@' : data ? 'o' : curve ? '-' : ' ';
    }
    std::printf("%4d |%s\n", row, line.c_str());
  }
  std::printf(" ppm  %.1f to %.1f: o observed, - fit, @ both\n", observed.front().year, observed.back().year);
}

int main(int argc, char** argv) try {
  daskify::daskified cluster{argc, argv};
  auto here = std::filesystem::path{__FILE__}.parent_path();
  auto observed = load(argc > 1 ? argv[1] : here / "data" / "co2-concentration.csv");
  cluster.start_cluster();
  auto scattered = cluster.scatter_data("observed", observed);

  auto growths = linspace(0, 3, 22);
  auto accelerations = linspace(0, 0.1, 22);
  auto amplitudes = linspace(0, 6, 22);
  auto peaks = linspace(0, 1, 22);
  double growth = 0, acceleration = 0, amplitude = 0, peak = 0;
  fit best{};

  constexpr int sweeps = 3;
  for (int sweep = 1; sweep <= sweeps; ++sweep) {
    auto futures =
        cluster.run(fit_of, daskify::args(scattered), daskify::iterables(growths, accelerations, amplitudes, peaks));
    cluster.monitor_progress(futures);

    auto fits = cluster.gather_data(futures);
    auto at = std::ranges::min_element(fits, {}, &fit::rms);
    best = *at;
    std::tie(growth, acceleration, amplitude, peak) = futures.combination(static_cast<std::size_t>(at - fits.begin()));
    std::printf("sweep %d: %zu combinations, best misfit %.4f ppm\n", sweep, fits.size(), best.rms);

    if (sweep == sweeps)
      break;
    growths = closer(growths, growth);
    accelerations = closer(accelerations, acceleration);
    amplitudes = closer(amplitudes, amplitude);
    peaks = closer(peaks, peak);
  }

  std::printf("\n%-14s %12s %12s\n", "", "best", "grid step");
  std::printf("%-14s %12.6f %12s  ppm in %.2f\n", "level", best.level, "", middle);
  std::printf("%-14s %12.6f %12.6f  ppm/year in %.2f\n", "growth", growth, step_of(growths), middle);
  std::printf("%-14s %12.6f %12.6f  ppm/year^2\n", "acceleration", acceleration, step_of(accelerations));
  std::printf("%-14s %12.6f %12.6f  ppm\n", "amplitude", amplitude, step_of(amplitudes));
  std::printf("%-14s %12.6f %12.6f  of the year\n", "peak", peak, step_of(peaks));
  std::printf("%-14s %12.6f %12s  ppm rms\n\n", "misfit", best.rms, "");

  auto recent = std::span{observed}.last(std::min<std::size_t>(observed.size(), 72));
  plot(recent, [&](double year) { return best.level + model(year, growth, acceleration, amplitude, peak); });

  // If a parameter is at the edge of its grid, the best fit lies outside the grid.
  bool found = inside(growths, growth) && inside(accelerations, acceleration) && inside(amplitudes, amplitude) &&
               inside(peaks, peak);
  return found ? 0 : 1;
} catch (const std::exception& e) {
  std::cerr << "co2_sweep: " << e.what() << '\n';
  return 1;
}
