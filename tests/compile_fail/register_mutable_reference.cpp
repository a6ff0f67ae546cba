// expect: daskify: a function that is called by name takes values
#include <daskify/daskify.hpp>

void change(std::vector<double>& all);

DASKIFY_FUNCTION(change)
