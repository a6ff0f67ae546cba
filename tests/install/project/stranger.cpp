#include <daskify/daskify.hpp>

int twice(int x) {
  return 2 * x;
}

int main(int argc, char** argv) {
  daskify::daskified cluster{argc, argv, {.size = 1}};
  cluster.start_cluster();
  auto results = cluster.gather_data(cluster.map(twice, daskify::range(10)));
  return results.size() == 10 && results[9] == 18 ? 0 : 1;
}
