// Gradient-boosted regression trees with squared loss.                                              [Friedman
// 2001]
//
// Each tree is fitted to the residuals by exact greedy splits; a prediction is the mean target plus
// learning_rate times the sum of the trees' leaves. f64; deterministic given the seed; bad input throws
// roux::Error.
#ifndef ROUX_RECIPES_KIT_STATS_GRADIENT_BOOSTING_H_
#define ROUX_RECIPES_KIT_STATS_GRADIENT_BOOSTING_H_

#include <cstdint>
#include <span>
#include <vector>

#include "recipes/kit/stats/matrix.h"

namespace roux::stats {

struct BoostingOptions {
  int64_t trees = 100;
  double learning_rate = 0.1;
  int64_t max_depth = 3;
  int64_t max_leaves = 0;  // > 0: grown leaf by leaf, the largest gain first, as LightGBM does; 0: by levels
  int64_t min_leaf = 1;    // rows a leaf must keep
  double subsample = 1.0;  // share of rows drawn without replacement for each tree
  uint64_t seed = 0;       // of the subsampling
};

// A leaf has feature -1. Rows with x[feature] <= threshold go to `left`.
struct TreeNode {
  int64_t feature = -1;
  double threshold = 0;
  int64_t left = -1;
  int64_t right = -1;
  double value = 0;
};
using RegressionTree = std::vector<TreeNode>;  // the root is node 0

struct BoostedTrees {
  double base = 0;
  double learning_rate = 0;
  int64_t features = 0;
  std::vector<RegressionTree> trees;
};

// x: [rows, features]; y: [rows]. Thresholds lie halfway between neighbouring values; equal gains go to the
// lower feature, then the lower threshold.
BoostedTrees fit_boosted_trees(const Matrix& x, std::span<const double> y,
                               const BoostingOptions& options = {});

// Predictions of every row, with the first `trees` trees only (-1: all).
std::vector<double> predict(const BoostedTrees& model, const Matrix& x, int64_t trees = -1);

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_GRADIENT_BOOSTING_H_
