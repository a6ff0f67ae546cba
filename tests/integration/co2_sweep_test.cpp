/// The sweep of apps/examples/co2_sweep.cpp against the least-squares solution, which is computed here in
/// another way: the model is linear in level, growth, acceleration and the two parts of the yearly cycle.

#include "support/run_program.hpp"

#include <array>
#include <cmath>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <numbers>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

using daskify::test::run_program;
using testing::HasSubstr;

namespace {

using column = std::vector<double>;

constexpr double middle = 1989.25;

const std::string data_folder = DASKIFY_SOURCE_DIR "/apps/examples/data/";

double dot(const column& a, const column& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

void subtract(column& from, double factor, const column& what) {
  for (std::size_t i = 0; i < from.size(); ++i)
    from[i] -= factor * what[i];
}

/// The x that makes |y - A x| least, by modified Gram-Schmidt; leaves the residual in y.
template <std::size_t N>
std::array<double, N> least_squares(std::array<column, N> a, column& y) {
  std::array<std::array<double, N>, N> r{};
  std::array<double, N> x{};
  for (std::size_t i = 0; i < N; ++i) {
    auto norm = dot(a[i], a[i]);
    for (std::size_t j = i + 1; j < N; ++j) {
      r[i][j] = dot(a[i], a[j]) / norm;
      subtract(a[j], r[i][j], a[i]);
    }
    x[i] = dot(a[i], y) / norm;
    subtract(y, x[i], a[i]);
  }
  for (std::size_t i = N; i-- > 0;)
    for (std::size_t j = i + 1; j < N; ++j)
      x[i] -= r[i][j] * x[j];
  return x;
}

struct solution {
  double level, growth, acceleration, amplitude, peak, rms;
};

solution solve() {
  std::array<column, 5> a;
  column ppm;
  std::ifstream file{data_folder + "co2-concentration.csv"};
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    auto year = std::stoi(line.substr(0, 4)) + (std::stoi(line.substr(5, 2)) - 0.5) / 12;
    auto t = year - middle, angle = 2 * std::numbers::pi * year;
    auto row = {1.0, t, t * t / 2, std::cos(angle), std::sin(angle)};
    for (std::size_t i = 0; i < a.size(); ++i)
      a[i].push_back(row.begin()[i]);
    ppm.push_back(std::stod(line.substr(11)));
  }
  auto months = static_cast<double>(ppm.size());
  auto [level, growth, acceleration, cosine, sine] = least_squares(a, ppm);
  return {level,
          growth,
          acceleration,
          std::hypot(cosine, sine),
          std::atan2(sine, cosine) / (2 * std::numbers::pi),
          std::sqrt(dot(ppm, ppm) / months)};
}

/// What the program printed: for each name its value and, where it has one, the step of the last grid.
struct row {
  double value = NAN, step = NAN;
};

std::map<std::string, row> rows_of(const std::string& output) {
  std::map<std::string, row> rows;
  std::istringstream lines{output};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string name;
    row r;
    if (words >> name >> r.value) {
      if (!(words >> r.step))
        r.step = NAN;
      rows[name] = r;
    }
  }
  return rows;
}

} // namespace

TEST(least_squares, finds_the_parabola_through_three_points) {
  column y{1, 4, 11};
  auto x = least_squares(std::array<column, 3>{column{1, 1, 1}, column{0, 1, 2}, column{0, 1, 4}}, y);
  EXPECT_NEAR(x[0], 1, 1e-12);
  EXPECT_NEAR(x[1], 1, 1e-12);
  EXPECT_NEAR(x[2], 2, 1e-12);
}

TEST(co2_sweep, finds_the_least_squares_solution_within_a_step_of_its_grid) {
  auto run = run_program("co2_sweep");
  ASSERT_EQ(run.exit_code, 0) << run.output;
  EXPECT_THAT(run.output, HasSubstr("sweep 3: 234256 combinations"));
  EXPECT_THAT(run.output, HasSubstr("234256 of 234256 tasks done")); // the monitor
  auto printed = rows_of(run.output);
  auto direct = solve();

  auto agree = [&](const std::string& name, double expected, double finest) {
    EXPECT_LT(printed[name].step, finest) << name;
    EXPECT_NEAR(printed[name].value, expected, printed[name].step) << name;
  };
  agree("growth", direct.growth, 0.002);
  agree("acceleration", direct.acceleration, 0.0001);
  agree("amplitude", direct.amplitude, 0.005);
  agree("peak", direct.peak, 0.001);
  EXPECT_NEAR(printed["level"].value, direct.level, 0.02);
  // The direct solution is the best there is.
  EXPECT_GE(printed["misfit"].value, direct.rms - 1e-6);
  EXPECT_LE(printed["misfit"].value, direct.rms * 1.001);
}

TEST(co2_sweep, names_a_file_that_is_not_there) {
  auto run = run_program("co2_sweep", "/no/such/file.csv");
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.output, HasSubstr("/no/such/file.csv"));
}

TEST(co2_sweep, names_a_row_that_is_no_observation) {
  auto run = run_program("co2_sweep", "'" + data_folder + "README.md'");
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.output, HasSubstr("README.md has a row that is not DATE,PPM"));
}
