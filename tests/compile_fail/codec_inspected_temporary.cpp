// expect: daskify: inspect passes a temporary where a variable is needed
#include "daskify/codec.hpp"

class point {
public:
  template <class Inspector>
  friend auto inspect(Inspector& f, point& p) {
    return f(p.x());
  }

private:
  double x() const { return x_; }

  double x_ = 0;
};

int main() {
  daskify::encode(point{});
}
