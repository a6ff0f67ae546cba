// expect: daskify: in a call by name, scattered data and futures are of the parameter's own type or numbers
#include <daskify/daskify.hpp>

void test(daskify::daskified& cluster, daskify::future<std::array<double, 3>> three) {
  cluster.submit(daskify::named_function<double(std::span<const double>)>{"f"}, three);
}
