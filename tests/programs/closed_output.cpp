/// A program whose standard input, output and error are closed, as of some daemons.

#include <daskify/daskify.hpp>

#include <unistd.h>

int main(int argc, char** argv) {
  daskify::daskified cluster{argc, argv, {.size = 2}};
  for (int fd = 0; fd <= 2; ++fd)
    ::close(fd);
  cluster.start_cluster();
  auto squares = cluster.map([](int x) { return x * x; }, daskify::range(1000));
  cluster.monitor_progress();
  return cluster.gather_data(squares)[999] == 998001 ? 0 : 1;
}
