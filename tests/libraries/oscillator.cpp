/// A shared library that no program is linked with: its functions are called by their names alone.

#include <daskify/daskify.hpp>

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

namespace oscillator {

double amplitude(double time, int mode) {
  return std::cos(time * mode) * std::exp(-time);
}
double amplitude(double time) {
  return amplitude(time, 1);
}

std::size_t letters(std::string_view text) {
  return text.size();
}

double mean(std::span<const double> all) {
  double sum = 0;
  for (double x : all)
    sum += x;
  return sum / static_cast<double>(all.size());
}

} // namespace oscillator

/// One of the same name is in the other library.
double energy(double x, int) {
  return x;
}

DASKIFY_FUNCTION_AS("oscillator::amplitude", static_cast<double (*)(double, int)>(oscillator::amplitude))
DASKIFY_FUNCTION_AS("oscillator::amplitude of mode 1", static_cast<double (*)(double)>(oscillator::amplitude))
DASKIFY_FUNCTION(oscillator::letters)
DASKIFY_FUNCTION(oscillator::mean)
DASKIFY_FUNCTION(energy)
