// expect: daskify: DASKIFY_FUNCTION takes the name of one function
#include <daskify/daskify.hpp>

double energy(double x);
double energy(int n);

DASKIFY_FUNCTION(energy)
