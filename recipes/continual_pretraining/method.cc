#include "recipes/continual_pretraining/method.h"

#include <algorithm>
#include <cmath>

#include "tensor/error.h"

namespace roux::continual {

int64_t warmup_steps(int64_t steps, double share) {
  ROUX_CHECK(steps >= 1 && share >= 0 && share < 1) << "warmup_steps: steps are " << steps << ", share is "
                                                    << share << ", needed steps >= 1 and 0 <= share < 1";
  return std::min<int64_t>(std::llround(static_cast<double>(steps) * share), steps - 1);
}

Schedule cosine_with_warmup(const Rates& rates, int64_t steps, int64_t warmup) {
  return cosine_schedule({.peak = rates.eta_max, .floor = rates.eta_min, .total = steps, .warmup = warmup});
}

Schedule stay_at_minimum(const Rates& rates) { return constant_schedule(rates.eta_min); }

Schedule rewarm_and_stay(const Rates& rates, int64_t warmup) {
  return constant_schedule(rates.eta_max, warmup);
}

Schedule infinite_schedule(const Rates& rates, const InfinitePhases& p) {
  const int64_t hold = p.anneal_at - p.warmup - p.cooldown;
  ROUX_CHECK(hold >= 0) << "infinite_schedule: the anneal begins at step " << p.anneal_at
                        << ", before warm-up (" << p.warmup << " steps) and cool-down (" << p.cooldown
                        << ") are over";
  return roux::infinite_schedule({.peak = rates.eta_max,
                                  .constant = rates.eta_const,
                                  .floor = rates.eta_min,
                                  .warmup = p.warmup,
                                  .cooldown = p.cooldown,
                                  .hold = hold,
                                  .anneal = p.anneal,
                                  .shape = p.cooldown_shape});
}

std::vector<double> replay_shares(double replay) {
  ROUX_CHECK(replay >= 0 && replay <= 1) << "replay_shares: replay is " << replay << ", needed 0 .. 1";
  return {replay, 1 - replay};
}

std::vector<double> union_shares(int64_t old_tokens, int64_t new_tokens) {
  ROUX_CHECK(old_tokens > 0 && new_tokens > 0)
      << "union_shares: tokens are " << old_tokens << " and " << new_tokens << ", needed above 0";
  const auto both = static_cast<double>(old_tokens + new_tokens);
  return {static_cast<double>(old_tokens) / both, static_cast<double>(new_tokens) / both};
}

double forgetting(const Losses& arm, const Losses& old_only) { return arm.old_domain - old_only.old_domain; }

double adaptation(const Losses& arm, const Losses& new_only) { return arm.new_domain - new_only.new_domain; }

double gap_to_union(const Losses& arm, const Losses& both) { return arm.mean() - both.mean(); }

double share_of_gap_closed(const Losses& arm, const Losses& without_replay, const Losses& both) {
  const double gap = gap_to_union(without_replay, both);
  ROUX_CHECK(gap != 0) << "share_of_gap_closed: without replay there is no gap to the union";
  return 1 - gap_to_union(arm, both) / gap;
}

double share_of_forgetting_removed(const Losses& arm, const Losses& without_replay, const Losses& old_only) {
  const double all = forgetting(without_replay, old_only);
  ROUX_CHECK(all != 0) << "share_of_forgetting_removed: without replay nothing is forgotten";
  return 1 - forgetting(arm, old_only) / all;
}

double largest_rise(const std::vector<double>& curve) {
  ROUX_CHECK(!curve.empty()) << "largest_rise: the curve is empty";
  return *std::max_element(curve.begin(), curve.end()) - curve.front();
}

}  // namespace roux::continual
