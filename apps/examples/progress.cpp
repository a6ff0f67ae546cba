/// The progress of a run, polled while it runs. `monitor_progress()` would show a bar until the end instead.

#include <daskify/daskify.hpp>

#include <chrono>
#include <iostream>
#include <numeric>

/// Number of primes among the thousand numbers from 1000 * k on; slow on purpose.
int primes_in_thousand(int k) {
  int found = 0;
  for (int n = 1000 * k; n < 1000 * (k + 1); ++n) {
    bool prime = n > 1;
    for (int d = 2; prime && d < n; ++d)
      prime = n % d != 0;
    found += prime;
  }
  return found;
}

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  daskify::daskified cluster{argc, argv};
  cluster.start_cluster();

  auto futures = cluster.map(primes_in_thousand, daskify::range(100));
  while (!daskify::wait(futures, {}, 250ms))
    cluster.check_progress();
  auto last = cluster.check_progress();

  auto found = cluster.gather_data(futures);
  auto primes = std::accumulate(found.begin(), found.end(), 0);
  std::cout << primes << " primes below 100000\n";
  return primes == 9592 && last.finished == 100 ? 0 : 1;
}
