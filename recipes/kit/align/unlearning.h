// Unlearning: losses that lower the likelihood of some texts, and one step that keeps others.
//
//   unlearning_step(log_probs_of(model), optimizer, forget, retain,
//                   [&](const Tensor& log_probs, const LmBatch& batch) {
//                     return mean(npo_loss(sequence_sums(log_probs, batch.target), reference, 0.1));
//                   }, {.update = {.lr = 1e-5}});
#ifndef ROUX_RECIPES_KIT_ALIGN_UNLEARNING_H_
#define ROUX_RECIPES_KIT_ALIGN_UNLEARNING_H_

#include <functional>

#include "recipes/kit/align/log_probs.h"
#include "recipes/kit/train/update.h"
#include "tensor/tensor.h"

namespace roux::kit {

// The mean log-probability of the targets, a scalar: descending on it is gradient ascent on their
// cross-entropy; with the retain loss of unlearning_step() it is the gradient difference  [Liu et al. 2022].
// log_probs: floating [B, T], target: i32 or i64 [B, T], some of which count.
Tensor gradient_ascent_loss(const Tensor& log_probs, const Tensor& target);

// -2 / beta log sigmoid(-beta log(pi / ref)), [B] of the log-probabilities of texts: floating [B] both. The
// reference, the model before, gets no gradient  [NPO, Zhang et al. 2024]. Of sums as in the paper; WAGLE's
// code gives it means. As beta goes to 0 the gradient becomes that of gradient ascent; it fades as a text is
// forgotten. Throws Error unless beta > 0 and for other shapes.
Tensor npo_loss(const Tensor& log_probs, const Tensor& reference, double beta);

// A scalar of the forget batch and the policy's log-probabilities there, [B, T].
using ForgetLoss = std::function<Tensor(const Tensor& log_probs, const LmBatch& forget)>;

struct UnlearningStep {
  double forget_weight = 1, retain_weight = 1;
  StepOptions update = {};
};
// One update on forget_weight forget_loss + retain_weight times the mean cross-entropy of retain's targets.
// Values: "forget_loss" and "retain_loss", unweighted, before the update.
StepResult unlearning_step(const TokenLogProbs& policy, Optimizer& optimizer, const LmBatch& forget,
                           const LmBatch& retain, const ForgetLoss& forget_loss,
                           const UnlearningStep& options);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_ALIGN_UNLEARNING_H_
