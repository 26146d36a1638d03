#include "recipes/kit/stats/nnls.h"

#include <Eigen/QR>

#include "recipes/kit/stats/check.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Least squares on the columns with passive[j], zero elsewhere.
Eigen::VectorXd solve_passive(const Eigen::MatrixXd& a, const Eigen::VectorXd& b,
                              const std::vector<bool>& passive) {
  std::vector<int64_t> columns;
  for (int64_t j = 0; j < a.cols(); ++j) {
    if (passive[j]) columns.push_back(j);
  }
  Eigen::MatrixXd part(a.rows(), static_cast<Eigen::Index>(columns.size()));
  for (size_t k = 0; k < columns.size(); ++k) part.col(static_cast<Eigen::Index>(k)) = a.col(columns[k]);
  const Eigen::VectorXd z = part.colPivHouseholderQr().solve(b);
  Eigen::VectorXd x = Eigen::VectorXd::Zero(a.cols());
  for (size_t k = 0; k < columns.size(); ++k) x[columns[k]] = z[static_cast<Eigen::Index>(k)];
  return x;
}

}  // namespace

std::vector<double> nnls(const Matrix& matrix, std::span<const double> rhs) {
  ROUX_CHECK(matrix.rows == static_cast<int64_t>(rhs.size()))
      << "nnls: rows differ: a is f64[" << matrix.rows << "," << matrix.cols << "], b has " << rhs.size()
      << " values";
  check_sample(matrix.values, 1, "nnls");
  check_sample(rhs, 1, "nnls");
  const Eigen::MatrixXd a = Eigen::Map<const RowMajor>(matrix.values.data(), matrix.rows, matrix.cols);
  const Eigen::VectorXd b = Eigen::Map<const Eigen::VectorXd>(rhs.data(), matrix.rows);

  std::vector<bool> passive(matrix.cols, false);
  Eigen::VectorXd x = Eigen::VectorXd::Zero(matrix.cols);
  // Rounding scale of the gradient: below it a column's gain cannot be told from 0.
  const double tolerance = 1e-13 * a.cwiseAbs().maxCoeff() * b.cwiseAbs().sum();
  for (int64_t outer = 0; outer < 3 * matrix.cols + 10; ++outer) {
    const Eigen::VectorXd gain = a.transpose() * (b - a * x);
    int64_t entering = -1;
    for (int64_t j = 0; j < matrix.cols; ++j) {
      if (!passive[j] && gain[j] > tolerance && (entering < 0 || gain[j] > gain[entering])) entering = j;
    }
    if (entering < 0) break;
    passive[entering] = true;
    Eigen::VectorXd z = solve_passive(a, b, passive);
    if (z[entering] <= 0) {  // linear dependence up to rounding: the column brings nothing
      passive[entering] = false;
      break;
    }
    while (true) {
      double step = 1;
      for (int64_t j = 0; j < matrix.cols; ++j) {
        if (passive[j] && z[j] <= 0) step = std::min(step, x[j] / (x[j] - z[j]));
      }
      if (step >= 1) {
        x = z;
        break;
      }
      for (int64_t j = 0; j < matrix.cols; ++j) {  // the blocking columns go back to 0, exactly
        if (passive[j] && z[j] <= 0 && x[j] / (x[j] - z[j]) <= step) {
          passive[j] = false;
          x[j] = z[j] = 0;
        }
      }
      x += step * (z - x);
      z = solve_passive(a, b, passive);
    }
  }
  return {x.data(), x.data() + x.size()};
}

}  // namespace roux::stats
