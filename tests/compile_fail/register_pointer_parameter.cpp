// expect: daskify: a function that is called by name takes values
#include <daskify/daskify.hpp>

double first(const double* all);

DASKIFY_FUNCTION(first)
