// Every arm on every seed: what a recipe does once it has its data and its arms.
//
//   struct Arm { std::string name, from; int64_t steps; double lr; };
//   ROUX_ASSIGN_OR_RETURN(const Results<Outcome> results,
//                         train_arms(run, arms, [&](const Arm& arm, uint64_t seed, Part& part) {
//                           return train_arm(config, corpus, arm, seed, part);
//                         }));
#ifndef ROUX_RECIPES_KIT_TRAIN_TRAIN_ARMS_H_
#define ROUX_RECIPES_KIT_TRAIN_TRAIN_ARMS_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "recipes/kit/run/grid.h"
#include "recipes/kit/run/run.h"
#include "recipes/kit/train/training.h"

namespace roux::kit {

// run.side_by_side(grid(arms, run.seeds(), f)), with its steps announced (`steps`: of all arms together, on
// one seed) and the machine's peak measured, of which step lines show the share. Result and errors are those
// of side_by_side.
template <class Arm, class F>
auto train_arms(Run& run, const std::vector<Arm>& arms, int64_t steps, F f) {
  run.expect_steps(steps * static_cast<int64_t>(run.seeds().size()));
  run.set_peak_flops(measured_peak_flops(1));  // a part runs on one thread
  return run.side_by_side(grid(arms, run.seeds(), std::move(f)));
}

// The same where every arm says how many steps it takes.
template <class Arm, class F>
auto train_arms(Run& run, const std::vector<Arm>& arms, F f) {
  int64_t steps = 0;
  for (const Arm& arm : arms) steps += arm.steps;
  return train_arms(run, arms, steps, std::move(f));
}

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TRAIN_TRAIN_ARMS_H_
