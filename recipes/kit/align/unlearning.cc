#include "recipes/kit/align/unlearning.h"

#include <cmath>

#include "recipes/kit/train/losses.h"
#include "tensor/error.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"

namespace roux::kit {

Tensor gradient_ascent_loss(const Tensor& log_probs, const Tensor& target) {
  return weighted_mean(log_probs, ones_like(log_probs), target);
}

Tensor npo_loss(const Tensor& log_probs, const Tensor& reference, double beta) {
  ROUX_CHECK(log_probs.dim() == 1 && is_floating(log_probs.dtype()) && log_probs.spec() == reference.spec())
      << "npo_loss: log_probs is " << log_probs.spec() << ", reference is " << reference.spec()
      << ", needed floating [B] both";
  ROUX_CHECK(std::isfinite(beta) && beta > 0) << "npo_loss: beta is " << beta << ", needed above 0";
  return softplus((log_probs - reference.detach()) * beta) * (2 / beta);
}

StepResult unlearning_step(const TokenLogProbs& policy, Optimizer& optimizer, const LmBatch& forget,
                           const LmBatch& retain, const ForgetLoss& forget_loss,
                           const UnlearningStep& options) {
  ROUX_CHECK(forget.target_count > 0 && retain.target_count > 0)
      << "unlearning_step: forget has " << forget.target_count << " targets and retain "
      << retain.target_count << ", needed at least 1 each";
  double to_forget = 0, to_retain = 0;
  StepResult result = update(optimizer, options.update, [&] {
    const Tensor ascent = forget_loss(policy(forget), forget);
    const Tensor kept = -gradient_ascent_loss(policy(retain), retain.target);
    to_forget = host_values(ascent.detach())[0];
    to_retain = host_values(kept.detach())[0];
    return options.forget_weight * ascent + options.retain_weight * kept;
  });
  result.tokens = forget.tokens() + retain.tokens();
  result.values = {{"forget_loss", to_forget}, {"retain_loss", to_retain}};
  return result;
}

}  // namespace roux::kit
