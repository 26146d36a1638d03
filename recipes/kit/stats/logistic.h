// Binary logistic regression with L1 and L2 penalties and sample weights. All in f64; thread-safe; bad input
// throws roux::Error.
//
//   objective = sum_i weight_i * log(1 + exp(-s_i * (b0 + w . x_i))) + l1 * |w|_1 + l2 / 2 * |w|^2
//   s_i = +-1
//
// The intercept is not penalised. scikit-learn's C is 1 / l2 (or 1 / l1).
#ifndef ROUX_RECIPES_KIT_STATS_LOGISTIC_H_
#define ROUX_RECIPES_KIT_STATS_LOGISTIC_H_

#include <cstdint>
#include <span>
#include <vector>

#include "recipes/kit/stats/matrix.h"

namespace roux::stats {

struct LogisticOptions {
  double l1 = 0;
  double l2 = 0;
  bool intercept = true;
  std::vector<double> sample_weights;  // one per row, >= 0; empty: all 1
  int64_t max_iterations = 10000;
};

struct LogisticFit {
  double intercept = 0;
  std::vector<double> weights;
  double log_loss = 0;  // the weighted sum of losses, without penalties
  bool converged = false;
  // From the inverse Hessian of the objective at the optimum, intercept first where there is one; empty with
  // l1 > 0, where the estimate is not smooth. With l2 > 0 they are those of the penalised (MAP) estimate.
  std::vector<double> standard_errors, z_values, p_values;
};

// x: [rows, features]; labels: 0 or 1, both among the rows of weight > 0 (Error, as in scikit-learn). Without
// a penalty on separable data the optimum is at infinity: `converged` is false or the standard errors are
// huge.
LogisticFit fit_logistic(const Matrix& x, std::span<const int64_t> labels,
                         const LogisticOptions& options = {});

// P(label = 1) of every row.
std::vector<double> predict_probability(const LogisticFit& fit, const Matrix& x);

// Folds that never split a group: fold of every row, 0 .. folds - 1. The largest remaining group goes to the
// fold with the fewest rows; equal groups in order of their ids from the highest, as scikit-learn's
// GroupKFold. Needs at least `folds` groups.
std::vector<int64_t> group_folds(std::span<const int64_t> groups, int64_t folds);

// Mean held-out log loss over all rows of a logistic model: every fold is predicted by the model of the
// others.
double cross_validated_log_loss(const Matrix& x, std::span<const int64_t> labels,
                                std::span<const int64_t> fold_of_row, const LogisticOptions& options);

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_LOGISTIC_H_
