/// The smallest sweep: one function, two parameters, a hundred combinations on all CPUs of this machine.

#include <daskify/daskify.hpp>

#include <iostream>

int product(int a, int b) {
  return a * b;
}

int main(int argc, char** argv) {
  daskify::daskified cluster{argc, argv}; // the first line: a process launched as a worker stays in here
  cluster.start_cluster();

  auto futures = cluster.run(product, daskify::iterables(daskify::range(1, 11), daskify::range(1, 11)));
  auto table = cluster.gather_data(futures);

  for (std::size_t i = 0; i < table.size(); ++i)
    std::cout << table[i] << ((i + 1) % 10 == 0 ? '\n' : '\t');
  auto [a, b] = futures.combination(67);
  return table[67] == a * b && a == 7 && b == 8 ? 0 : 1;
}
