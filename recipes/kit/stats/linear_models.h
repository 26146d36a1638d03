// Linear regression: ordinary least squares with its inference, and ridge. All in f64; thread-safe.
//
//   OlsFit fit = ols(x, y);                     // y = b0 + b1 x1 + ...
//   fit.coefficients[1], fit.p_values[1], fit.r_squared
#ifndef ROUX_RECIPES_KIT_STATS_LINEAR_MODELS_H_
#define ROUX_RECIPES_KIT_STATS_LINEAR_MODELS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "recipes/kit/stats/matrix.h"

namespace roux::stats {

struct OlsOptions {
  bool intercept = true;
  double confidence = 0.95;  // of the intervals
};

// Vectors have one entry per coefficient, the intercept first where there is one.
struct OlsFit {
  bool intercept = true;
  std::vector<double> coefficients, standard_errors, t_values, p_values, low, high;
  std::vector<double> residuals;  // one per row
  double residual_sum =
      0;                 // sum of squares; 0 makes standard errors 0 and t values infinite, or NaN for 0 / 0
  int64_t degrees = 0;   // rows - coefficients
  double r_squared = 0;  // about the mean; about 0 without an intercept
  double adjusted_r_squared = 0;
  double f_value = 0;  // of all slopes together; infinite for an exact fit
  double f_p_value = 1;
  Matrix covariance;  // of the coefficients: residual variance * (X'X)^-1
};

// x: [rows, features]; y: [rows]. Throws roux::Error when shapes differ, when rows are not more than
// coefficients, or when columns are linearly dependent. No features (x [rows, 0]) is the model of the mean;
// its F is NaN, and so are R^2 and F where y does not vary.
OlsFit ols(const Matrix& x, std::span<const double> y, const OlsOptions& options = {});

// F test of a model against one nested in it, fitted to the same rows: p-value of the extra coefficients
// being 0.
struct FTest {
  double f_value = 0;
  double p_value = 1;
};
FTest nested_f_test(const OlsFit& smaller, const OlsFit& larger);

// A linear predictor: intercept + weights . row.
struct LinearModel {
  double intercept = 0;
  std::vector<double> weights;
};

// argmin sum (y - b0 - X w)^2 + penalty * |w|^2; the intercept is not penalised. penalty >= 0 (0 needs
// independent columns).
LinearModel ridge(const Matrix& x, std::span<const double> y, double penalty, bool intercept = true);

// Predictions for every row of x.
std::vector<double> predict(const LinearModel& model, const Matrix& x);
std::vector<double> predict(const OlsFit& fit, const Matrix& x);

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_LINEAR_MODELS_H_
