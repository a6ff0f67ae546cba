// expect: daskify: the elements go with the view
#include <daskify/daskify.hpp>

double sum(daskify::daskified& cluster, const daskify::scattered<std::vector<double>>& data) {
  double sum = 0;
  for (double x : cluster.view_data(data).values())
    sum += x;
  return sum;
}
