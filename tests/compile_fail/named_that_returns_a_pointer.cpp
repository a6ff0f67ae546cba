// expect: daskify: the function's result cannot travel back
#include <daskify/daskify.hpp>

void test(daskify::daskified& cluster) {
  cluster.submit(daskify::named_function<int*(int)>{"f"}, 3);
}
