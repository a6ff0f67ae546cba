/// A program that calls exit while its workers are in tasks without an end; no destructor runs.

#include <daskify/daskify.hpp>

#include <cstdlib>

int main(int argc, char** argv) {
  daskify::daskified cluster{argc, argv, {.size = 2}};
  cluster.start_cluster();
  auto data = cluster.scatter_data("data", std::string(1000, 'x'));
  auto endless = cluster.map(
      [](int) {
        for (;;) {
        }
        return 0;
      },
      daskify::range(2));
  while (endless[0].status() != daskify::status::running)
    endless[0].wait_for(std::chrono::milliseconds{10});
  std::exit(0);
}
