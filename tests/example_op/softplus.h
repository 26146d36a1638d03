// An op as tensor/README.md builds it: softplus(x) = log(1 + e^x).
#ifndef ROUX_TESTS_EXAMPLE_OP_SOFTPLUS_H_
#define ROUX_TESTS_EXAMPLE_OP_SOFTPLUS_H_

#include "tensor/tensor.h"

namespace roux {

// log(1 + e^x), computed as max(x, 0) + log(1 + e^-|x|). x: any shape, floating; returns the same spec. f32
// accumulation for bf16 and f16. Throws Error on another dtype. Differentiable to any order.
Tensor softplus(const Tensor& x);

}  // namespace roux

#endif  // ROUX_TESTS_EXAMPLE_OP_SOFTPLUS_H_
