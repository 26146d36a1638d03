// Part B of the reproduction: what the curves of one seed say about the law.
#ifndef ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_PART_B_H_
#define ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_PART_B_H_

#include <vector>

#include "recipes/lr_annealing_scaling_law/method.h"
#include "recipes/lr_annealing_scaling_law/training.h"

namespace roux::lr_annealing {

struct PartB {
  Fit fit;  // on the fitted arms, with the lambda of the smallest objective there
  // Mean |relative error| over the points of the held-out arms: of the law and of its baselines, each fitted
  // to the same points.
  double held_out = 0, held_out_step_only = 0, held_out_forward_only = 0, held_out_lambda0 = 0;
  std::vector<double> held_out_by_arm;  // of the law
  double tau = 0;                       // Kendall, predicted against measured final losses of all arms
  double annealing_gain = 0;            // final(constant) - final(wsd): above 0, or C is not identified
};

// losses[i]: validation losses of arms[i] at evaluation_steps(config). Points before config.fit_from are left
// out.
PartB part_b(const TrainingConfig& config, const std::vector<Arm>& arms,
             const std::vector<std::vector<double>>& losses);

}  // namespace roux::lr_annealing

#endif  // ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_PART_B_H_
