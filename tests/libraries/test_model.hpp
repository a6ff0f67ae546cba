#pragma once

/// A shared library whose functions run on workers that have loaded it, whatever programs they belong to.

#include <daskify/daskify.hpp>

namespace daskify::test {

/// The calls are made in the library, so that all of their code is there.
futures<double> sweep_of_model(daskified& cluster, int count);

} // namespace daskify::test
