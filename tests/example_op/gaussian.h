// An op as tensor/README.md builds it: gaussian(x) = e^(-x^2).
#ifndef ROUX_TESTS_EXAMPLE_OP_GAUSSIAN_H_
#define ROUX_TESTS_EXAMPLE_OP_GAUSSIAN_H_

#include "tensor/tensor.h"

namespace roux {

// e^(-x^2). x: any shape, floating; returns the same spec. bf16 and f16 are computed in f32 and rounded once.
// Throws Error on another dtype. Differentiable to any order.
Tensor gaussian(const Tensor& x);

}  // namespace roux

#endif  // ROUX_TESTS_EXAMPLE_OP_GAUSSIAN_H_
