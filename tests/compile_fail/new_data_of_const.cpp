// expect: daskify: the elements of new_data are there to be filled in
#include <daskify/daskify.hpp>

void test(daskify::daskified& cluster) {
  cluster.new_data<const int>(10);
}
