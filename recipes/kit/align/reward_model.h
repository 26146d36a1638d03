// Reward models: a number for a text, read at its last token, learned from preferences.
//
//   Linear score(hidden_size, 1, false, init);
//   const SequenceReward reward = reward_of(trunk, [&](const Tensor& h) { return score(h); });
//   reward_step(reward, optimizer, pairs, {.update = {.lr = 3e-5}});
//   const std::vector<double> rewards = score_texts(reward, texts, 32, device);
#ifndef ROUX_RECIPES_KIT_ALIGN_REWARD_MODEL_H_
#define ROUX_RECIPES_KIT_ALIGN_REWARD_MODEL_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/types/span.h"
#include "nn/models/language_model.h"
#include "recipes/kit/align/log_probs.h"
#include "recipes/kit/align/preference.h"
#include "recipes/kit/train/update.h"
#include "tensor/tensor.h"

namespace roux::kit {

// -log sigmoid(chosen - rejected - margin), the negative log-likelihood of Bradley & Terry's model: [pairs]
// of floating [pairs] both. Differentiable to any order. Throws Error on shapes and dtypes that differ.
Tensor bradley_terry_loss(const Tensor& chosen, const Tensor& rejected, double margin = 0);
// The mean of bradley_terry_loss over all pairs of a good and a bad answer to one prompt  [Qwen2.5-Math, Yang
// et al. 2024]. rewards: floating [Q, N], good: bool [Q, N]. Returns [Q]: 0 for a prompt whose answers are
// all alike.
Tensor listwise_reward_loss(const Tensor& rewards, const Tensor& good);

// [B] for the texts of an input, which has lengths.
using SequenceReward = std::function<Tensor(const LmInput&)>;
// Whole texts padded on the right. Throws Error for an empty one.
LmInput input_of_texts(absl::Span<const Tokens> texts, Device device);
// head([B, D]) -> [B, 1], of the hidden states at the last tokens. The model must outlive it.
SequenceReward reward_of(const LanguageModel& trunk, std::function<Tensor(const Tensor&)> head);
// Without recording, `rows` texts at once, batched by length.
std::vector<double> score_texts(const SequenceReward& reward, absl::Span<const Tokens> texts, int64_t rows,
                                Device device);

struct RewardStep {
  double margin = 0;
  // Adds center (r_chosen + r_rejected)^2: keeps rewards around 0  [Eisenstein et al. 2023].
  double center = 0;
  int64_t pairs = 0;  // as in PreferenceStep
  Device device = kCpu;
  StepOptions update = {};
};
// One update on the mean loss over the pairs, whose texts are prompt and answer. Values: "margin", the mean
// of r_chosen - r_rejected, and "accuracy", the share of pairs where that is above 0.
StepResult reward_step(const SequenceReward& reward, Optimizer& optimizer, absl::Span<const Preference> batch,
                       const RewardStep& options);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_ALIGN_REWARD_MODEL_H_
