#ifndef ROUX_TESTS_EXAMPLE_OP_SOFTPLUS_TABLES_H_
#define ROUX_TESTS_EXAMPLE_OP_SOFTPLUS_TABLES_H_

#include "tensor/tables.h"
#include "tests/example_op/softplus.h"

namespace roux {

using SoftplusKernel = void(const Tensor& x, Tensor& y);  // y has x's spec and is contiguous
extern constinit KernelTable<SoftplusKernel> softplus_kernels;

struct SoftplusSaved {
  SavedTensor x;
};
extern constinit GradSlot<SoftplusSaved> softplus_grad;

}  // namespace roux

#endif  // ROUX_TESTS_EXAMPLE_OP_SOFTPLUS_TABLES_H_
