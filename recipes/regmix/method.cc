#include "recipes/regmix/method.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "recipes/kit/stats/samplers.h"
#include "tensor/error.h"

namespace roux::regmix {
namespace {

using stats::Matrix;

// Streams of one seed.
enum Stream : uint64_t { kDraws = 1, kOrder = 2, kCandidates = 3 };

// How many draws may be refused for each candidate that is wanted.
constexpr int64_t kMostRefusals = 1000;

double distance(const Mixture& a, const Mixture& b) {
  double sum = 0;
  for (size_t j = 0; j < a.size(); ++j) sum += std::abs(a[j] - b[j]);
  return sum;
}

// Rows of x and values of y for which keep(i).
template <class Keep>
std::pair<Matrix, std::vector<double>> rows_of(const Matrix& x, std::span<const double> y, Keep keep) {
  std::vector<double> values, targets;
  for (int64_t i = 0; i < x.rows; ++i) {
    if (!keep(i)) continue;
    values.insert(values.end(), x.row(i).begin(), x.row(i).end());
    targets.push_back(y[static_cast<size_t>(i)]);
  }
  const auto rows = static_cast<int64_t>(targets.size());
  return {Matrix(rows, x.cols, std::move(values)), std::move(targets)};
}

}  // namespace

Mixture proportional(std::span<const double> sizes) { return stats::temperature_shares(sizes, 1); }

Mixture tempered(const Mixture& p, double temperature) {
  ROUX_CHECK(temperature > 0) << "tempered: temperature is " << temperature << ", needed > 0";
  return stats::temperature_shares(p, 1 / temperature);
}

std::vector<double> caps(const Mixture& p, double max_epochs) {
  ROUX_CHECK(max_epochs >= 1) << "caps: max_epochs is " << max_epochs << ", needed >= 1";
  std::vector<double> out;
  for (const double share : p) out.push_back(std::min(max_epochs * share, 1.0));
  return out;
}

std::optional<Mixture> draw_mixture(const Mixture& q, const std::vector<double>& caps,
                                    const SamplerOptions& options, stats::RandomStream& random) {
  ROUX_CHECK(q.size() == caps.size())
      << "draw_mixture: " << q.size() << " shares, " << caps.size() << " caps";
  ROUX_CHECK(options.strengths >= 1 && options.min_strength > 0 &&
             options.max_strength >= options.min_strength)
      << "draw_mixture: " << options.strengths << " strengths from " << options.min_strength << " to "
      << options.max_strength;
  const double last = std::max<double>(1, static_cast<double>(options.strengths - 1));
  const double at = static_cast<double>(random.below(options.strengths)) / last;
  const double strength = options.min_strength * std::pow(options.max_strength / options.min_strength, at);
  std::vector<double> alpha;
  for (const double share : q) alpha.push_back(strength * share);
  Mixture mixture = stats::sample_dirichlet(alpha, random);
  for (size_t j = 0; j < mixture.size(); ++j) {
    if (mixture[j] > caps[j]) return std::nullopt;
  }
  return mixture;
}

Mixture on_grid(const Mixture& mixture, double min_weight) {
  ROUX_CHECK(min_weight > 0 && min_weight < 1)
      << "on_grid: min_weight is " << min_weight << ", needed between 0 and 1";
  Mixture kept = mixture;
  for (double& weight : kept) weight = weight < min_weight ? 0 : weight;
  const double sum = std::accumulate(kept.begin(), kept.end(), 0.0);
  ROUX_CHECK(sum > 0) << "on_grid: no weight is at least " << min_weight;
  for (double& weight : kept) weight = std::nearbyint(weight / sum / min_weight) * min_weight;
  return proportional(kept);
}

std::vector<Mixture> distinct(std::vector<Mixture> mixtures) {
  std::sort(mixtures.begin(), mixtures.end());
  std::vector<Mixture> kept;
  for (Mixture& mixture : mixtures) {
    if (kept.empty() || distance(mixture, kept.back()) > 1e-5) kept.push_back(std::move(mixture));
  }
  return kept;
}

std::vector<Mixture> sample_mixtures(const Mixture& p, int64_t n, const SamplerOptions& options,
                                     uint64_t seed) {
  const Mixture q = tempered(p, options.temperature);
  const std::vector<double> highest = caps(p, options.max_epochs);
  stats::RandomStream random(seed, kDraws);
  std::vector<Mixture> accepted;
  for (int64_t i = 0; i < options.draws_a_mixture * n; ++i) {
    // The test stands before the grid: rounding and normalising may lift a weight a little above its cap.
    if (const auto mixture = draw_mixture(q, highest, options, random))
      accepted.push_back(on_grid(*mixture, options.min_weight));
  }
  const std::vector<Mixture> all = distinct(std::move(accepted));
  const auto count = static_cast<int64_t>(all.size());
  ROUX_CHECK(count >= n) << "sample_mixtures: " << n << " mixtures are wanted, only " << count
                         << " are different and within " << options.max_epochs
                         << " epochs; a larger max_epochs helps";
  stats::RandomStream order(seed, kOrder);
  const std::vector<int64_t> chosen = stats::random_permutation(count, order);
  std::vector<Mixture> out;
  for (int64_t i = 0; i < n; ++i) out.push_back(all[static_cast<size_t>(chosen[static_cast<size_t>(i)])]);
  return out;
}

Matrix as_rows(const std::vector<Mixture>& mixtures) {
  ROUX_CHECK(!mixtures.empty()) << "as_rows: no mixtures";
  std::vector<double> values;
  for (const Mixture& mixture : mixtures) values.insert(values.end(), mixture.begin(), mixture.end());
  return {static_cast<int64_t>(mixtures.size()), static_cast<int64_t>(mixtures[0].size()), std::move(values)};
}

stats::LinearModel fit_linear(const Matrix& x, std::span<const double> y) {
  return stats::ridge(x, y, kRidge);
}

stats::BoostingOptions tree_options(int64_t rows, const TreeOptions& options) {
  const bool many = rows >= 240;
  return {.trees = options.max_rounds,
          .learning_rate = options.learning_rate,
          .max_depth = std::max<int64_t>(rows, 1),  // no bound: leaves end a tree
          .max_leaves = many ? 31 : 6,
          .min_leaf = many ? 20 : std::max<int64_t>(1, rows / 12)};
}

std::vector<double> cross_validation_errors(const Matrix& x, std::span<const double> y,
                                            const TreeOptions& options) {
  ROUX_CHECK(options.folds >= 2 && x.rows >= options.folds && options.max_rounds >= 1)
      << "cross_validation_errors: " << x.rows << " rows, " << options.folds << " folds, "
      << options.max_rounds << " rounds, needed 2 folds or more, a row for each and a round";
  std::vector<double> errors(static_cast<size_t>(options.max_rounds), 0);
  for (int64_t fold = 0; fold < options.folds; ++fold) {
    const auto in_fold = [&](int64_t i) { return i % options.folds == fold; };
    const auto [fit_x, fit_y] = rows_of(x, y, [&](int64_t i) { return !in_fold(i); });
    const auto [out_x, out_y] = rows_of(x, y, in_fold);
    // As for all rows: a fold must not change the trees' shape.
    const stats::BoostedTrees model = stats::fit_boosted_trees(fit_x, fit_y, tree_options(x.rows, options));
    std::vector<double> predicted(out_y.size(), model.base);
    for (size_t m = 0; m < errors.size(); ++m) {
      const std::vector<double> tree =
          stats::predict({0, model.learning_rate, model.features, {model.trees[m]}}, out_x);
      for (size_t i = 0; i < out_y.size(); ++i) {
        predicted[i] += tree[i];
        errors[m] += (predicted[i] - out_y[i]) * (predicted[i] - out_y[i]) / static_cast<double>(x.rows);
      }
    }
  }
  return errors;
}

stats::BoostedTrees fit_trees(const Matrix& x, std::span<const double> y, const TreeOptions& options) {
  const std::vector<double> errors = cross_validation_errors(x, y, options);
  stats::BoostingOptions chosen = tree_options(x.rows, options);
  chosen.trees = std::min_element(errors.begin(), errors.end()) - errors.begin() + 1;
  return stats::fit_boosted_trees(x, y, chosen);
}

Matrix draw_candidates(const Mixture& p, int64_t n, uint64_t seed) {
  stats::RandomStream random(seed, kCandidates);
  std::vector<Mixture> all;
  for (int64_t i = 0; i < n; ++i) all.push_back(stats::sample_dirichlet(p, random));
  return as_rows(all);
}

Matrix draw_capped_candidates(const Mixture& p, int64_t n, const SamplerOptions& options, uint64_t seed) {
  const Mixture q = tempered(p, options.temperature);
  const std::vector<double> highest = caps(p, options.max_epochs);
  stats::RandomStream random(seed, kCandidates);
  std::vector<Mixture> all;
  for (int64_t tried = 0; static_cast<int64_t>(all.size()) < n; ++tried) {
    ROUX_CHECK(tried < kMostRefusals * n) << "draw_capped_candidates: hardly a mixture is within "
                                          << options.max_epochs << " epochs; a larger max_epochs helps";
    if (auto mixture = draw_mixture(q, highest, options, random)) all.push_back(std::move(*mixture));
  }
  return as_rows(all);
}

Mixture average_of_best(const Matrix& candidates, std::span<const double> predicted, int64_t k) {
  ROUX_CHECK(static_cast<int64_t>(predicted.size()) == candidates.rows && k >= 1 && k <= candidates.rows)
      << "average_of_best: " << candidates.rows << " candidates, " << predicted.size()
      << " predictions, k is " << k;
  std::vector<int64_t> order(predicted.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return predicted[static_cast<size_t>(a)] < predicted[static_cast<size_t>(b)];
  });
  Mixture mean(static_cast<size_t>(candidates.cols), 0);
  for (int64_t i = 0; i < k; ++i) {
    const std::span<const double> row = candidates.row(order[static_cast<size_t>(i)]);
    for (size_t j = 0; j < mean.size(); ++j) mean[j] += row[j] / static_cast<double>(k);
  }
  return mean;
}

double training_flops(double weights, int64_t layers, int64_t hidden, int64_t length, double tokens) {
  return (6 * weights + 12 * static_cast<double>(layers * hidden * length)) * tokens;
}

}  // namespace roux::regmix
