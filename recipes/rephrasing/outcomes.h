// What the arms came to, a number for each seed.
#ifndef ROUX_RECIPES_REPHRASING_OUTCOMES_H_
#define ROUX_RECIPES_REPHRASING_OUTCOMES_H_

#include <string>
#include <vector>

#include "recipes/kit/run/grid.h"
#include "recipes/kit/run/seed_values.h"
#include "recipes/rephrasing/arms.h"

namespace roux::rephrasing {

struct Outcomes {
  const Config& config;
  const Data& data;
  const std::vector<Arm>& arms;
  const kit::Results<Trained>& trained;

  // Bits per character on one held-out set, or with "" the mean of the main ones that the arm is judged on.
  // Error for an arm or a set that there is not.
  kit::SeedValues bits(const std::string& arm, const std::string& set = "") const;
  // bits(before) - bits(after) of each seed: what `after` gains.
  kit::SeedValues gain(const std::string& before, const std::string& after,
                       const std::string& set = "") const;
  // Share of right choices, mean of both wordings. Error for an arm without the test.
  kit::SeedValues cloze(const std::string& arm) const;
  kit::SeedValues unique_tokens(const std::string& arm) const;
};

double mean(const kit::SeedValues& x);

}  // namespace roux::rephrasing

#endif  // ROUX_RECIPES_REPHRASING_OUTCOMES_H_
