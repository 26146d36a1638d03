// What users give as JSON: a discrete HMM (--data), and rows to compute the paper's quantities for (--table).
#ifndef ROUX_RECIPES_HMM_COMPLEXITY_RECORDS_H_
#define ROUX_RECIPES_HMM_COMPLEXITY_RECORDS_H_

#include <string>

#include "absl/status/statusor.h"
#include "recipes/hmm_complexity/method.h"

namespace roux::hmm_complexity {

// {"initial": [H], "transition": [H][H], "emission": [H][V]}, each row a distribution (they add up to 1
// within 1e-6 and are divided by their sum). Errors name the file and what is wrong, shapes and rows among
// it.
absl::StatusOr<DiscreteHmm> read_hmm(const std::string& path);

// table.json for JSON lines, each of one kind:
//   {"n", "D", "p", "signal", "noise"}                                   a risk in closed form
//   {"initial", "transition", "emission", "sequence": [word, ...]}       filtered distributions
//   {"A": [D][D], "Q": [D][D], "W": [m][D], "tau", "x": [L][m]}          filtered means
// Errors name file and line.
absl::StatusOr<std::string> table_json(const std::string& path);

}  // namespace roux::hmm_complexity

#endif  // ROUX_RECIPES_HMM_COMPLEXITY_RECORDS_H_
