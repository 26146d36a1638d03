#include "recipes/kit/align/policy_gradient.h"

#include <cmath>

#include "recipes/kit/data/windows.h"
#include "recipes/kit/train/losses.h"
#include "tensor/error.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"

namespace roux::kit {
namespace {

void check_tokens(const char* name, const Tensor& x, const char* what) {
  ROUX_CHECK(x.dim() == 2 && (x.dtype() == kF32 || x.dtype() == kF64))
      << name << ": " << what << " is " << x.spec() << ", needed f32 or f64 [B, T]";
}

void check_like(const char* name, const Tensor& x, const Tensor& y, const char* what) {
  ROUX_CHECK(x.spec() == y.spec()) << name << ": " << what << " is " << y.spec() << ", needed " << x.spec();
}

void check_advantage(const char* name, const Tensor& x, const Tensor& advantage) {
  ROUX_CHECK(advantage.dim() == 2 && advantage.size(0) == x.size(0) &&
             (advantage.size(1) == x.size(1) || advantage.size(1) == 1) && advantage.dtype() == x.dtype())
      << name << ": advantage is " << advantage.spec() << ", log_probs is " << x.spec()
      << ", needed [B, T] or [B, 1] of one dtype";
}

}  // namespace

Tensor reinforce_objective(const Tensor& log_probs, const Tensor& advantage) {
  check_tokens("reinforce_objective", log_probs, "log_probs");
  check_advantage("reinforce_objective", log_probs, advantage);
  return log_probs * advantage.detach();
}

Tensor clipped_objective(const Tensor& log_probs, const Tensor& old, const Tensor& advantage,
                         const Clip& clip) {
  check_tokens("clipped_objective", log_probs, "log_probs");
  check_like("clipped_objective", log_probs, old, "old");
  check_advantage("clipped_objective", log_probs, advantage);
  ROUX_CHECK(clip.low >= 0 && clip.low <= 1 && clip.high >= 0)
      << "clipped_objective: clip is {" << clip.low << ", " << clip.high
      << "}, needed low in [0, 1] and high at least 0";
  const Tensor ratio = exp(log_probs - old.detach()), weight = advantage.detach();
  return minimum(ratio * weight, clamp(ratio, 1 - clip.low, 1 + clip.high) * weight);
}

Tensor kl_estimate(const Tensor& log_probs, const Tensor& reference, KlEstimator estimator) {
  check_tokens("kl_estimate", log_probs, "log_probs");
  check_like("kl_estimate", log_probs, reference, "reference");
  const Tensor log_u = reference.detach() - log_probs;
  if (estimator == KlEstimator::kK1) return -log_u;
  if (estimator == KlEstimator::kK2) return log_u * log_u * 0.5;
  return expm1(log_u) - log_u;
}

Tensor clipped_value_loss(const Tensor& values, const Tensor& old, const Tensor& value_target, double clip) {
  check_tokens("clipped_value_loss", values, "values");
  check_like("clipped_value_loss", values, old, "old");
  check_like("clipped_value_loss", values, value_target, "value_target");
  ROUX_CHECK(clip >= 0) << "clipped_value_loss: clip is " << clip << ", needed at least 0";
  const Tensor target = value_target.detach(), distance = values - target;
  const Tensor loss = distance * distance * 0.5;
  if (std::isinf(clip)) return loss;
  const Tensor before = old.detach();
  const Tensor clipped = before + clamp(values - before, -clip, clip) - target;
  return maximum(loss, clipped * clipped * 0.5);
}

Tensor aggregate_sum(const Tensor& per_token, const Tensor& target, Aggregation aggregation, double length) {
  if (aggregation == Aggregation::kSequenceMean) return sum(sequence_means(per_token, target));
  const Tensor total = sum(sequence_sums(per_token, target));
  if (aggregation == Aggregation::kTokenMean) return total;
  ROUX_CHECK(std::isfinite(length) && length > 0)
      << "aggregate: length is " << length << ", needed above 0 for kFixedLength";
  return total / length;
}

int64_t aggregation_count(Aggregation aggregation, int64_t rows, int64_t targets) {
  return aggregation == Aggregation::kTokenMean ? targets : rows;
}

Tensor aggregate(const Tensor& per_token, const Tensor& target, Aggregation aggregation, double length) {
  const Tensor total = aggregate_sum(per_token, target, aggregation, length);
  int64_t targets = 0;
  if (aggregation == Aggregation::kTokenMean) {
    const Tensor counts = sum(ne(target, static_cast<double>(kIgnoreTarget)).to(kI64));
    targets = counts.to_vector<int64_t>()[0];
    ROUX_CHECK(targets > 0) << "aggregate: no token of " << target.spec() << " is a target";
  }
  return total / static_cast<double>(aggregation_count(aggregation, target.size(0), targets));
}

}  // namespace roux::kit
