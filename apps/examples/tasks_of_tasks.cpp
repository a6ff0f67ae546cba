/// Tasks that submit tasks: an integral whose interval is halved wherever the function is not smooth enough.

#include <daskify/daskify.hpp>

#include <cmath>
#include <iostream>
#include <numbers>

/// Steep near 0, flat elsewhere.
double f(double x) {
  return std::exp(-1000 * x * x);
}

/// Simpson's rule on [a, b].
double simpson(double a, double b) {
  return (b - a) / 6 * (f(a) + 4 * f((a + b) / 2) + f(b));
}

/// The integral over [a, b] within `tolerance`. Each half is a separate task; while this task waits for them, its
/// worker runs other tasks.
double integral(double a, double b, double tolerance) {
  auto middle = (a + b) / 2;
  auto halves = simpson(a, middle) + simpson(middle, b);
  if (std::abs(halves - simpson(a, b)) < 15 * tolerance)
    return halves;
  auto left = daskify::this_task::submit(integral, a, middle, tolerance / 2);
  auto right = daskify::this_task::submit(integral, middle, b, tolerance / 2);
  return left.get() + right.get();
}

int main(int argc, char** argv) {
  daskify::daskified cluster{argc, argv};
  cluster.start_cluster();
  auto found = cluster.submit(integral, -0.9, 1.1, 1e-9).get();
  auto expected = std::sqrt(std::numbers::pi / 1000);
  std::cout << "integral: " << found << ", expected " << expected << '\n';
  return std::abs(found - expected) < 1e-8 ? 0 : 1;
}
