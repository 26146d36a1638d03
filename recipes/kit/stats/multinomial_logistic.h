// Multinomial logistic (softmax) regression with an L2 penalty and sample weights. All in f64; thread-safe;
// bad input throws roux::Error. Of two classes: logistic.h, which has L1, standard errors and p-values too.
//
//   objective = sum_i weight_i * (log sum_k exp(b_k + w_k . x_i) - (b_y + w_y . x_i)),  y the label of row i,
//               + l2 / 2 * sum_k |w_k|^2
//
// Intercepts are not penalised. scikit-learn's C is 1 / l2. Parameters that differ by the same vector in all
// classes give the same probabilities: of them those are returned that sum to 0 over the classes, which with
// l2 > 0 are the optimum's own.
#ifndef ROUX_RECIPES_KIT_STATS_MULTINOMIAL_LOGISTIC_H_
#define ROUX_RECIPES_KIT_STATS_MULTINOMIAL_LOGISTIC_H_

#include <cstdint>
#include <span>
#include <vector>

#include "recipes/kit/stats/matrix.h"

namespace roux::stats {

struct MultinomialOptions {
  double l2 = 0;
  bool intercept = true;
  std::vector<double> sample_weights;  // one per row, >= 0; empty: all 1
  int64_t max_iterations = 10000;
};

struct MultinomialFit {
  Matrix weights;                  // [classes, features]
  std::vector<double> intercepts;  // [classes]; 0 without an intercept
  double log_loss = 0;             // the weighted sum of losses, without the penalty
  bool converged = false;
};

// x: [rows, features]; labels: 0 .. classes - 1 with classes >= 2, each of them among the rows of weight > 0.
// Without a penalty on separable data the optimum is at infinity: `converged` may be false.
MultinomialFit fit_multinomial(const Matrix& x, std::span<const int64_t> labels, int64_t classes,
                               const MultinomialOptions& options = {});

// P(label = k) of every row: [rows, classes].
Matrix predict_probabilities(const MultinomialFit& fit, const Matrix& x);

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_MULTINOMIAL_LOGISTIC_H_
