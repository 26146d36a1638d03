// Weights of the sequences of a batch from their losses.      [Sow et al. 2025, arXiv 2502.06733, section 3]
//
//   l_i: mean loss of sequence i over its targets, without a gradient; b sequences on all ranks together
//   h_i = 2 d l_i / s - d (max l + min l) / s,   s = max(max l - min l, 1e-6)        in [-d, d]
//   f_i = f(h_i): the strategy
//   w_i = exp(f_i / r) / sum_j exp(f_j / r)
//   L   = sum_i w_i l_i
//
// w is the maximum over the simplex of sum w f - r KL(w || uniform): r -> infinity gives every sequence 1/b.
// Weights are a function of the whole batch, so micro-batches and ranks must gather their losses first
// (weighted_step.h). All numbers in f64. Thread-safe.
#ifndef ROUX_RECIPES_LOSS_REWEIGHTING_METHOD_H_
#define ROUX_RECIPES_LOSS_REWEIGHTING_METHOD_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "tensor/tensor.h"

namespace roux::loss_reweighting {

enum class Strategy {
  kUniform,    // f = 0: the plain mean
  kLinUpper,   // f = min(h + d, d): linear up to the middle of the losses, flat above
  kQuadratic,  // f = 1 - h^2 / d^2: the middle
  kExtremes,   // f = |h|: both ends
  kUpper,      // f = (h + d) / 2: high losses; in the authors' code only
};
inline constexpr std::array<Strategy, 5> kStrategies = {
    Strategy::kUniform, Strategy::kLinUpper, Strategy::kQuadratic, Strategy::kExtremes, Strategy::kUpper};
const char* strategy_name(Strategy strategy);  // "uniform" "lin_upper" "quadratic" "extremes" "upper"

struct Weighting {
  Strategy strategy = Strategy::kUniform;
  double r = 0.4;  // temperature, the authors' for their larger models; 1 for the smallest
  double d = 1;    // the paper's
  // Ours, off at 1: losses above this quantile (linear between order statistics) count as the quantile, so
  // that one outlier does not set max l for all others.
  double clip_quantile = 1;
};

// h of each loss. All the same: h = 0 but for rounding, which the floor 1e-6 of s keeps small. Throws Error
// when there are no losses, one is not finite, or d is not above 0.
std::vector<double> normalized_losses(absl::Span<const double> losses, double d);

// f(h). h in [-d, d].
double strategy_value(Strategy strategy, double h, double d);

// w from f, as above. Throws Error unless r > 0 and there are values.
std::vector<double> softmax_weights(absl::Span<const double> values, double r);

// min(l, quantile of l). Throws Error for a quantile outside [0, 1] and as above.
std::vector<double> clipped_losses(absl::Span<const double> losses, double quantile);

// All of it: clip, h, f, w. kUniform is 1/b exactly.
std::vector<double> loss_weights(absl::Span<const double> losses, const Weighting& weighting);

// 1 / sum w^2, between 1 and b for weights that sum to 1: as many equally weighted sequences have the same
// noise.
double effective_sample_size(absl::Span<const double> weights);

// L as a scalar tensor: weights are constants, gradients go to `losses` [b] only. Throws Error for other
// shapes.
Tensor weighted_loss(const Tensor& losses, absl::Span<const double> weights);

// What the authors' code multiplies each sequence's mean loss with on one of `ranks` ranks, whose gradients
// are then averaged: W b_loc w_i n_i / sum_j n_j. `weights` are those of this rank's sequences, normalised
// over all ranks; `tokens` are their targets n_i. For equal lengths it is W w_i, so that the mean over ranks
// is sum w l; for w_i = 1 / (W b_loc) it is n_i / sum_j n_j. Throws Error for sizes that differ and counts
// below 1.
std::vector<double> released_coefficients(absl::Span<const double> weights, absl::Span<const int64_t> tokens,
                                          int64_t ranks);

}  // namespace roux::loss_reweighting

#endif  // ROUX_RECIPES_LOSS_REWEIGHTING_METHOD_H_
