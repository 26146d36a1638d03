// Answers that a policy was asked for, with their rewards: what policies learn from.
#ifndef ROUX_RECIPES_KIT_ALIGN_ROLLOUTS_H_
#define ROUX_RECIPES_KIT_ALIGN_ROLLOUTS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "recipes/kit/align/log_probs.h"
#include "recipes/kit/train/train.h"
#include "tensor/tensor.h"

namespace roux::kit {

struct Rollout {
  Tokens prompt, answer;
  double reward = 0;
  // Of each token of the answer: its log-probability where it was drawn (may be empty), and whether it was
  // the policy that wrote it (empty: all; 0: a tool's output, which is seen and not learned).
  std::vector<double> log_probs = {};
  std::vector<uint8_t> written = {};
};

// Of each rollout, a number a token.
using PerToken = std::vector<std::vector<double>>;

// Some rollouts as a batch; "tokens" of a row are those that the policy wrote, in their order.
class RolloutBatch {
 public:
  // Throws Error where answer_to() does, for lists that are not as long as the answer, and for an answer of
  // which nothing was written.
  RolloutBatch(absl::Span<const Rollout> rollouts, Device device);

  const LmBatch& batch() const { return batch_; }
  int64_t rows() const { return static_cast<int64_t>(at_.size()); }
  // Of each row of x, [B, T], the values at its tokens.
  PerToken at_tokens(const Tensor& x) const;
  // [B, T]: these values at the tokens of each row, 0 elsewhere.
  Tensor from_tokens(const PerToken& values, DType dtype) const;

 private:
  LmBatch batch_;
  std::vector<std::vector<int64_t>> at_;  // of each row, where its tokens are targets
};

// The mean over rollouts of the sum over tokens of log pi - log ref.
double mean_kl(const PerToken& log_probs, const PerToken& reference);

// What is recorded of a set of rollouts. reference: empty without one.
//   "reward", "length": means over rollouts; "entropy": the mean of -log pi of the tokens, which for tokens
//   drawn from pi estimates its entropy; "kl": mean_kl() (not without a reference); "sampler_distance": the
//   largest |log pi - rollout.log_probs| (not where no rollout has any).
Values rollout_values(absl::Span<const Rollout> rollouts, const PerToken& log_probs,
                      const PerToken& reference);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_ALIGN_ROLLOUTS_H_
