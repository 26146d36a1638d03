// The checks that the op suite derives from an entry. Each returns "" or the first failure with a
// reproduction.
#ifndef ROUX_TESTS_OPS_CHECKS_H_
#define ROUX_TESTS_OPS_CHECKS_H_

#include <string>
#include <vector>

#include "tests/ops/suite.h"

namespace roux::testing {

struct Check {
  const char* name;
  const char* what;
  std::string (*run)(const Suite& suite);
};
const std::vector<Check>& all_checks();

// A CPU runtime around the real one: outputs start as NaN patterns and lie between sentinels, so that a
// kernel that leaves an element unwritten or writes beside its output is noticed. Installed once, before any
// tensor exists.
void install_guarded_runtime();
// "" or where a write went astray since the last call.
std::string take_guard_failure();

}  // namespace roux::testing

#endif  // ROUX_TESTS_OPS_CHECKS_H_
