// The list of all checks; they stand in the checks_*.cc.
#include "tests/ops/checks.h"

namespace roux::testing {

const std::vector<Check>& all_checks() {
  static const auto* checks = new std::vector<Check>{
      {"entry", "the entry has samples of size 0, 1 and odd size, and an error", check_entry, false},
      {"forward", "values against the f64 reference in each dtype", check_forward, true},
      {"layouts", "transposed, strided, offset, padded and broadcast inputs", check_layouts, true},
      {"repeatable", "the same bits with 1, 2 and 3 threads", check_repeatable, true},
      {"meta", "the same specs without data", check_meta, false},
      {"errors", "documented errors, the same text on meta", check_errors, false},
      {"names_itself", "errors of values that few ops take start with the op", check_names_itself, false},
      {"value_errors", "documented errors in values, the same text as on the CPU", check_value_errors, true},
      {"undeclared", "a dtype that is not declared has no kernel", check_undeclared, true},
      {"shape_fuzz", "seeded random sizes", check_shape_fuzz, true},
      {"thresholds", "sizes around those where kernels change their way, and one long axis", check_thresholds,
       true},
      {"tunables", "sizes around those that can be set, set small; one thread and three", check_tunables,
       true},
      {"additive", "the two parts of a summed axis add up", check_additive, true},
      {"special_values", "NaN, infinities, zeros and subnormals", check_special_values, true},
      {"accumulates", "sums in f32, of 16-bit values too", check_accumulates, true},
      {"rounds_once", "16-bit results within 0.501 ulp", check_rounds_once, true},
      {"shift_invariant", "values and gradients at a large common offset", check_shift_invariant, true},
      {"grad", "first derivatives against differences, twice the same bits", check_gradient, false},
      {"gradgrad", "second derivatives against differences", check_second_gradient, false},
      {"fused", "fused backward against the composed form", check_fused_equals_composed, false},
      {"grad_values", "gradients in each dtype against f64 on the CPU", check_gradient_values, true},
      {"grad_layouts", "gradients of inputs, and from above, in other layouts", check_gradient_layouts, true},
      {"saved_versions", "overwritten saved tensors are noticed", check_saved_versions, false},
      {"alone", "the gradient of each input while the others are constants", check_alone, false},
      {"untouched", "backward writes into no tensor of the caller's", check_untouched, true},
  };
  return *checks;
}

}  // namespace roux::testing
