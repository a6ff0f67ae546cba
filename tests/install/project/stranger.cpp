#include <daskify/daskify.hpp>

#include <iostream>
#include <stdexcept>
#include <string>

int twice(int x) {
  return 2 * x;
}
int thrice(int x) {
  return 3 * x;
}
DASKIFY_FUNCTION(thrice)
int refuse(int x) {
  throw std::invalid_argument{"no " + std::to_string(x)};
}

/// Messages name functions, also in a program that has nothing but what daskify's target asks for.
bool is_named_in_errors(daskify::daskified& cluster) {
  try {
    cluster.submit(refuse, 3).get();
  } catch (const daskify::task_error& e) {
    if (std::string{e.what()}.find("refuse(int)") != std::string::npos)
      return true;
    std::cerr << e.what() << '\n';
  }
  return false;
}

int main(int argc, char** argv) {
  daskify::daskified cluster{argc, argv, {.size = 1}};
  cluster.start_cluster();
  auto results = cluster.gather_data(cluster.map(twice, daskify::range(10)));
  auto by_name = cluster.submit(daskify::named_function<int(int)>{"thrice"}, 5);
  return results.size() == 10 && results[9] == 18 && by_name.get() == 15 && is_named_in_errors(cluster) ? 0 : 1;
}
