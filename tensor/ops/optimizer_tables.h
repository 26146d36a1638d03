#ifndef ROUX_TENSOR_OPS_OPTIMIZER_TABLES_H_
#define ROUX_TENSOR_OPS_OPTIMIZER_TABLES_H_

#include "tensor/ops/optimizer.h"
#include "tensor/tables.h"
#include "tensor/tunable.h"

namespace roux {

using TensorList = absl::Span<const Tensor>;
using AdamWKernel = void(TensorList params, TensorList grads, TensorList exp_avg, TensorList exp_avg_sq,
                         TensorList steps, const Tensor& scalars, const AdamWOptions& options);
using AdamW8bitKernel = void(TensorList params, TensorList grads, TensorList exp_avg, TensorList exp_avg_sq,
                             TensorList exp_avg_absmax, TensorList exp_avg_sq_absmax, TensorList steps,
                             const Tensor& scalars, const AdamWOptions& options);
using SgdKernel = void(TensorList params, TensorList grads, TensorList momentum_buffers,
                       const Tensor& scalars, const SgdOptions& options);
using RmspropKernel = void(TensorList params, TensorList grads, TensorList square_avg, TensorList grad_avg,
                           TensorList momentum_buffers, const Tensor& scalars, const RmspropOptions& options);
// partial: f64[sum of ceil(numel / kNormChunk)], one square sum per chunk of a gradient.
using GradNormKernel = void(TensorList grads, Tensor& partial, Tensor& norm);
using ClipFactorKernel = void(const Tensor& norm, double max_norm, double factor, Tensor& scalars);
inline constinit const Tunable kNormChunk("optimizer.chunk", 16384, 8);

extern constinit KernelTable<AdamWKernel> adamw_kernels;
extern constinit KernelTable<AdamW8bitKernel> adamw_8bit_kernels;
extern constinit KernelTable<SgdKernel> sgd_kernels;
extern constinit KernelTable<RmspropKernel> rmsprop_kernels;
extern constinit KernelTable<GradNormKernel> grad_norm_kernels;
extern constinit KernelTable<ClipFactorKernel> clip_factor_kernels;

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_OPTIMIZER_TABLES_H_
