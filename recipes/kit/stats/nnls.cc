#include "recipes/kit/stats/nnls.h"

#include <algorithm>
#include <cmath>

#include "recipes/kit/stats/check.h"
#include "recipes/kit/stats/linear_algebra.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

using Vector = std::vector<double>;

// Least squares on the columns with passive[j], zero elsewhere.
Vector solve_passive(const Matrix& a, std::span<const double> b, const std::vector<bool>& passive) {
  const auto count = std::count(passive.begin(), passive.end(), true);
  Vector x(a.cols, 0.0);
  if (count == 0) return x;
  Matrix part(a.rows, count);
  for (int64_t i = 0; i < a.rows; ++i) {
    int64_t k = 0;
    for (int64_t j = 0; j < a.cols; ++j) {
      if (passive[j]) part(i, k++) = a(i, j);
    }
  }
  const Vector z = least_squares(part, b).x;
  int64_t k = 0;
  for (int64_t j = 0; j < a.cols; ++j) {
    if (passive[j]) x[j] = z[k++];
  }
  return x;
}

// A'(b - A x): what each column could still gain.
Vector gains(const Matrix& a, std::span<const double> b, const Vector& x) {
  Vector gain(a.cols, 0.0);
  for (int64_t i = 0; i < a.rows; ++i) {
    double residual = b[i];
    for (int64_t j = 0; j < a.cols; ++j) residual -= a(i, j) * x[j];
    for (int64_t j = 0; j < a.cols; ++j) gain[j] += a(i, j) * residual;
  }
  return gain;
}

// Rounding scale of the gains: below it a column's gain cannot be told from 0.
double gain_tolerance(const Matrix& a, std::span<const double> b) {
  double largest = 0;
  double size = 0;
  for (double v : a.values) largest = std::max(largest, std::abs(v));
  for (double v : b) size += std::abs(v);
  return 1e-13 * largest * size;
}

// Moves x towards the least-squares solution of its passive columns as far as all stay >= 0; columns that
// block go back to 0 and are no longer passive. Repeats until nothing blocks.
void walk_to_feasible(const Matrix& a, std::span<const double> b, std::vector<bool>& passive, Vector& x,
                      Vector z) {
  while (true) {
    double step = 1;
    for (int64_t j = 0; j < a.cols; ++j) {
      if (passive[j] && z[j] <= 0) step = std::min(step, x[j] / (x[j] - z[j]));
    }
    if (step >= 1) {
      x = std::move(z);
      return;
    }
    for (int64_t j = 0; j < a.cols; ++j) {
      if (passive[j] && z[j] <= 0 && x[j] / (x[j] - z[j]) <= step) {
        passive[j] = false;
        x[j] = z[j] = 0;
      }
      x[j] += step * (z[j] - x[j]);
    }
    z = solve_passive(a, b, passive);
  }
}

}  // namespace

std::vector<double> nnls(const Matrix& a, std::span<const double> b) {
  ROUX_CHECK(a.rows == static_cast<int64_t>(b.size()))
      << "nnls: rows differ: a is f64[" << a.rows << "," << a.cols << "], b has " << b.size() << " values";
  check_sample(a.values, 1, "nnls");
  check_sample(b, 1, "nnls");
  const double tolerance = gain_tolerance(a, b);
  std::vector<bool> passive(a.cols, false);
  Vector x(a.cols, 0.0);
  std::vector<bool> useless(a.cols, false);  // columns whose gain was rounding only, until x moves
  for (int64_t steps = 0; steps < 30 * a.cols + 100; ++steps) {
    const Vector gain = gains(a, b, x);
    int64_t entering = -1;
    for (int64_t j = 0; j < a.cols; ++j) {
      const bool may_enter = !passive[j] && !useless[j] && gain[j] > tolerance;
      if (may_enter && (entering < 0 || gain[j] > gain[entering])) entering = j;
    }
    if (entering < 0) return x;
    passive[entering] = true;
    Vector z = solve_passive(a, b, passive);
    if (z[entering] <= 0) {  // depends on the passive columns up to rounding: it brings nothing
      passive[entering] = false;
      useless[entering] = true;
      continue;
    }
    walk_to_feasible(a, b, passive, x, std::move(z));
    std::fill(useless.begin(), useless.end(), false);
  }
  ROUX_CHECK(false) << "nnls: no optimum after " << 30 * a.cols + 100 << " steps, a is f64[" << a.rows << ","
                    << a.cols << "]";
  return x;
}

}  // namespace roux::stats
