// What tensor/cpu, cuda and autograd fill for the scan family.
#ifndef ROUX_TENSOR_OPS_SCAN_TABLES_H_
#define ROUX_TENSOR_OPS_SCAN_TABLES_H_

#include "tensor/ops/scan.h"
#include "tensor/tables.h"

namespace roux {

// x and y are contiguous and have one shape; y is i64 for integers and bool.
using ScanKernel = void(const Tensor& x, int axis, bool reverse, Tensor& y);
// The gradient of cumprod: all contiguous, f32 or f64.
using CumprodBackwardKernel = void(const Tensor& x, const Tensor& grad_output, int axis, bool reverse,
                                   Tensor& grad_input);
extern constinit KernelTable<ScanKernel> cumsum_kernels, cumprod_kernels;
extern constinit KernelTable<CumprodBackwardKernel> cumprod_backward_kernels;

struct CumsumSaved {
  int axis;
  bool reverse;
};
struct CumprodSaved {
  SavedTensor x;
  int axis;
  bool reverse;
};
extern constinit GradSlot<CumsumSaved> cumsum_grad;
extern constinit GradSlot<CumprodSaved> cumprod_grad;

// For the rule; not recorded. 16-bit dtypes are computed in f32.
Tensor cumprod_backward(const Tensor& x, const Tensor& grad_output, int axis, bool reverse);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_SCAN_TABLES_H_
