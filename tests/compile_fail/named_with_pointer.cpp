// expect: daskify: this type cannot travel
#include <daskify/daskify.hpp>

void test(daskify::daskified& cluster, const std::vector<const char*>& names) {
  cluster.map(daskify::named_function<int(std::string)>{"f"}, names);
}
