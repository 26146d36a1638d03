// The claims of the paper, judged on the arms of a run.
#ifndef ROUX_RECIPES_SALT_CLAIMS_H_
#define ROUX_RECIPES_SALT_CLAIMS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "recipes/kit/run/run.h"
#include "recipes/salt/arms.h"

namespace roux::salt {

// A curve of an arm, one value of it a seed: at the evaluation nearest to this share of the arm's steps.
std::vector<double> values_at(const Results& results, const std::string& arm, const std::string& curve,
                              double share);
inline std::vector<double> final_losses(const Results& results, const std::string& arm,
                                        const std::string& curve = "validation_loss") {
  return values_at(results, arm, curve, 1);
}

// Of each seed.
std::vector<TeacherGate> gates(const Config& config, const Results& results);

// `scale`: of all claims. Arms that were not trained make their claims not testable; so does a teacher that
// is no weaker than the student gets for claims that distilling to the end is worse, one that is no better
// than the student when stage 1 ends for claims that it helps, and a gain of SALT that is not separated from
// 0 for claims that another way ends level with it.
absl::Status judge(const Config& config, const Results& results, const std::string& scale, kit::Run& run);

}  // namespace roux::salt

#endif  // ROUX_RECIPES_SALT_CLAIMS_H_
