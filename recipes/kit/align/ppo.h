// PPO on the tokens of answers, with a value of each and a KL penalty in the rewards.
//
//   Linear value_head(hidden_size, 1, true, init);
//   AdaptiveKl kl{.coefficient = 0.1, .target = 6, .horizon = 10000};          // one of the states of train()
//   ppo_step(actor_critic(model, value_head), optimizer, log_probs_of(reference), rollouts, kl,
//            {.update = {.lr = 1e-5}});
#ifndef ROUX_RECIPES_KIT_ALIGN_PPO_H_
#define ROUX_RECIPES_KIT_ALIGN_PPO_H_

#include <cstdint>
#include <functional>
#include <limits>

#include "absl/types/span.h"
#include "nn/layers.h"
#include "recipes/kit/align/advantages.h"
#include "recipes/kit/align/policy_gradient.h"
#include "recipes/kit/align/rollouts.h"
#include "recipes/kit/train/update.h"

namespace roux::kit {

// [B, T] both, of one dtype: log-probabilities of the targets, and the value of the text before each of them.
struct ActorCritic {
  Tensor log_probs, values;
};
using ActorCriticModel = std::function<ActorCritic(const LmBatch&)>;
// Both of one forward; the head, [..., D] -> [..., 1], reads the hidden states. The modules must outlive it.
// Two models with an optimizer's group each: [&](const LmBatch& b) { return ActorCritic{policy(b), value(b)};
// }.
ActorCriticModel actor_critic(const LanguageModel& model, const Linear& value_head);

struct PpoStep {
  double gamma = 1, lambda = 0.95;
  double clip = 0.2;          // of the ratio
  double value_clip = 0.2;    // of the value, around that before the updates; infinity: none
  double value_weight = 0.1;  // TRL's vf_coef
  double reward_clip = std::numeric_limits<double>::infinity();  // rewards are cut to [-c, c]
  bool whiten = true;  // advantages, over all tokens of the rollouts
  int64_t epochs = 4;
  int64_t rows_per_update = 0;  // as in GrpoStep
  int64_t rows = 0;
  Device device = kCpu;
  StepOptions update = {};
};

// Of the rollouts as they are: rewards of tokens with kl.coefficient, advantages, value targets of advantages
// before they are whitened. Then epochs of updates on
//   mean over tokens of -clipped_objective + value_weight clipped_value_loss,
// and kl.update() with the mean over answers of the sum over tokens of log pi - log ref
// [Ziegler et al. 2019; Ouyang et al. 2022].
// Values: those of rollout_values(), all before the first update (reward as given); "kl_coefficient" as used;
// "value_loss" of the first epoch; "clipped" as in grpo_step().
StepResult ppo_step(const ActorCriticModel& policy, Optimizer& optimizer, const TokenLogProbs& reference,
                    absl::Span<const Rollout> rollouts, AdaptiveKl& kl, const PpoStep& options);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_ALIGN_PPO_H_
