/// A large vector that all tasks read: it is put on the cluster once, and the tasks read it without a copy.

#include <daskify/daskify.hpp>

#include <iostream>
#include <numeric>
#include <span>
#include <vector>

constexpr std::size_t parts = 100;

/// The parameter is a span, so that the task reads the shared memory directly. A const std::vector<double>& would work
/// as well, with one copy in each worker process.
double sum_of_part(std::span<const double> all, std::size_t part) {
  auto size = all.size() / parts;
  auto mine = all.subspan(part * size, size);
  return std::accumulate(mine.begin(), mine.end(), 0.0);
}

int main(int argc, char** argv) {
  daskify::daskified cluster{argc, argv};
  cluster.start_cluster();

  std::vector<double> numbers(5'000'000);
  std::iota(numbers.begin(), numbers.end(), 1.0);
  auto scattered = cluster.scatter_data("numbers", numbers);
  std::cout << scattered.key() << ": " << scattered.size_bytes() / 1'000'000 << " MB scattered\n";

  auto sums = cluster.gather_data(
      cluster.run(sum_of_part, daskify::args(scattered), daskify::iterables(daskify::range(parts))));
  auto total = std::accumulate(sums.begin(), sums.end(), 0.0);
  std::cout << "sum of 1 to 5000000: " << static_cast<long long>(total) << '\n';

  // The key is sufficient to get the data back, or to free them.
  auto same = cluster.gather_data<std::vector<double>>("numbers");
  cluster.release("numbers");
  return total == 12'500'002'500'000.0 && same == numbers ? 0 : 1;
}
