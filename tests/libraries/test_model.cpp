#include "test_model.hpp"

#include <cmath>
#include <fstream>
#include <numeric>
#include <sstream>

namespace daskify::test {

namespace {

struct model {
  double scale;
  double operator()(int x) const { return scale * x; }
};

} // namespace

futures<double> sweep_of_model(daskified& cluster, int count) {
  return cluster.map(model{0.5}, range(count));
}

double energy(double x, int n) {
  return std::sqrt(x) * n + 1 / (x + 1);
}

std::string labelled(const std::string& name, std::string_view more, int n) {
  return name + std::string{more} + std::to_string(n);
}

double dot(std::span<const double> a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

std::vector<double> filled(int count, double x) {
  return std::vector<double>(static_cast<std::size_t>(count), x);
}

int odd_ones_only(int x) {
  if (x % 2 == 0)
    throw std::range_error{"even: " + std::to_string(x)};
  return x;
}

std::array<std::uint64_t, 3> place_of_task(int) {
  return {this_task::index(), this_task::loop(), this_task::seed()};
}

double sum_of_energies(int n) {
  auto all = this_task::gather_data(this_task::run(energy, args(2), iterables(range(n))));
  auto last = this_task::submit(named_function<double(double, int)>{"energy"}, 2, n);
  return std::accumulate(all.begin(), all.end(), last.get());
}

bool is_shared(std::span<const double> all) {
  std::ifstream maps{"/proc/self/maps"};
  auto at = reinterpret_cast<std::uintptr_t>(all.data());
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words{line};
    std::uintptr_t begin = 0, end = 0;
    std::string access;
    char dash = 0;
    words >> std::hex >> begin >> dash >> end >> access;
    if (at >= begin && at < end)
      return access == "r--s";
  }
  return false;
}

std::uintptr_t address_in_worker(const std::vector<double>& all, int) {
  return reinterpret_cast<std::uintptr_t>(all.data());
}

int unregistered(int x) {
  return x;
}

DASKIFY_FUNCTION(energy)
DASKIFY_FUNCTION(labelled)
DASKIFY_FUNCTION(dot)
DASKIFY_FUNCTION(filled)
DASKIFY_FUNCTION(odd_ones_only)
DASKIFY_FUNCTION(place_of_task)
DASKIFY_FUNCTION(sum_of_energies)
DASKIFY_FUNCTION(is_shared)
DASKIFY_FUNCTION(address_in_worker)

} // namespace daskify::test
