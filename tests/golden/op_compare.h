// Whether results are as exact as their op promises.
#ifndef ROUX_TESTS_GOLDEN_OP_COMPARE_H_
#define ROUX_TESTS_GOLDEN_OP_COMPARE_H_

#include <string>

#include "tests/golden/op_calls.h"

namespace roux::golden {

enum class Stage { kForward, kGradient, kSecond };

// Allowed is: `ulps` units in the last place of the expected value; and `scaled` times the largest finite
// expected value of the tensor, or times `least` if that is more: a sum that cancels is as exact as its
// terms.
struct Tolerance {
  double ulps = 0, scaled = 0, least = 1;
};
// dtype: of the values compared. largest_input: the largest finite magnitude among the case's inputs.
// narrow_terms: bf16 and f16 are rounded before the last sum too (gradients of composed rules; probabilities
// and products of the CUDA kernels for tensor cores).
Tolerance tolerance(Exactness exactness, Stage stage, DType dtype, double largest_input, bool narrow_terms);

// "" or "dtype is ..", "shape is ..", "element [1,2] is 3, expected 4 (allowed 0.01)". NaN equals NaN; what
// is exact keeps the sign of zero.
std::string compare(const CaseValues& got, const CaseValues& expected, const Tolerance& tolerance);

double largest_finite(const CaseValues& values);

}  // namespace roux::golden

#endif  // ROUX_TESTS_GOLDEN_OP_COMPARE_H_
