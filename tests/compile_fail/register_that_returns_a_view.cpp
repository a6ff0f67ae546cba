// expect: daskify: the function's result cannot travel back
#include <daskify/daskify.hpp>

std::string_view name(int n);

DASKIFY_FUNCTION(name)
