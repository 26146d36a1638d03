#include "recipes/kit/stats/gradient_boosting.h"

#include <algorithm>
#include <numeric>

#include "recipes/kit/stats/check.h"
#include "recipes/kit/stats/random.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

constexpr int64_t kUnused = -1;  // a row that the tree does not see

struct Split {
  double gain = 0;
  int64_t feature = -1;
  double threshold = 0;
};

// Sums over the rows of one node, and of those already passed in the order of the current feature.
struct NodeSums {
  int64_t count = 0;
  double sum = 0;
  int64_t left_count = 0;
  double left_sum = 0;
  double last = 0;  // value of the last row passed
};

// Grows one tree: the leaves of a level together, or with max_leaves the best leaf of all each time. One pass
// over each feature's presorted rows finds the best splits of all leaves that are new.
class TreeBuilder {
 public:
  TreeBuilder(const Matrix& x, const std::vector<std::vector<int64_t>>& orders,
              const BoostingOptions& options)
      : x_(x), orders_(orders), options_(options) {}

  // `node_of_row` holds 0 for rows to fit, kUnused for others.
  RegressionTree grow(const std::vector<double>& targets, std::vector<int64_t> node_of_row) {
    tree_.assign(1, TreeNode{});
    depth_.assign(1, 0);
    splits_.clear();
    node_of_row_ = std::move(node_of_row);
    open(targets, 0);
    if (options_.max_leaves > 0) {
      for (int64_t leaves = 1; leaves < options_.max_leaves && split_best(targets);) ++leaves;
    } else {
      for (int64_t first = 0; first < size();) {
        const int64_t level_end = size();
        for (int64_t n = first; n < level_end; ++n) split(n);
        open(targets, level_end);
        first = level_end;
      }
    }
    return std::move(tree_);
  }

 private:
  int64_t size() const { return static_cast<int64_t>(tree_.size()); }

  // Rows, values and best splits of the nodes from `first` on.
  void open(const std::vector<double>& targets, int64_t first) {
    if (first == size()) return;
    for (int64_t i = 0; i < x_.rows; ++i) {
      if (node_of_row_[i] == kUnused) continue;
      const TreeNode& node = tree_[node_of_row_[i]];
      if (node.feature >= 0) node_of_row_[i] = x_(i, node.feature) <= node.threshold ? node.left : node.right;
    }
    collect(targets, first);
    splits_.resize(tree_.size());
    if (depth_.back() < options_.max_depth) find_splits(targets, first);
  }

  // Splits the leaf that gains most, the oldest of equals; false if none gains.
  bool split_best(const std::vector<double>& targets) {
    const auto best = std::max_element(splits_.begin(), splits_.end(),
                                       [](const Split& a, const Split& b) { return a.gain < b.gain; });
    if (best->feature < 0) return false;
    const int64_t first = size();
    split(best - splits_.begin());
    *best = Split{};
    // The children alone are new, and of one depth.
    open(targets, first);
    return true;
  }

  void collect(const std::vector<double>& targets, int64_t first) {
    sums_.assign(size() - first, NodeSums{});
    for (int64_t i = 0; i < x_.rows; ++i) {
      if (node_of_row_[i] < first) continue;
      NodeSums& s = sums_[node_of_row_[i] - first];
      ++s.count;
      s.sum += targets[i];
    }
    for (int64_t n = first; n < size(); ++n)
      tree_[n].value = sums_[n - first].sum / static_cast<double>(sums_[n - first].count);
  }

  void find_splits(const std::vector<double>& targets, int64_t first) {
    for (int64_t feature = 0; feature < x_.cols; ++feature) {
      for (NodeSums& s : sums_) s.left_count = 0, s.left_sum = 0;
      for (int64_t i : orders_[feature]) {
        if (node_of_row_[i] < first) continue;
        NodeSums& s = sums_[node_of_row_[i] - first];
        const double value = x_(i, feature);
        if (s.left_count > 0 && value > s.last) consider(s, splits_[node_of_row_[i]], feature, value);
        ++s.left_count;
        s.left_sum += targets[i];
        s.last = value;
      }
    }
  }

  // Gain: the reduction of the sum of squares, n_l n_r / n * (mean_l - mean_r)^2.
  void consider(const NodeSums& s, Split& best, int64_t feature, double value) const {
    const auto left = static_cast<double>(s.left_count);
    const auto right = static_cast<double>(s.count - s.left_count);
    if (s.left_count < options_.min_leaf || s.count - s.left_count < options_.min_leaf) return;
    const double difference = s.left_sum / left - (s.sum - s.left_sum) / right;
    const double gain = left * right / (left + right) * difference * difference;
    if (gain <= best.gain) return;
    double threshold = s.last / 2 + value / 2;
    if (threshold == value) threshold = s.last;  // neighbouring doubles
    best = {gain, feature, threshold};
  }

  // Two leaves for node n, if splitting it gains.
  void split(int64_t n) {
    const Split& split = splits_[n];
    if (split.feature < 0) return;
    tree_[n].feature = split.feature;
    tree_[n].threshold = split.threshold;
    tree_[n].left = size();
    tree_[n].right = size() + 1;
    tree_.resize(tree_.size() + 2);
    depth_.resize(tree_.size(), depth_[n] + 1);
  }

  const Matrix& x_;
  const std::vector<std::vector<int64_t>>& orders_;
  const BoostingOptions& options_;
  RegressionTree tree_;
  std::vector<int64_t> depth_;        // of each node
  std::vector<int64_t> node_of_row_;  // its leaf
  std::vector<NodeSums> sums_;        // of the nodes that are new
  std::vector<Split> splits_;         // of each node
};

double leaf_value(const RegressionTree& tree, std::span<const double> row) {
  int64_t n = 0;
  while (tree[n].feature >= 0) n = row[tree[n].feature] <= tree[n].threshold ? tree[n].left : tree[n].right;
  return tree[n].value;
}

std::vector<std::vector<int64_t>> sorted_orders(const Matrix& x) {
  std::vector<std::vector<int64_t>> orders(x.cols, std::vector<int64_t>(x.rows));
  for (int64_t j = 0; j < x.cols; ++j) {
    std::iota(orders[j].begin(), orders[j].end(), 0);
    std::stable_sort(orders[j].begin(), orders[j].end(),
                     [&](int64_t a, int64_t b) { return x(a, j) < x(b, j); });
  }
  return orders;
}

// Rows of one tree: 0 for those drawn, kUnused for the others.
std::vector<int64_t> draw_rows(int64_t rows, double share, RandomStream& random) {
  if (share >= 1) return std::vector<int64_t>(rows, 0);
  std::vector<int64_t> drawn(rows, kUnused);
  const std::vector<int64_t> order = random_permutation(rows, random);
  const auto count = std::max<int64_t>(1, static_cast<int64_t>(share * static_cast<double>(rows)));
  for (int64_t i = 0; i < count; ++i) drawn[order[i]] = 0;
  return drawn;
}

}  // namespace

BoostedTrees fit_boosted_trees(const Matrix& x, std::span<const double> y, const BoostingOptions& options) {
  ROUX_CHECK(static_cast<int64_t>(y.size()) == x.rows)
      << "fit_boosted_trees: rows differ: x is f64[" << x.rows << "," << x.cols << "], y has " << y.size()
      << " values";
  check_sample(x.values, 1, "fit_boosted_trees");
  check_sample(y, 1, "fit_boosted_trees");
  ROUX_CHECK(options.trees >= 0 && options.max_leaves >= 0 && options.max_depth >= 1 && options.min_leaf >= 1)
      << "fit_boosted_trees: trees " << options.trees << ", max_leaves " << options.max_leaves
      << ", max_depth " << options.max_depth << ", min_leaf " << options.min_leaf
      << ", needed trees and max_leaves >= 0 and the others >= 1";
  ROUX_CHECK(options.learning_rate > 0 && options.subsample > 0 && options.subsample <= 1)
      << "fit_boosted_trees: learning_rate is " << options.learning_rate << ", subsample is "
      << options.subsample << ", needed learning_rate > 0 and 0 < subsample <= 1";
  BoostedTrees model{.learning_rate = options.learning_rate, .features = x.cols};
  model.base = std::accumulate(y.begin(), y.end(), 0.0) / static_cast<double>(x.rows);
  std::vector<double> residuals(y.begin(), y.end());
  for (double& r : residuals) r -= model.base;
  const std::vector<std::vector<int64_t>> orders = sorted_orders(x);
  TreeBuilder builder(x, orders, options);
  RandomStream random(options.seed);
  for (int64_t t = 0; t < options.trees; ++t) {
    model.trees.push_back(builder.grow(residuals, draw_rows(x.rows, options.subsample, random)));
    for (int64_t i = 0; i < x.rows; ++i)
      residuals[i] -= options.learning_rate * leaf_value(model.trees.back(), x.row(i));
  }
  return model;
}

std::vector<double> predict(const BoostedTrees& model, const Matrix& x, int64_t trees) {
  ROUX_CHECK(x.cols == model.features) << "predict: features differ: the model has " << model.features
                                       << ", x is f64[" << x.rows << "," << x.cols << "]";
  const auto count = static_cast<int64_t>(model.trees.size());
  ROUX_CHECK(trees >= -1 && trees <= count) << "predict: trees are " << trees << ", the model has " << count;
  std::vector<double> predicted(x.rows, model.base);
  for (int64_t t = 0; t < (trees < 0 ? count : trees); ++t) {
    for (int64_t i = 0; i < x.rows; ++i)
      predicted[i] += model.learning_rate * leaf_value(model.trees[t], x.row(i));
  }
  return predicted;
}

}  // namespace roux::stats
