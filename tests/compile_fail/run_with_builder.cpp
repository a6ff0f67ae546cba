// expect: daskify: a builder is no value for a task
#include <daskify/daskify.hpp>

double sum(const std::vector<double>& all);

void test(daskify::daskified& cluster) {
  auto builder = cluster.new_data<double>(10);
  cluster.run(sum, daskify::args(builder));
}
