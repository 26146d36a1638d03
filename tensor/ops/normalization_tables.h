// What tensor/cpu, cuda and autograd fill for the normalization family. Tensors arrive contiguous; R rows of
// D elements.
#ifndef ROUX_TENSOR_OPS_NORMALIZATION_TABLES_H_
#define ROUX_TENSOR_OPS_NORMALIZATION_TABLES_H_

#include "tensor/ops/normalization.h"
#include "tensor/tables.h"

namespace roux {

// Statistics (mean, rstd = 1 / sqrt(. + eps)): [R] in the accumulation type (f32, or f64 for f64). bias may
// be undefined.
using RmsNormKernel = void(const Tensor& x, const Tensor& weight, double eps, Tensor& y, Tensor& rstd);
using LayerNormKernel = void(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, Tensor& y,
                             Tensor& mean, Tensor& rstd);
// Each gradient may be undefined (not wanted). partials: scratch, [norm_partial_rows(R), D] (layer_norm:
// twice as many rows, those of the bias behind those of the weight) in the accumulation type, undefined when
// neither weight nor bias gradient is wanted. Row p sums rows p * n .. (p + 1) * n of x; the partials are
// then added in order, so the bits do not depend on the number of threads.
using RmsNormBackwardKernel = void(const Tensor& x, const Tensor& weight, const Tensor& rstd,
                                   const Tensor& grad_output, Tensor& grad_x, Tensor& grad_weight,
                                   Tensor& partials);
using LayerNormBackwardKernel = void(const Tensor& x, const Tensor& weight, const Tensor& mean,
                                     const Tensor& rstd, const Tensor& grad_output, Tensor& grad_x,
                                     Tensor& grad_weight, Tensor& grad_bias, Tensor& partials);
extern constinit KernelTable<RmsNormKernel> rms_norm_kernels;
extern constinit KernelTable<LayerNormKernel> layer_norm_kernels;
extern constinit KernelTable<RmsNormBackwardKernel> rms_norm_backward_kernels;
extern constinit KernelTable<LayerNormBackwardKernel> layer_norm_backward_kernels;

// Rows of x per partial sum, and the number of partial sums.
int64_t norm_rows_per_partial();
int64_t norm_partial_rows(int64_t rows);

struct RmsNormSaved {
  SavedTensor x, weight, rstd;
  double eps;
};
struct LayerNormSaved {
  SavedTensor x, weight, mean, rstd;
  bool has_bias;
  double eps;
};
extern constinit GradSlot<RmsNormSaved> rms_norm_grad;
extern constinit GradSlot<LayerNormSaved> layer_norm_grad;

// First-order gradients by the fused kernels, for the rules; wants_*: which to compute (others undefined).
struct NormGrads {
  Tensor x, weight, bias;
};
NormGrads rms_norm_backward(const RmsNormSaved& saved, const Tensor& grad_output, bool wants_x,
                            bool wants_weight);
NormGrads layer_norm_backward(const LayerNormSaved& saved, const Tensor& grad_output, bool wants_x,
                              bool wants_weight, bool wants_bias);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_NORMALIZATION_TABLES_H_
