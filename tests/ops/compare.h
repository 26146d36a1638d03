// How the checks of the op suite compare: values with references, gradients, bits. Each returns "" or the
// first difference.
#ifndef ROUX_TESTS_OPS_COMPARE_H_
#define ROUX_TESTS_OPS_COMPARE_H_

#include <string>

#include "tests/ops/suite.h"

namespace roux::testing {

Refs to_refs(const Tensors& inputs);

// |y - r| <= tolerance (1 + |r|); NaN and infinities must be the same. A reference beyond the dtype's range
// must be infinite there.
std::string compare(const Tensors& outputs, const Refs& refs, double tolerance);
// |y - r| <= ulps steps of y's dtype at r + slack (1 + |r|): the result was rounded to that dtype once.
std::string compare_ulps(const Tensors& outputs, const Refs& refs, double ulps, double slack);
std::string compare_gradients(const Tensors& got, const Tensors& expected, double tolerance,
                              const std::string& what);

bool same_bits(const Tensor& a, const Tensor& b);
double tolerance_of(const Suite& suite, DType dtype);
// The distance of neighbouring values of a floating dtype around r.
double ulp(double r, DType dtype);

}  // namespace roux::testing

#endif  // ROUX_TESTS_OPS_COMPARE_H_
