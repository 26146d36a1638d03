#include "recipes/kit/align/advantages.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tensor/error.h"

namespace roux::kit {
namespace {

void check_finite(const char* name, const char* what, absl::Span<const double> values) {
  for (size_t i = 0; i < values.size(); ++i) {
    ROUX_CHECK(std::isfinite(values[i]))
        << name << ": " << what << "[" << i << "] is " << values[i] << ", needed a finite number";
  }
}

void check_share(const char* name, const char* what, double value) {
  ROUX_CHECK(value >= 0 && value <= 1) << name << ": " << what << " is " << value << ", needed in [0, 1]";
}

double mean_of(absl::Span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// The root of the squared distances from the mean, divided by n - correction.
double deviation(absl::Span<const double> values, int correction) {
  const double mean = mean_of(values);
  double sum = 0;
  for (const double v : values) sum += (v - mean) * (v - mean);
  return std::sqrt(sum / (static_cast<double>(values.size()) - correction));
}

bool all_equal(absl::Span<const double> values) {
  return std::all_of(values.begin(), values.end(), [&](double v) { return v == values[0]; });
}

void check_groups(const char* name, absl::Span<const double> rewards, int64_t group) {
  ROUX_CHECK(group >= 1 && static_cast<int64_t>(rewards.size()) % group == 0)
      << name << ": " << rewards.size() << " rewards in groups of " << group
      << ", needed a multiple of a group of at least 1";
  check_finite(name, "rewards", rewards);
}

}  // namespace

std::vector<double> group_advantages(absl::Span<const double> rewards, int64_t group,
                                     const AdvantageOptions& options) {
  const char* const name = "group_advantages";
  check_groups(name, rewards, group);
  const bool needs_two = options.baseline == Baseline::kLeaveOneOut || options.scale != Scale::kNone;
  ROUX_CHECK(group >= 2 || !needs_two)
      << name << ": the group is " << group << ", needed at least 2 for this baseline and scale";
  ROUX_CHECK(std::isfinite(options.epsilon) && options.epsilon >= 0)
      << name << ": epsilon is " << options.epsilon << ", needed at least 0";
  const double batch_std =
      options.scale == Scale::kBatchStd && !rewards.empty() ? deviation(rewards, /*correction=*/1) : 0;
  const auto size = static_cast<double>(group);
  std::vector<double> advantages;
  for (size_t begin = 0; begin < rewards.size(); begin += static_cast<size_t>(group)) {
    const absl::Span<const double> rewards_of = rewards.subspan(begin, static_cast<size_t>(group));
    if (options.baseline != Baseline::kNone && all_equal(rewards_of)) {
      advantages.resize(advantages.size() + rewards_of.size(), 0.0);
      continue;
    }
    double divisor = 1;
    if (options.scale == Scale::kBatchStd) divisor = batch_std + options.epsilon;
    if (options.scale == Scale::kPopulationStd) divisor = deviation(rewards_of, 0) + options.epsilon;
    if (options.scale == Scale::kSampleStd) divisor = deviation(rewards_of, 1) + options.epsilon;
    // r - the mean of the others = (r - mean) n / (n - 1).
    if (options.baseline == Baseline::kLeaveOneOut) divisor *= (size - 1) / size;
    const double baseline = options.baseline == Baseline::kNone ? 0 : mean_of(rewards_of);
    for (const double reward : rewards_of) advantages.push_back((reward - baseline) / divisor);
  }
  return advantages;
}

std::vector<bool> equal_groups(absl::Span<const double> rewards, int64_t group) {
  check_groups("equal_groups", rewards, group);
  std::vector<bool> equal;
  for (size_t begin = 0; begin < rewards.size(); begin += static_cast<size_t>(group))
    equal.push_back(all_equal(rewards.subspan(begin, static_cast<size_t>(group))));
  return equal;
}

Gae gae(absl::Span<const double> rewards, absl::Span<const double> values, double gamma, double lambda) {
  ROUX_CHECK(rewards.size() == values.size())
      << "gae: " << rewards.size() << " rewards and " << values.size() << " values, needed as many";
  check_share("gae", "gamma", gamma);
  check_share("gae", "lambda", lambda);
  check_finite("gae", "rewards", rewards);
  check_finite("gae", "values", values);
  const size_t steps = rewards.size();
  Gae out{std::vector<double>(steps), std::vector<double>(steps)};
  double next_value = 0, next_advantage = 0;
  for (size_t t = steps; t-- > 0;) {
    next_advantage = rewards[t] + gamma * next_value - values[t] + gamma * lambda * next_advantage;
    next_value = values[t];
    out.advantage[t] = next_advantage;
    out.value_target[t] = next_advantage + values[t];
  }
  return out;
}

std::vector<double> token_rewards(double reward, absl::Span<const double> log_probs,
                                  absl::Span<const double> reference, double coefficient) {
  ROUX_CHECK(log_probs.size() == reference.size() && !log_probs.empty())
      << "token_rewards: " << log_probs.size() << " log-probabilities and " << reference.size()
      << " of the reference, needed as many and at least 1";
  check_finite("token_rewards", "reward", {&reward, 1});
  check_finite("token_rewards", "coefficient", {&coefficient, 1});
  std::vector<double> out;
  for (size_t t = 0; t < log_probs.size(); ++t) out.push_back(-coefficient * (log_probs[t] - reference[t]));
  out.back() += reward;
  return out;
}

std::vector<double> whitened(absl::Span<const double> values) {
  check_finite("whitened", "values", values);
  if (values.empty()) return {};
  const double mean = mean_of(values), spread = deviation(values, 0);
  const double divisor = std::sqrt(spread * spread + 1e-8);
  std::vector<double> out;
  for (const double v : values) out.push_back((v - mean) / divisor);
  return out;
}

void AdaptiveKl::update(double kl, int64_t episodes) {
  ROUX_CHECK(std::isfinite(kl) && episodes >= 0 && horizon >= 0 && target > 0)
      << "AdaptiveKl: kl is " << kl << ", episodes " << episodes << ", horizon " << horizon << ", target "
      << target << ", needed a finite one, at least 0, at least 0 and above 0";
  if (horizon == 0) return;
  coefficient *= 1 + std::clamp(kl / target - 1, -0.2, 0.2) * static_cast<double>(episodes) / horizon;
}

}  // namespace roux::kit
