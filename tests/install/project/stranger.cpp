#include <daskify/daskify.hpp>

int twice(int x) {
  return 2 * x;
}
int thrice(int x) {
  return 3 * x;
}
DASKIFY_FUNCTION(thrice)

int main(int argc, char** argv) {
  daskify::daskified cluster{argc, argv, {.size = 1}};
  cluster.start_cluster();
  auto results = cluster.gather_data(cluster.map(twice, daskify::range(10)));
  auto by_name = cluster.submit(daskify::named_function<int(int)>{"thrice"}, 5);
  return results.size() == 10 && results[9] == 18 && by_name.get() == 15 ? 0 : 1;
}
