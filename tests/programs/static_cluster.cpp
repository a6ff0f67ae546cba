/// A cluster and a future that live until the very end of the program, after main.

#include <daskify/daskify.hpp>

int main(int argc, char** argv) {
  static daskify::daskified cluster{argc, argv, {.size = 2}};
  cluster.start_cluster();
  static auto future = cluster.submit([](int x) { return x * x; }, 3);
  return future.get() == 9 ? 0 : 1;
}
