// What tensor/cpu and cuda fill for the quantize family.
#ifndef ROUX_TENSOR_OPS_QUANTIZE_TABLES_H_
#define ROUX_TENSOR_OPS_QUANTIZE_TABLES_H_

#include "tensor/ops/quantize.h"
#include "tensor/tables.h"

namespace roux {

// Keyed by the blocks x; both contiguous.
using DequantizeKernel = void(const Tensor& x, Tensor& y);
extern constinit KernelTable<DequantizeKernel> dequantize_kernels;
// Keyed by the blocks y; x f32, both contiguous. Throws Error for values that no block holds.
using QuantizeKernel = void(const Tensor& x, Tensor& y);
extern constinit KernelTable<QuantizeKernel> quantize_kernels;
// Keyed by y, nf4_dq, from nf4 blocks x; both contiguous and whole.
using QuantizeScalesKernel = void(const Tensor& x, Tensor& y);
extern constinit KernelTable<QuantizeScalesKernel> quantize_nf4_scales_kernels;

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_QUANTIZE_TABLES_H_
