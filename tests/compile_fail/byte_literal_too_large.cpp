// expect: daskify: this amount of memory does not fit into 64 bits
#include <daskify/daskify.hpp>

constexpr auto too_much = daskify::literals::operator""_TB(99'999'999);
