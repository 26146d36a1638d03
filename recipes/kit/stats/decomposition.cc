#include "recipes/kit/stats/decomposition.h"

#include <Eigen/Eigenvalues>
#include <Eigen/SVD>

#include "recipes/kit/stats/check.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::Map<const RowMajor> view(const Matrix& a) { return {a.values.data(), a.rows, a.cols}; }

Matrix copy(const Eigen::Ref<const Eigen::MatrixXd>& a) {
  Matrix result(a.rows(), a.cols());
  Eigen::Map<RowMajor>(result.values.data(), a.rows(), a.cols()) = a;
  return result;
}

std::vector<double> copy_vector(const Eigen::VectorXd& x) { return {x.data(), x.data() + x.size()}; }

void check_matrix(const Matrix& a, const char* name) {
  ROUX_CHECK(a.rows >= 1 && a.cols >= 1)
      << name << ": a is f64[" << a.rows << "," << a.cols << "], needed at least one row and column";
  check_sample(a.values, a.rows * a.cols, name);
}

}  // namespace

SymmetricEigen symmetric_eigen(const Matrix& a) {
  check_matrix(a, "symmetric_eigen");
  ROUX_CHECK(a.rows == a.cols) << "symmetric_eigen: a is f64[" << a.rows << "," << a.cols
                               << "], needed a square matrix";
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver{Eigen::MatrixXd(view(a))};
  ROUX_CHECK(solver.info() == Eigen::Success) << "symmetric_eigen: the iteration did not converge";
  return {copy_vector(solver.eigenvalues().reverse()),
          copy(solver.eigenvectors().rowwise().reverse().transpose())};
}

Svd svd(const Matrix& a) {
  check_matrix(a, "svd");
  const Eigen::JacobiSVD<Eigen::MatrixXd> result(view(a), Eigen::ComputeThinU | Eigen::ComputeThinV);
  return {copy(result.matrixU()), copy_vector(result.singularValues()), copy(result.matrixV().transpose())};
}

}  // namespace roux::stats
