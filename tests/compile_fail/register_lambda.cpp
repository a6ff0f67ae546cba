// expect: daskify: DASKIFY_FUNCTION takes the name of one function
#include <daskify/daskify.hpp>

static const auto twice = [](int x) { return 2 * x; };

DASKIFY_FUNCTION(twice)
