// What the parts of a run came to, as a number for each seed: what kit::over_seeds takes.
#ifndef ROUX_RECIPES_LOSS_REWEIGHTING_OUTCOMES_H_
#define ROUX_RECIPES_LOSS_REWEIGHTING_OUTCOMES_H_

#include <string>
#include <vector>

#include "recipes/kit/run/grid.h"
#include "recipes/loss_reweighting/arms.h"
#include "recipes/loss_reweighting/toy.h"

namespace roux::loss_reweighting {

// Where a curve first comes down to `level`, linear between its points; the last of `at` where it never does.
// at: ascending, as many as values, at least one; Error otherwise.
double steps_to_reach(const std::vector<int64_t>& at, const std::vector<double>& curve, double level);

// Share of the steps that a curve saves on its way to the last value of `base`; where it does not get there,
// minus the share that `base` saves on its way to the curve's. Errors as steps_to_reach().
double share_saved(const std::vector<int64_t>& at, const std::vector<double>& curve,
                   const std::vector<double>& base);

double mean(const std::vector<double>& x);

struct Outcomes {
  const Data& data;
  const std::vector<Arm>& arms;
  const kit::Results<Trained>& trained;
  const std::vector<ToyArm>& toy_arms;
  const kit::Results<ToyRuns>& toys;  // as many, in their order

  bool has(const std::string& arm) const;
  // Held-out loss in nats per byte at each evaluation, the mean of the domains that the part was judged on.
  std::vector<double> curve(const Trained& trained) const;
  // The functions below throw Error for an arm or a curve that there is not.
  std::vector<double> losses(const std::string& arm) const;  // the last of the curve
  std::vector<double> losses(const std::string& arm, const std::string& curve) const;  // of one domain
  // share_saved() of held-out losses.
  std::vector<double> steps_saved(const std::string& arm, const std::string& base) const;
  const ToyRuns& toy(ToyData data, const std::string& name) const;
  // Of the steps to the threshold that the plain mean takes on these data.
  std::vector<double> toy_steps_saved(ToyData data, const std::string& name) const;
};

}  // namespace roux::loss_reweighting

#endif  // ROUX_RECIPES_LOSS_REWEIGHTING_OUTCOMES_H_
