// Numbers of each seed, in the order of the seeds: what over_seeds, paired and ClaimList take, and what
// Results::values gives.
//
//   const auto loss = [&](const char* arm) { return results.values(arm, [](const Outcome& o) { return o.loss; }); };
//   minus(loss("method"), lowest({loss("baseline"), loss("other")}))
#ifndef ROUX_RECIPES_KIT_RUN_SEED_VALUES_H_
#define ROUX_RECIPES_KIT_RUN_SEED_VALUES_H_

#include <cstddef>
#include <functional>
#include <vector>

namespace roux::kit {

using SeedValues = std::vector<double>;

// f of each seed by its position, 0 to seeds - 1.
SeedValues each_seed(size_t seeds, const std::function<double(size_t seed)>& f);

// Seed by seed. Throw Error for operands of other sizes, lowest() also where there is none.
SeedValues minus(const SeedValues& a, const SeedValues& b);     // a - b
SeedValues relative(const SeedValues& a, const SeedValues& b);  // a / b - 1
SeedValues lowest(const std::vector<SeedValues>& of);
SeedValues absolute(const SeedValues& a);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_SEED_VALUES_H_
