// expect: daskify: a named function is told by its signature
#include <daskify/daskify.hpp>

daskify::named_function<double> f{"f"};
