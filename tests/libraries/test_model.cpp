#include "test_model.hpp"

namespace daskify::test {

namespace {

struct model {
  double scale;
  double operator()(int x) const { return scale * x; }
};

} // namespace

futures<double> sweep_of_model(daskified& cluster, int count) {
  return cluster.map(model{0.5}, range(count));
}

} // namespace daskify::test
