#ifndef ROUX_TESTS_EXAMPLE_OP_GAUSSIAN_TABLES_H_
#define ROUX_TESTS_EXAMPLE_OP_GAUSSIAN_TABLES_H_

#include "tensor/tables.h"
#include "tests/example_op/gaussian.h"

namespace roux {

using GaussianKernel = void(const Tensor& x, Tensor& y);  // y has x's spec and is contiguous
extern constinit KernelTable<GaussianKernel> gaussian_kernels;

struct GaussianSaved {
  SavedTensor x;
};
extern constinit GradSlot<GaussianSaved> gaussian_grad;

}  // namespace roux

#endif  // ROUX_TESTS_EXAMPLE_OP_GAUSSIAN_TABLES_H_
