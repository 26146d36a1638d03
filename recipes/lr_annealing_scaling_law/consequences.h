// What the law implies, computed from a fit without training (sections 4 and 5 of the paper). Runs have no
// warm-up here, rates go down to 0, and "final" means step `total` itself, where a decay has reached its end.
#ifndef ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_CONSEQUENCES_H_
#define ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_CONSEQUENCES_H_

#include <cstdint>
#include <span>
#include <vector>

#include "optim/schedules.h"
#include "recipes/lr_annealing_scaling_law/method.h"

namespace roux::lr_annealing {

// Areas at step `total`: annealing raises S2 and costs S1, so no schedule has the largest of both.
struct FinalAreas {
  double forward = 0;
  double annealing = 0;
};
FinalAreas final_areas(const Schedule& schedule, int64_t total, double lambda);

// Predicted loss at step `total`.
double final_loss(const Fit& fit, const Schedule& schedule, int64_t total);

// At a constant rate S2 = 0 and S1 = eta * (s + 1): the law becomes L0 + a * (s + 1)^-alpha, the power law of
// compute with a = A * eta^-alpha.
struct PowerLaw {
  double l0 = 0;
  double a = 0;
  double alpha = 0;
};
PowerLaw constant_rate_power_law(const Law& law, double eta);

// Final losses of cosines with these cycle lengths in a run of `total` steps (a shorter cycle goes on at rate
// 0). The paper: best when the cycle is the run.
std::vector<double> cosine_losses_by_cycle(const Fit& fit, double peak, int64_t total,
                                           std::span<const int64_t> cycles);

// Final losses of cosines over the whole run that end at these shares of the peak. The paper: best near 0.
std::vector<double> cosine_losses_by_floor(const Fit& fit, double peak, int64_t total,
                                           std::span<const double> floor_shares);

// Final losses of warm-up-stable-decay runs that anneal during these shares of the run. The paper: U-shaped.
std::vector<double> wsd_losses_by_decay(const Fit& fit, double peak, int64_t total,
                                        std::span<const double> shares, Decay shape = Decay::kLinear);

// The best share among 0.01, 0.02, ..., 1. The paper: smaller for longer runs.
double best_decay_share(const Fit& fit, double peak, int64_t total, Decay shape = Decay::kLinear);

// How far the predicted loss rises above its value at `step` afterwards: the bump of re-warming. 0 if it
// never does.
double loss_bump_after(const Fit& fit, std::span<const double> eta, int64_t step);

// The first of these run lengths (ascending) at which a cosine ends below a constant rate; -1 if none: short
// runs are limited by forward area, long ones by annealing.
int64_t cosine_overtakes_constant(const Fit& fit, double peak, std::span<const int64_t> totals);

}  // namespace roux::lr_annealing

#endif  // ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_CONSEQUENCES_H_
