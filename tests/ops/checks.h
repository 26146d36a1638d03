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
  std::string (*run)(const Suite& suite, Device device);
  // Also on the emulator and on a GPU, as <name>.emulated and <name>.cuda.
  bool on_devices;
};
const std::vector<Check>& all_checks();

// contract: what an entry must say, errors, meta.
std::string check_entry(const Suite& suite, Device device);
std::string check_meta(const Suite& suite, Device device);
std::string check_errors(const Suite& suite, Device device);
std::string check_names_itself(const Suite& suite, Device device);
std::string check_value_errors(const Suite& suite, Device device);
std::string check_undeclared(const Suite& suite, Device device);
// values against the reference.
std::string check_forward(const Suite& suite, Device device);
std::string check_layouts(const Suite& suite, Device device);
std::string check_repeatable(const Suite& suite, Device device);
std::string check_shape_fuzz(const Suite& suite, Device device);
std::string check_thresholds(const Suite& suite, Device device);
std::string check_special_values(const Suite& suite, Device device);
// parts: where a computation is cut.
std::string check_tunables(const Suite& suite, Device device);
std::string check_additive(const Suite& suite, Device device);
// numerics: how sums are accumulated, how results are rounded.
std::string check_accumulates(const Suite& suite, Device device);
std::string check_rounds_once(const Suite& suite, Device device);
std::string check_shift_invariant(const Suite& suite, Device device);
// gradients.
std::string check_gradient(const Suite& suite, Device device);
std::string check_second_gradient(const Suite& suite, Device device);
std::string check_fused_equals_composed(const Suite& suite, Device device);
std::string check_gradient_values(const Suite& suite, Device device);
std::string check_gradient_layouts(const Suite& suite, Device device);
std::string check_saved_versions(const Suite& suite, Device device);
std::string check_untouched(const Suite& suite, Device device);
std::string check_alone(const Suite& suite, Device device);

// A CPU runtime around the real one: outputs start as NaN patterns and lie between sentinels, so that a
// kernel that leaves an element unwritten or writes beside its output is noticed. Installed once, before any
// tensor exists.
void install_guarded_runtime();
// "" or where a write went astray since the last call.
std::string take_guard_failure();

}  // namespace roux::testing

#endif  // ROUX_TESTS_OPS_CHECKS_H_
