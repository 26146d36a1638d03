#include "recipes/kit/stats/optimize.h"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "recipes/kit/stats/nnls.h"
#include "tensor/error.h"
#include "tests/golden/stats.h"

namespace roux::stats {
namespace {

using Vector = std::vector<double>;

double rosenbrock(std::span<const double> x, std::span<double> g) {
  double sum = 0;
  std::fill(g.begin(), g.end(), 0.0);
  for (size_t i = 0; i + 1 < x.size(); ++i) {
    const double a = x[i + 1] - x[i] * x[i];
    sum += 100 * a * a + (1 - x[i]) * (1 - x[i]);
    if (g.empty()) continue;
    g[i] += -400 * a * x[i] - 2 * (1 - x[i]);
    g[i + 1] += 200 * a;
  }
  return sum;
}

TEST(LbfgsTest, FindsTheMinimumOfRosenbrock) {
  for (size_t n : {2, 5, 20}) {
    const Minimum m = minimize_lbfgs(rosenbrock, Vector(n, -1.2));
    EXPECT_TRUE(m.converged) << m.reason;
    // From this start some dimensions have a second minimum with value about 3.99; a stationary point is
    // enough there.
    if (m.value < 1) {
      for (double v : m.x) EXPECT_NEAR(v, 1, 1e-6);
    }
    Vector gradient(n);
    rosenbrock(m.x, gradient);
    for (double g : gradient) EXPECT_NEAR(g, 0, 1e-5);
    EXPECT_LT(m.evaluations, 500);
  }
  EXPECT_NEAR(minimize_lbfgs(rosenbrock, {-1.2, 1}).value, 0, 1e-14);
}

TEST(LbfgsTest, QuadraticWithABoxMeetsTheOptimalityConditions) {
  // f = x'Hx/2 - b'x with H positive definite: at the optimum each gradient entry is 0 inside the box, >= 0
  // on the lower and <= 0 on the upper bound.
  constexpr int kN = 12;
  std::mt19937 generator(1);
  const auto uniform = [&] { return static_cast<double>(generator()) / 2147483648.0 - 1; };
  for (int trial = 0; trial < 20; ++trial) {
    double root[kN][kN], h[kN][kN] = {};
    Vector b(kN);
    for (auto& row : root) {
      for (double& v : row) v = uniform();
    }
    for (double& v : b) v = 3 * uniform();
    for (int i = 0; i < kN; ++i) {
      for (int j = 0; j < kN; ++j) {
        for (int k = 0; k < kN; ++k) h[i][j] += root[i][k] * root[j][k];
      }
      h[i][i] += 0.1;
    }
    const auto f = [&](std::span<const double> x, std::span<double> g) {
      double sum = 0;
      for (int i = 0; i < kN; ++i) {
        g[i] = -b[i];
        for (int j = 0; j < kN; ++j) g[i] += h[i][j] * x[j];
        sum += 0.5 * x[i] * (g[i] - b[i]);
      }
      return sum;
    };
    const Minimum m = minimize_lbfgs(f, Vector(kN, 5), {.bounds = {Vector(kN, -0.5), Vector(kN, 0.7)}});
    Vector g(kN);
    f(m.x, g);
    for (int i = 0; i < kN; ++i) {
      ASSERT_GE(m.x[i], -0.5);
      ASSERT_LE(m.x[i], 0.7);
      if (m.x[i] > -0.5) {
        EXPECT_LT(g[i], 1e-6);
      }
      if (m.x[i] < 0.7) {
        EXPECT_GT(g[i], -1e-6);
      }
    }
  }
}

TEST(LbfgsTest, BoundThatIsActiveAtTheMinimum) {
  const auto f = [](std::span<const double> x, std::span<double> g) {
    g[0] = 2 * (x[0] + 1), g[1] = 2 * (x[1] - 2);
    return (x[0] + 1) * (x[0] + 1) + (x[1] - 2) * (x[1] - 2);
  };
  const Minimum m = minimize_lbfgs(f, {3, -3}, {.bounds = {.lower = {0, -INFINITY}, .upper = {}}});
  EXPECT_EQ(m.x[0], 0);
  EXPECT_NEAR(m.x[1], 2, 1e-8);
}

TEST(LbfgsTest, BoxedLeastSquaresAgreeWithSciPy) {
  const auto objective = [](std::span<const double> x, std::span<double> g) {
    double sum = 0;
    std::fill(g.begin(), g.end(), 0.0);
    for (int i = 0; i < 9; ++i) {
      double residual = -golden::kBoxB[i];
      for (int j = 0; j < 6; ++j) residual += golden::kBoxA[6 * i + j] * x[j];
      sum += 0.5 * residual * residual;
      for (int j = 0; j < static_cast<int>(g.size()); ++j) g[j] += residual * golden::kBoxA[6 * i + j];
    }
    return sum;
  };
  const Bounds box{Vector(6, -0.4), Vector(6, 0.6)};
  const Minimum smooth = minimize_lbfgs(objective, Vector(6, 0.0), {.bounds = box});
  const Minimum simplex = minimize_nelder_mead([&](std::span<const double> x) { return objective(x, {}); },
                                               Vector(6, 0.0), {.bounds = box});
  EXPECT_TRUE(smooth.converged);
  for (int j = 0; j < 6; ++j) {
    EXPECT_NEAR(smooth.x[j], golden::kBoxX[j], 1e-8);
    EXPECT_NEAR(simplex.x[j], golden::kBoxX[j], 1e-5);
  }
}

TEST(LbfgsTest, SaysWhenItHasNotConverged) {
  const auto uphill = [](std::span<const double> x, std::span<double> g) {
    g[0] = -2 * x[0];  // the sign is wrong
    return x[0] * x[0];
  };
  EXPECT_FALSE(minimize_lbfgs(uphill, {1.0}).converged);
  const auto line = [](std::span<const double> x, std::span<double> g) {
    g[0] = -1;
    return -x[0];
  };
  EXPECT_FALSE(minimize_lbfgs(line, {0.0}, {.max_iterations = 20}).converged);
  const auto broken = [](std::span<const double> x, std::span<double> g) {
    g[0] = std::numeric_limits<double>::quiet_NaN();
    return x[0] * x[0];
  };
  EXPECT_THROW(minimize_lbfgs(broken, {1.0}), Error);
}

TEST(LbfgsTest, MisuseThrows) {
  const auto f = [](std::span<const double> x, std::span<double> g) { return g[0] = x[0]; };
  const auto nan = [](std::span<const double>, std::span<double>) { return NAN; };
  EXPECT_THROW(minimize_lbfgs(f, {1}, {.bounds = {.lower = {2}, .upper = {1}}}), Error);
  EXPECT_THROW(minimize_lbfgs(f, {1}, {.bounds = {.lower = {0, 0}, .upper = {}}}), Error);
  EXPECT_THROW(minimize_lbfgs(nan, {1}), Error);
  EXPECT_THROW(minimize_lbfgs(f, {}), Error);
}

TEST(NelderMeadTest, FindsMinimaWithoutGradients) {
  const Minimum m =
      minimize_nelder_mead([](std::span<const double> x) { return rosenbrock(x, {}); }, {-1.2, 1});
  EXPECT_TRUE(m.converged) << m.reason;
  EXPECT_NEAR(m.x[0], 1, 1e-6);
  EXPECT_NEAR(m.x[1], 1, 1e-6);
  const Minimum kink = minimize_nelder_mead(
      [](std::span<const double> x) { return std::abs(x[0] - 2) + 3 * std::abs(x[1] + 1) + 1; }, {0, 0});
  EXPECT_NEAR(kink.x[0], 2, 1e-6);
  EXPECT_NEAR(kink.x[1], -1, 1e-6);
  const Minimum one =
      minimize_nelder_mead([](std::span<const double> x) { return std::cosh(x[0] - 4); }, {0});
  EXPECT_NEAR(one.x[0], 4, 1e-6);
}

TEST(NelderMeadTest, RespectsBounds) {
  const Minimum m = minimize_nelder_mead(
      [](std::span<const double> x) { return (x[0] + 1) * (x[0] + 1) + (x[1] - 2) * (x[1] - 2); }, {1, 1},
      {.bounds = {.lower = {0, 0}, .upper = {5, 5}}});
  EXPECT_EQ(m.x[0], 0);
  EXPECT_NEAR(m.x[1], 2, 1e-6);
}

TEST(NnlsTest, AgreesWithSciPy) {
  const Matrix a(12, 5, Vector(std::begin(golden::kNnlsA), std::end(golden::kNnlsA)));
  const Vector x = nnls(a, Vector(std::begin(golden::kNnlsB), std::end(golden::kNnlsB)));
  ASSERT_EQ(x.size(), 5u);
  for (int i = 0; i < 5; ++i) EXPECT_NEAR(x[i], golden::kNnlsX[i], 1e-12) << i;
}

TEST(NnlsTest, MeetsTheOptimalityConditions) {
  std::mt19937 generator(2);
  const auto uniform = [&] { return static_cast<double>(generator()) / 2147483648.0 - 1; };
  for (int trial = 0; trial < 50; ++trial) {
    Matrix a(9, 6);
    Vector b(9);
    for (double& v : a.values) v = uniform();
    for (double& v : b) v = uniform();
    if (trial % 2 == 0) {
      for (int i = 0; i < 9; ++i) a(i, 5) = a(i, 0);  // linearly dependent columns
    }
    const Vector x = nnls(a, b);
    for (int j = 0; j < 6; ++j) {
      double gain = 0;
      for (int i = 0; i < 9; ++i) {
        double residual = b[i];
        for (int k = 0; k < 6; ++k) residual -= a(i, k) * x[k];
        gain += a(i, j) * residual;
      }
      ASSERT_GE(x[j], 0);
      EXPECT_LT(gain, 1e-10);
      EXPECT_NEAR(gain * x[j], 0, 1e-10);
    }
  }
}

TEST(NnlsTest, EdgesAndMisuse) {
  EXPECT_EQ(nnls(Matrix(2, 1, {0, 0}), Vector{1, 1}), Vector{0});
  EXPECT_EQ(nnls(Matrix(2, 1, {1, 1}), Vector{-1, -1}), Vector{0});
  EXPECT_NEAR(nnls(Matrix(2, 1, {1e-8, 1e-8}), Vector{1e-8, 3e-8})[0], 2, 1e-12);
  EXPECT_THROW(nnls(Matrix(2, 1, {1, 1}), Vector{1}), Error);
}

}  // namespace
}  // namespace roux::stats
