/// Tasks that fail: the results of the other tasks are available, and each failure has a reason.

#include <daskify/daskify.hpp>

#include <cmath>
#include <iostream>
#include <stdexcept>

double root(double x) {
  if (x < 0)
    throw std::domain_error{"no real root of a negative number"};
  return std::sqrt(x);
}

int main(int argc, char** argv) {
  daskify::daskified cluster{argc, argv};
  cluster.start_cluster();
  auto roots = cluster.map(root, daskify::linspace(-2, 4, 7));

  // keep: a value or an error for each task.
  int failures = 0;
  for (const auto& r : cluster.gather_data(roots, daskify::on_error::keep)) {
    if (r)
      std::cout << r.value() << '\n';
    else
      std::cout << "failed: " << r.message() << '\n', ++failures;
  }

  // skip: only the values.
  auto values = cluster.gather_data(roots, daskify::on_error::skip);

  // raise, the default: throws the exception of the first failed task.
  try {
    cluster.gather_data(roots);
  } catch (const daskify::task_error& e) {
    const auto& why = e.details();
    std::cout << "task " << why.task << " (" << why.combination << ") threw " << why.type << ": " << why.text << '\n';
    return failures == 2 && values.size() == 5 && why.task == 0 ? 0 : 1;
  }
  return 1;
}
