// Preference optimisation: losses of pairs of answers, as pure functions of log-probabilities, and one step.
//
//   cache_reference(log_probs_of(model), pairs, {.device = device});  // before training: it is the reference
//   preference_step(log_probs_of(model), optimizer, batch,
//                   [](const PairsSeen& p) { return dpo_loss(p.sums, p.reference_sums, 0.1); },
//                   {.update = {.lr = 1e-4}});
#ifndef ROUX_RECIPES_KIT_ALIGN_PREFERENCE_H_
#define ROUX_RECIPES_KIT_ALIGN_PREFERENCE_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/types/span.h"
#include "recipes/kit/align/log_probs.h"
#include "recipes/kit/train/update.h"
#include "tensor/tensor.h"

namespace roux::kit {

// Of each pair, the log-probability of either answer given the prompt: floating [pairs] both. Sums over the
// answer's tokens, or means, as each loss says.
struct PairLogProbs {
  Tensor chosen, rejected;
};

// Losses: [pairs] of the inputs' dtype, differentiable to any order. A reference gets no gradient. All throw
// Error for other shapes or dtypes and for options out of range.
//
// h = log pi(chosen) / ref(chosen) - log pi(rejected) / ref(rejected).
//
// -(1 - e) log sigmoid(beta h) - e log sigmoid(-beta h), of sums  [Rafailov et al. 2023]. e = label_smoothing
// in [0, 0.5) is the probability that a pair is labelled wrongly  [Mitchell 2023].
Tensor dpo_loss(const PairLogProbs& policy, const PairLogProbs& reference, double beta,
                double label_smoothing = 0);
// (h - 1 / (2 beta))^2, with beta in place of the paper's tau  [Azar et al. 2024]. The paper writes sums; its
// authors' results, and TRL, are of means.
Tensor ipo_loss(const PairLogProbs& policy, const PairLogProbs& reference, double beta);
// -log sigmoid(beta (chosen - rejected) - gamma), of means  [Meng et al. 2024]. TRL's simpo_gamma is this
// gamma.
Tensor simpo_loss(const PairLogProbs& means, double beta, double gamma);
// -chosen - lambda log sigmoid(logit(chosen) - logit(rejected)), logit(m) = log(e^m / (1 - e^m)), of means
// below 0  [Hong et al. 2024]. TRL's first term is another: a mean over all tokens of a batch, prompts among
// them.
Tensor orpo_loss(const PairLogProbs& means, double lambda);

struct Preference {
  Tokens prompt, chosen, rejected;
  double reference_chosen = 0, reference_rejected = 0;  // sums, of cache_reference(); 0: no reference
  template <class V>
  void visit(V&& v) {
    v("prompt", prompt), v("chosen", chosen), v("rejected", rejected);
    v("reference_chosen", reference_chosen), v("reference_rejected", reference_rejected);
  }
};

struct ReferenceOptions {
  int64_t rows = 32;  // answers at once
  Device device = kCpu;
};
void cache_reference(const TokenLogProbs& reference, std::vector<Preference>& pairs,
                     const ReferenceOptions& options);

// What a loss of pairs is made of.
struct PairsSeen {
  PairLogProbs sums, means;                      // over the answers' tokens, the policy's
  PairLogProbs reference_sums, reference_means;  // as cached
};
using PreferenceLoss = std::function<Tensor(const PairsSeen&)>;  // [pairs]

struct PreferenceStep {
  int64_t pairs = 0;  // at once in memory; 0: the whole batch. The result is that of the whole batch.
  Device device = kCpu;
  StepOptions update = {};
};
// One update on the mean loss over the batch: both answers of a pair are rows of one forward. Values:
// "margin", the mean of h, and "accuracy", the share of pairs with h > 0, both before the update; "chosen",
// the mean of log pi(chosen) / ref(chosen), which may well fall. Throws Error for an empty batch.
StepResult preference_step(const TokenLogProbs& policy, Optimizer& optimizer,
                           absl::Span<const Preference> batch, const PreferenceLoss& loss,
                           const PreferenceStep& options);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_ALIGN_PREFERENCE_H_
