/// Random numbers that are the same in each execution of the program, independent of the worker that draws them:
/// `this_task::seed()`.

#include <daskify/daskify.hpp>

#include <cmath>
#include <iostream>
#include <random>
#include <vector>

/// The end of a walk of `steps` steps, each to the left or to the right.
int walk(int steps) {
  std::mt19937_64 random{daskify::this_task::seed()};
  int place = 0;
  for (int i = 0; i < steps; ++i)
    place += random() & 1 ? 1 : -1;
  return place;
}

int main(int argc, char** argv) {
  daskify::daskified cluster{argc, argv};
  cluster.start_cluster();

  // 4000 walks of each of three lengths; each loop has its own seeds.
  constexpr int walks = 4000;
  auto futures = cluster.run(walk, daskify::iterables(std::vector{10, 100, 1000}), daskify::loops(walks));
  auto ends = cluster.gather_data(futures);

  // Theory: the mean of end^2 is the number of steps, give or take steps * sqrt(2 / walks).
  bool right = true;
  for (std::size_t i = 0; i < 3; ++i) {
    double squares = 0;
    for (auto k = i; k < ends.size(); k += 3)
      squares += static_cast<double>(ends[k]) * ends[k];
    auto [steps] = futures.combination(i);
    auto mean = squares / walks;
    std::cout << steps << " steps: mean square distance " << mean << '\n';
    right = right && std::abs(mean - steps) < 4 * steps * std::sqrt(2.0 / walks);
  }
  return right ? 0 : 1;
}
