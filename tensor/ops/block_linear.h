// Products with weights of a block format (tensor/ops/quantize.h), which are read as they are.
#ifndef ROUX_TENSOR_OPS_BLOCK_LINEAR_H_
#define ROUX_TENSOR_OPS_BLOCK_LINEAR_H_

#include "tensor/tensor.h"

namespace roux {

// What becomes of x before it is multiplied.
enum class Activations {
  kExact,  // nothing: f32 products and sums
  kInt8,   // each 32 values of a row are rounded to codes -127 .. 127 of a scale max |x| / 127
};

// y = x W^T + bias, W = dequantize(weight). x: [..., in] floating; weight: [out, in / values] of a block
// format; bias: [out] of any floating dtype, counts as cast to x's, or undefined. Returns [..., out] of x's
// dtype. f32, bf16 and f16 are computed in f32 and rounded once, f64 in f64 from the f32 values of blocks.
// Gradients of x and bias to any order; the weight has none. Throws Error as linear does.
//
// kInt8 counts where nothing is recorded, x is not f64 and the format is not nf4 or nf4_dq (whose codes are
// no integers); y then errs by about 0.4 % of the size of its terms. Its sums are
//   sum over strips of 32 values of  (scale scale_x) (sum of code code_x) + offset (scale_x sum of code_x),
// the inner ones exact in integers.
//
// On the CPU the bits of a row of y depend neither on the other rows nor on the number of threads (f64
// aside); with kInt8 not on the processor either, but rows of a call with 8 or more sum in another order
// (outside of batch-invariant mode, tensor/batch_invariant.h).
Tensor block_linear(const Tensor& x, const Tensor& weight, const Tensor& bias = Tensor(),
                    Activations activations = Activations::kExact);

// y = x W: the gradient of the above. x: [..., out] floating; returns [..., in] of x's dtype. Differentiable
// likewise. W is never held at once.
Tensor block_linear_transposed(const Tensor& x, const Tensor& weight);

// What linear() does on this thread with x beside block weights while it lives; otherwise kExact.
class ActivationsGuard {
 public:
  explicit ActivationsGuard(Activations activations);
  static Activations current();
  ~ActivationsGuard();
  ActivationsGuard(const ActivationsGuard&) = delete;
  ActivationsGuard& operator=(const ActivationsGuard&) = delete;

 private:
  Activations before_;
};

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_BLOCK_LINEAR_H_
