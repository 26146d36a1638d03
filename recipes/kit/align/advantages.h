// From rewards to what each answer or token is weighed with: plain numbers, no tensors. All throw Error for
// sizes that do not fit, for options out of range and for numbers that are not finite.
#ifndef ROUX_RECIPES_KIT_ALIGN_ADVANTAGES_H_
#define ROUX_RECIPES_KIT_ALIGN_ADVANTAGES_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace roux::kit {

enum class Baseline : uint8_t {
  kNone,
  kGroupMean,
  kLeaveOneOut,  // the mean of the group's others  [Kool et al. 2019; RLOO, Ahmadian et al. 2024]
};
enum class Scale : uint8_t {
  kNone,           // Dr. GRPO  [Liu et al. 2025]
  kPopulationStd,  // of the group's rewards: (1, 0, 0, 1) gives (1, -1, -1, 1)
  kSampleStd,      // with n - 1, as TRL's GRPO
  kBatchStd,       // with n - 1, of all rewards, as TRL's scale_rewards = "batch"
};
struct AdvantageOptions {
  Baseline baseline = Baseline::kGroupMean;
  Scale scale = Scale::kPopulationStd;
  double epsilon = 1e-6;  // added to the standard deviation; TRL has 1e-4
};
// (r - baseline) / (std + epsilon) of rewards of which each `group` that follow each other are answers to one
// prompt  [Shao et al. 2024]. Equal rewards of a group give exact zeros, unless there is no baseline. A
// standard deviation and kLeaveOneOut need a group of 2 or more.
std::vector<double> group_advantages(absl::Span<const double> rewards, int64_t group,
                                     const AdvantageOptions& options = {});
// Whether all rewards of a group are the same number: [groups].
std::vector<bool> equal_groups(absl::Span<const double> rewards, int64_t group);

// Generalised advantage estimation over one episode of T steps, after which the value is 0
// [Schulman et al. 2016]:
//   advantage_t = sum_k (gamma lambda)^k (r_{t+k} + gamma v_{t+k+1} - v_{t+k})
//   value_target = advantage + v
struct Gae {
  std::vector<double> advantage, value_target;
};
Gae gae(absl::Span<const double> rewards, absl::Span<const double> values, double gamma, double lambda);

// -coefficient (log pi - log ref) at each token of an answer, and `reward` at the last in addition
// [Ziegler et al. 2019].
std::vector<double> token_rewards(double reward, absl::Span<const double> log_probs,
                                  absl::Span<const double> reference, double coefficient);

// (x - mean) / sqrt(var + 1e-8), with the population's variance as trlX has it; TRL's masked_whiten divides
// by n - 1.
std::vector<double> whitened(absl::Span<const double> values);

// Weight of the KL penalty. With a horizon above 0 it follows the measured KL of `episodes` episodes
// [Ziegler et al. 2019]:
//   coefficient *= 1 + clip(kl / target - 1, -0.2, 0.2) episodes / horizon
// With 0 it stays. A record, so it can be one of the states of train().
struct AdaptiveKl {
  double coefficient = 0.1, target = 6, horizon = 0;
  void update(double kl, int64_t episodes);
  template <class V>
  void visit(V&& v) {
    v("coefficient", coefficient), v("target", target), v("horizon", horizon);
  }
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_ALIGN_ADVANTAGES_H_
