// RegMix (Liu et al. 2024, arXiv 2407.01492): the mixture of domains as the input of a regression.
//
//   1. Draw mixtures around the domains' own shares.               sample_mixtures
//   2. Train a small proxy model on each; measure losses.          (arms.h)
//   3. Regress loss on mixture: ridge, or boosted trees.           fit_linear, fit_trees
//   4. Predict many mixtures, average the best ones.               draw_candidates, average_of_best
//   5. Train the large model on that average.
//
// Numbers of the paper's section 3 and of the authors' code are the defaults. All is f64; draws depend on the
// seed alone; bad arguments throw roux::Error.
#ifndef ROUX_RECIPES_REGMIX_METHOD_H_
#define ROUX_RECIPES_REGMIX_METHOD_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "recipes/kit/stats/gradient_boosting.h"
#include "recipes/kit/stats/linear_models.h"
#include "recipes/kit/stats/matrix.h"
#include "recipes/kit/stats/random.h"

namespace roux::regmix {

// Weights of the domains: >= 0, their sum 1.
using Mixture = std::vector<double>;

struct SamplerOptions {
  double temperature = 0.5;   // exponent of the shares
  double max_epochs = 15;     // how often a run of as many tokens as there are may repeat a domain
  double min_weight = 2e-4;   // what is less is 0, and the grid of the weights: 100 sequences of 1B tokens
  double min_strength = 0.1;  // of the Dirichlet distributions,
  double max_strength = 5.0;
  int64_t strengths = 15;         // on a logarithmic grid
  int64_t draws_a_mixture = 100;  // tried for each mixture that is wanted
};

// p: the domains' sizes divided by their sum.
Mixture proportional(std::span<const double> sizes);
// q_j ~ p_j^temperature.
Mixture tempered(const Mixture& p, double temperature);
// min(max_epochs * p_j, 1).
std::vector<double> caps(const Mixture& p, double max_epochs);
// A point of Dirichlet(s q), s one of the grid of strengths; nothing if a weight is above its cap. (The
// authors draw with every strength and keep one draw at random, which is the same in law.)
std::optional<Mixture> draw_mixture(const Mixture& q, const std::vector<double>& caps,
                                    const SamplerOptions& options, stats::RandomStream& random);
// Weights below min_weight set to 0, normalised, rounded to multiples of min_weight (half to even),
// normalised.
Mixture on_grid(const Mixture& mixture, double min_weight);
// Sorted by the first weight, then the second, ...; what is within 1e-5 (L1) of the one before is left out.
std::vector<Mixture> distinct(std::vector<Mixture> mixtures);
// Step 1: n of the distinct mixtures among 100 n draws, in random order. Throws where there are fewer.
std::vector<Mixture> sample_mixtures(const Mixture& p, int64_t n, const SamplerOptions& options,
                                     uint64_t seed);

// One mixture a row.
stats::Matrix as_rows(const std::vector<Mixture>& mixtures);

// Step 3. y_i = b + sum_j a_j w_ij: ridge with 1e-4 on a, b free. Because the weights add up to 1, a and b
// are fixed only up to a constant by the data: compare predictions.
inline constexpr double kRidge = 1e-4;
stats::LinearModel fit_linear(const stats::Matrix& x, std::span<const double> y);

struct TreeOptions {
  int64_t max_rounds = 300;
  double learning_rate = 0.05;  // ours, to save time: the paper's is 0.01 with 1000 rounds
  int64_t folds = 4;
};
// Trees of 31 leaves with at least 20 rows each, as LightGBM's default and the paper's have them, where there
// are 240 rows or more; else 6 leaves of at least rows / 12 (ours).
stats::BoostingOptions tree_options(int64_t rows, const TreeOptions& options);
// Mean squared error after 1, 2, ... max_rounds trees, each row predicted by trees fitted without its fold;
// row i is in fold i % folds.
std::vector<double> cross_validation_errors(const stats::Matrix& x, std::span<const double> y,
                                            const TreeOptions& options);
// Leaf-wise boosted trees with squared loss, as many as cross-validation has its smallest error at. (The
// authors' notebook stops by the test table.) At least `folds` rows.
stats::BoostedTrees fit_trees(const stats::Matrix& x, std::span<const double> y,
                              const TreeOptions& options = {});

// Step 4. Candidates as the authors draw them: n points of Dirichlet(p); and as step 1 draws, with caps.
stats::Matrix draw_candidates(const Mixture& p, int64_t n, uint64_t seed);
stats::Matrix draw_capped_candidates(const Mixture& p, int64_t n, const SamplerOptions& options,
                                     uint64_t seed);
// Mean of the k candidates with the lowest predictions; equal ones in their order.
Mixture average_of_best(const stats::Matrix& candidates, std::span<const double> predicted, int64_t k);

// Floating-point operations of training: 6 a weight and token, and for scores and values of attention
// 12 layers * hidden * length a token. `weights` are those that multiply: without the embedding table.
double training_flops(double weights, int64_t layers, int64_t hidden, int64_t length, double tokens);

}  // namespace roux::regmix

#endif  // ROUX_RECIPES_REGMIX_METHOD_H_
