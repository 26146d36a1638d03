// Regression prompts from a CSV: columns prompt, x1 .. xd and y, a pair a line, the pairs of a prompt one
// after the other. The last pair of a prompt may have no y: it is only to be predicted.
#ifndef ROUX_RECIPES_KIT_WORLDS_PROMPT_TABLE_H_
#define ROUX_RECIPES_KIT_WORLDS_PROMPT_TABLE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/worlds/regression_prompts.h"

namespace roux::kit {

struct GivenPrompt {
  std::string name;
  RegressionPrompts prompt;  // one row; a y that is missing is 0
};
// At least one. Errors with file and line for what is no such file, for more than 100 inputs, for more than
// 2000 pairs in a prompt, and for values beyond +-1e6.
absl::StatusOr<std::vector<GivenPrompt>> read_prompts(const std::string& path);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_WORLDS_PROMPT_TABLE_H_
