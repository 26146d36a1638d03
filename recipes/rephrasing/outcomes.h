// What the arms came to, a number for each seed.
#ifndef ROUX_RECIPES_REPHRASING_OUTCOMES_H_
#define ROUX_RECIPES_REPHRASING_OUTCOMES_H_

#include <string>
#include <vector>

#include "recipes/kit/run/grid.h"
#include "recipes/rephrasing/arms.h"

namespace roux::rephrasing {

struct Outcomes {
  const Config& config;
  const Data& data;
  const std::vector<Arm>& arms;
  const kit::Results<Trained>& trained;

  const Arm& arm(const std::string& name) const;  // Error for another name
  // Bits per character on one held-out set, or with "" the mean of the main ones that the arm is judged on.
  // Error for an arm or a set that there is not.
  std::vector<double> bits(const std::string& arm, const std::string& set = "") const;
  std::vector<double> accuracy(const std::string& arm, const std::string& wording) const;
  // bits(before) - bits(after) of each seed: what `after` gains.
  std::vector<double> gain(const std::string& before, const std::string& after,
                           const std::string& set = "") const;
  std::vector<double> unique_tokens(const std::string& arm) const;
};

std::vector<double> minus(const std::vector<double>& a, const std::vector<double>& b);
double mean(const std::vector<double>& x);

}  // namespace roux::rephrasing

#endif  // ROUX_RECIPES_REPHRASING_OUTCOMES_H_
