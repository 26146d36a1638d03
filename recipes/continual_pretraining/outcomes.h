// What the parts of a run came to: losses of each arm and seed, and the paper's measures of them.
#ifndef ROUX_RECIPES_CONTINUAL_PRETRAINING_OUTCOMES_H_
#define ROUX_RECIPES_CONTINUAL_PRETRAINING_OUTCOMES_H_

#include <string>
#include <vector>

#include "recipes/continual_pretraining/arms.h"
#include "recipes/continual_pretraining/method.h"
#include "recipes/kit/run/grid.h"
#include "recipes/kit/train/pretrain.h"

namespace roux::continual {

using Results = kit::Results<kit::PretrainResult>;

class Outcomes {
 public:
  // `results` of the grid of these arms and seeds.
  Outcomes(const std::vector<Arm>& arms, const Results& results, size_t seeds);

  const std::vector<Arm>& arms() const { return arms_; }
  size_t seeds() const { return seeds_; }
  // Throws Error for an arm or a curve that there is not.
  const Arm& arm(const std::string& name) const;
  const kit::PretrainResult& of(const std::string& name, size_t seed) const;
  const std::vector<double>& curve(const std::string& name, size_t seed, Domain domain) const;

  // Final losses on D0 and on the D1 of `domain`.
  Losses losses(const std::string& name, size_t seed, Domain domain) const;
  // Mean over seeds.
  Losses mean_losses(const std::string& name, Domain domain) const;

 private:
  const std::vector<Arm>& arms_;
  const Results& results_;
  size_t seeds_;
};

}  // namespace roux::continual

#endif  // ROUX_RECIPES_CONTINUAL_PRETRAINING_OUTCOMES_H_
