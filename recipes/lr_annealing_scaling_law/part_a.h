// Part A of the reproduction: what the authors' 40 published losses say, in milliseconds and without
// training.
#ifndef ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_PART_A_H_
#define ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_PART_A_H_

#include <vector>

#include "recipes/lr_annealing_scaling_law/method.h"

namespace roux::lr_annealing {

// The published curves: 20 points each at steps 1000, 2000, ..., 20000.
Curve published_cosine();
Curve published_constant();

struct PartA {
  Fit fit;                   // both curves, lambda 0.999: the paper's L0 2.628, A 0.430, alpha 0.550, C 0.411
  std::vector<Fit> scan;     // both curves, lambda 0, 0.99, 0.995, 0.999, 0.9995, 0.9999
  Fit cosine_only;           //
  Fit constant_only;         // C is not identifiable: annealing_identified is false
  Fit step_only;             // baselines on both curves: L0 + A * (s + 1)^-alpha
  Fit forward_only;          // L0 + A * S1^-alpha
  Fit half;                  // the law on the cosine and the first half of the constant curve
  Fit half_step_only;        // the step-only power law on the same points
  double second_half_error;  // mean |relative error| of `half` on the second half of the constant curve
                             // (claimed: < 0.3 %)
  double second_half_error_step_only;
};

PartA part_a();

}  // namespace roux::lr_annealing

#endif  // ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_PART_A_H_
