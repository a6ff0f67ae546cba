/// Multiplies random matrices with OpenBLAS, first on all workers and then in this process: the results must be
/// identical bit by bit.
///
/// Usage: with_openblas
///
/// Built if OpenBLAS is installed (Debian: libopenblas-dev). OpenBLAS adds in an order that depends on its number of
/// threads, and so do the results: therefore one thread everywhere. There is a worker for each CPU anyway.

#include <daskify/daskify.hpp>

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <random>
#include <tuple>
#include <vector>

using matrix = std::vector<double>; ///< by rows

/// The same on every machine: the standard specifies the numbers of the generator, but not those of distributions.
matrix random_matrix(std::mt19937_64& random, int rows, int columns) {
  matrix m(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns));
  for (auto& x : m)
    x = static_cast<double>(random() >> 11) * 0x1p-52 - 1; // from -1 to 1
  return m;
}

/// The upper half of (A B)(A B)^T for random A and B of this size.
matrix squared_product(std::uint64_t seed, int size) {
  std::mt19937_64 random{seed};
  auto a = random_matrix(random, size, 2 * size);
  auto b = random_matrix(random, 2 * size, size);
  auto count = static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
  matrix product(count);
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, size, size, 2 * size, 1, a.data(), 2 * size, b.data(), size, 0,
              product.data(), size);
  matrix square(count);
  cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, size, size, 1, product.data(), size, 0, square.data(), size);
  return square;
}

int main(int argc, char** argv) try {
  openblas_set_num_threads(1); // also in the workers, which run main up to the next line
  daskify::daskified cluster{argc, argv};
  cluster.start_cluster();

  constexpr std::uint64_t seeds = 60;
  const std::vector sizes{7, 16, 33, 64, 100};
  auto futures = cluster.run(squared_product, daskify::iterables(daskify::range(seeds), sizes));
  auto squares = cluster.gather_data(futures);

  double largest = 0;
  double trace = 0;
  std::size_t different = 0;
  for (std::size_t i = 0; i < squares.size(); ++i) {
    const auto& there = squares[i];
    auto here = std::apply(squared_product, futures.combination(i));
    bool is_same = here.size() == there.size() && std::memcmp(here.data(), there.data(), here.size() * 8) == 0;
    different += is_same ? 0 : 1;
    for (std::size_t k = 0; k < std::min(here.size(), there.size()); ++k)
      largest = std::max(largest, std::abs(here[k] - there[k]));
    auto size = static_cast<std::size_t>(std::get<1>(futures.combination(i)));
    for (std::size_t k = 0; k < size; ++k)
      trace += there[k * (size + 1)];
  }
  std::printf("%zu matrices, with traces of %.3f together\n", squares.size(), trace);
  std::printf("largest difference from the sequential run: %g; matrices that differ in any bit: %zu\n", largest,
              different);
  return different == 0 ? 0 : 1;
} catch (const std::exception& e) {
  std::cerr << "with_openblas: " << e.what() << '\n';
  return 1;
}
