#include "recipes/kit/stats/linear_models.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "recipes/kit/stats/check.h"
#include "recipes/kit/stats/distributions.h"
#include "recipes/kit/stats/linear_algebra.h"
#include "recipes/kit/stats/moments.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

void check_table(const Matrix& x, std::span<const double> y, const char* name) {
  ROUX_CHECK(static_cast<int64_t>(y.size()) == x.rows) << name << ": rows differ: x is f64[" << x.rows << ","
                                                       << x.cols << "], y has " << y.size() << " values";
  check_sample(x.values, 0, name);
  check_sample(y, 1, name);
}

Matrix with_ones(const Matrix& x) {
  Matrix design(x.rows, x.cols + 1);
  for (int64_t i = 0; i < x.rows; ++i) {
    design(i, 0) = 1;
    for (int64_t j = 0; j < x.cols; ++j) design(i, j + 1) = x(i, j);
  }
  return design;
}

double row_product(const Matrix& x, int64_t i, std::span<const double> weights) {
  double sum = 0;
  for (int64_t j = 0; j < x.cols; ++j) sum += x(i, j) * weights[j];
  return sum;
}

void infer_coefficients(OlsFit& fit, Matrix normal_inverse, double confidence) {
  const double variance = fit.residual_sum / static_cast<double>(fit.degrees);
  for (double& v : normal_inverse.values) v *= variance;
  fit.covariance = std::move(normal_inverse);
  const double quantile = student_quantile(0.5 + confidence / 2, static_cast<double>(fit.degrees));
  for (size_t j = 0; j < fit.coefficients.size(); ++j) {
    const auto k = static_cast<int64_t>(j);
    const double error = std::sqrt(fit.covariance(k, k));
    const double t = fit.coefficients[j] / error;
    fit.standard_errors.push_back(error);
    fit.t_values.push_back(t);
    fit.p_values.push_back(student_two_sided(t, static_cast<double>(fit.degrees)));
    fit.low.push_back(fit.coefficients[j] - quantile * error);
    fit.high.push_back(fit.coefficients[j] + quantile * error);
  }
}

void infer_model(OlsFit& fit, std::span<const double> y) {
  const double centre = fit.intercept ? mean_of(y) : 0;
  double total = 0;
  for (double v : y) total += (v - centre) * (v - centre);
  const auto rows = static_cast<double>(y.size());
  const auto degrees = static_cast<double>(fit.degrees);
  const double slopes = static_cast<double>(fit.coefficients.size()) - (fit.intercept ? 1 : 0);
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  if (total == 0) {  // y does not vary: there is nothing to explain
    fit.r_squared = fit.adjusted_r_squared = fit.f_value = fit.f_p_value = kNaN;
    return;
  }
  fit.r_squared = 1 - fit.residual_sum / total;
  fit.adjusted_r_squared = 1 - (1 - fit.r_squared) * (rows - (fit.intercept ? 1 : 0)) / degrees;
  if (slopes == 0) {
    fit.f_value = fit.f_p_value = kNaN;
    return;
  }
  fit.f_value = (total - fit.residual_sum) / slopes / (fit.residual_sum / degrees);
  fit.f_p_value = f_upper(fit.f_value, slopes, degrees);
}

}  // namespace

OlsFit ols(const Matrix& x, std::span<const double> y, const OlsOptions& options) {
  check_table(x, y, "ols");
  check_confidence(options.confidence, "ols");
  const Matrix design = options.intercept ? with_ones(x) : x;
  ROUX_CHECK(design.cols >= 1) << "ols: x is f64[" << x.rows
                               << ",0] and there is no intercept: nothing to fit";
  ROUX_CHECK(design.rows > design.cols)
      << "ols: too few rows: x is f64[" << x.rows << "," << x.cols << "], needed more than " << design.cols
      << " rows for " << design.cols << " coefficients";
  LeastSquares solution = least_squares(design, y);
  ROUX_CHECK(solution.rank == design.cols)
      << "ols: columns are linearly dependent: rank " << solution.rank << " of " << design.cols
      << (options.intercept ? " (intercept included)" : "") << "; drop a column or use ridge";
  OlsFit fit;
  fit.intercept = options.intercept;
  fit.coefficients = std::move(solution.x);
  fit.degrees = design.rows - design.cols;
  for (int64_t i = 0; i < design.rows; ++i) {
    fit.residuals.push_back(y[i] - row_product(design, i, fit.coefficients));
    fit.residual_sum += fit.residuals.back() * fit.residuals.back();
  }
  infer_coefficients(fit, std::move(solution.normal_inverse), options.confidence);
  infer_model(fit, y);
  return fit;
}

FTest nested_f_test(const OlsFit& smaller, const OlsFit& larger) {
  ROUX_CHECK(smaller.residuals.size() == larger.residuals.size() && smaller.degrees > larger.degrees)
      << "nested_f_test: models are not nested: rows " << smaller.residuals.size() << " and "
      << larger.residuals.size() << ", residual degrees " << smaller.degrees << " and " << larger.degrees
      << ", needed equal rows and fewer coefficients in the first";
  const auto extra = static_cast<double>(smaller.degrees - larger.degrees);
  const auto degrees = static_cast<double>(larger.degrees);
  ROUX_CHECK(larger.residual_sum > 0)
      << "nested_f_test: the larger model fits every row exactly, so there is no F value";
  const double f = (smaller.residual_sum - larger.residual_sum) / extra / (larger.residual_sum / degrees);
  return {f, f_upper(f, extra, degrees)};
}

namespace {

// Two steps of iterative refinement by the gradient of the stacked problem: small weights of columns in small
// units get their digits too, which one decomposition of rows of all sizes does not give them.
void refine(const Matrix& stacked, std::span<const double> rhs, LeastSquares& solution) {
  for (int step = 0; step < 2; ++step) {
    std::vector<double> gradient(stacked.cols, 0.0);
    for (int64_t i = 0; i < stacked.rows; ++i) {
      const double residual = rhs[i] - row_product(stacked, i, solution.x);
      for (int64_t j = 0; j < stacked.cols; ++j) gradient[j] += residual * stacked(i, j);
    }
    for (int64_t j = 0; j < stacked.cols; ++j)
      solution.x[j] += row_product(solution.normal_inverse, j, gradient);
  }
}

}  // namespace

LinearModel ridge(const Matrix& x, std::span<const double> y, double penalty, bool intercept) {
  check_table(x, y, "ridge");
  ROUX_CHECK(x.cols >= 1) << "ridge: x is f64[" << x.rows << ",0], needed at least one column";
  ROUX_CHECK(penalty >= 0 && std::isfinite(penalty)) << "ridge: penalty is " << penalty << ", needed >= 0";
  // Centred columns leave the intercept out of the penalty. sqrt(penalty) * I below the data turns the
  // problem into plain least squares, which QR solves without squaring the condition number.
  std::vector<double> centre(x.cols, 0.0);
  const double y_centre = intercept ? mean_of(y) : 0;
  for (int64_t j = 0; intercept && j < x.cols; ++j) {
    std::vector<double> column(x.rows);
    for (int64_t i = 0; i < x.rows; ++i) column[i] = x(i, j);
    centre[j] = mean_of(column);
  }
  Matrix stacked(x.rows + x.cols, x.cols);
  std::vector<double> rhs(x.rows + x.cols, 0.0);
  for (int64_t i = 0; i < x.rows; ++i) {
    rhs[i] = y[i] - y_centre;
    for (int64_t j = 0; j < x.cols; ++j) stacked(i, j) = x(i, j) - centre[j];
  }
  for (int64_t j = 0; j < x.cols; ++j) stacked(x.rows + j, j) = std::sqrt(penalty);
  LeastSquares solution = least_squares(stacked, rhs);
  ROUX_CHECK(solution.rank == x.cols) << "ridge: columns are linearly dependent: rank " << solution.rank
                                      << " of " << x.cols << "; needed a penalty > 0";
  refine(stacked, rhs, solution);
  LinearModel model{.intercept = y_centre, .weights = std::move(solution.x)};
  for (int64_t j = 0; j < x.cols; ++j) model.intercept -= centre[j] * model.weights[j];
  return model;
}

std::vector<double> predict(const LinearModel& model, const Matrix& x) {
  ROUX_CHECK(static_cast<int64_t>(model.weights.size()) == x.cols)
      << "predict: features differ: the model has " << model.weights.size() << ", x is f64[" << x.rows << ","
      << x.cols << "]";
  std::vector<double> predicted(x.rows);
  for (int64_t i = 0; i < x.rows; ++i) predicted[i] = model.intercept + row_product(x, i, model.weights);
  return predicted;
}

std::vector<double> predict(const OlsFit& fit, const Matrix& x) {
  LinearModel model;
  if (fit.intercept) model.intercept = fit.coefficients[0];
  model.weights.assign(fit.coefficients.begin() + (fit.intercept ? 1 : 0), fit.coefficients.end());
  return predict(model, x);
}

}  // namespace roux::stats
