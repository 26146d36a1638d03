// Optimizer updates: one launch for a whole list of tensors. What changes from step to step is read from
// `scalars`, a f64[kStepScalarCount] tensor on the parameters' device, so that a captured step can be
// replayed. An update with scalars[kFinite] == 0 (a gradient was NaN or infinite) changes nothing, and
// clip_factor_ then leaves the count scalars[kStep] as it was. Not differentiable; the lists are parallel,
// contiguous, of equal shapes, f32 or f64. Throw Error when lists do not match, when what is written shares
// memory with another tensor of the call, for options that are out of range, NaN or infinite, and when a
// parameter is being recorded (call under NoGradGuard).
#ifndef ROUX_TENSOR_OPS_OPTIMIZER_H_
#define ROUX_TENSOR_OPS_OPTIMIZER_H_

#include "tensor/tensor.h"

namespace roux {

// Positions in `scalars`.
enum StepScalar {
  kLearningRate,
  kStep,        // updates so far with this one, unless it is skipped: clip_factor_ counts, nobody reads
  kGradFactor,  // gradients are multiplied by it (clipping, loss scale)
  kFinite,      // 0: skip the update
  kStepScalarCount,
};

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.01;
  double lr_scale = 1;  // of a parameter group

  // Throws Error, starting with `op`, unless 0 <= beta < 1 and the others are finite and at least 0.
  void check(const char* op) const;
};
// steps: f64[1] a parameter, its updates so far, so that one whose gradients begin late, or miss some steps,
// has its own bias correction; counted here unless the update is skipped. With t the new count: p -= lr wd p;
// m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2; p -= lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
// [Loshchilov & Hutter 2019, algorithm 2]
void adamw_(absl::Span<const Tensor> params, absl::Span<const Tensor> grads, absl::Span<const Tensor> exp_avg,
            absl::Span<const Tensor> exp_avg_sq, absl::Span<const Tensor> steps, const Tensor& scalars,
            const AdamWOptions& options);

// adamw_ with moments in 8 bits: f32 params and grads; exp_avg and exp_avg_sq are codes (u8, of the
// parameter's shape), exp_avg_absmax and exp_avg_sq_absmax f32[ceil(n / 256)] the largest absolute value of
// each block of kMomentBlock elements in row-major order. A code is the index of the value of a dynamic map
// nearest to moment / absmax (of two as near the lower one), but that a negative first moment stays negative;
// a moment is map[code] * absmax. [Dettmers et al. 2022]
//
// The maps have 256 values in increasing order: 0, 1 and for each decade i of 0..6 the midpoints of 2^i (of
// exp_avg_sq: 2^(i + 1)) equal steps from 0.1 to 1, times 10^(i - 6), and of exp_avg their negatives.
inline constexpr int64_t kMomentBlock = 256;
void adamw_8bit_(absl::Span<const Tensor> params, absl::Span<const Tensor> grads,
                 absl::Span<const Tensor> exp_avg, absl::Span<const Tensor> exp_avg_sq,
                 absl::Span<const Tensor> exp_avg_absmax, absl::Span<const Tensor> exp_avg_sq_absmax,
                 absl::Span<const Tensor> steps, const Tensor& scalars, const AdamWOptions& options);

struct SgdOptions {
  double momentum = 0, weight_decay = 0;
  bool nesterov = false;
  double lr_scale = 1;

  // Throws Error, starting with `op`, unless all are finite and at least 0, and nesterov has a momentum.
  void check(const char* op) const;
};
// g += wd p;  b = momentum b + g (b starts as 0);  p -= lr b, or p -= lr (g + momentum b) with nesterov.
// Without momentum the buffers are empty. [Sutskever et al. 2013]
void sgd_(absl::Span<const Tensor> params, absl::Span<const Tensor> grads,
          absl::Span<const Tensor> momentum_buffers, const Tensor& scalars, const SgdOptions& options);

struct RmspropOptions {
  double alpha = 0.99, eps = 1e-8, weight_decay = 0, momentum = 0;
  bool centered = false;
  double lr_scale = 1;

  // Throws Error, starting with `op`, unless 0 <= alpha < 1 and the others are finite and at least 0.
  void check(const char* op) const;
};
// g += wd p;  v = alpha v + (1 - alpha) g^2;  d = g / (sqrt(v) + eps);  b = momentum b + d;  p -= lr b, or
// p -= lr d without momentum. centered: a = alpha a + (1 - alpha) g, and v - a^2 (at least 0) is under the
// root. square_avg is v, grad_avg a (empty unless centered), momentum_buffers b (empty without momentum); all
// begin as 0. [Tieleman & Hinton 2012; Graves 2013]
void rmsprop_(absl::Span<const Tensor> params, absl::Span<const Tensor> grads,
              absl::Span<const Tensor> square_avg, absl::Span<const Tensor> grad_avg,
              absl::Span<const Tensor> momentum_buffers, const Tensor& scalars,
              const RmspropOptions& options);

// The Euclidean norm of all gradients taken as one vector: f64[1], on the gradients' device. Fixed order of
// summation; right wherever it is an f64, also where the squares are not.
Tensor grad_norm(absl::Span<const Tensor> grads);

// Begins an update: scalars[kGradFactor] = factor * min(1, max_norm / (factor * norm + 1e-6)),
// scalars[kFinite] = norm is finite, and scalars[kStep] += scalars[kFinite], where `factor` is the scale that
// turns the stored gradients into the true ones (above 0). max_norm 0: no clipping. Throws Error for a
// max_norm or factor that is NaN, infinite or negative.
void clip_factor_(const Tensor& norm, double max_norm, double factor, Tensor scalars);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_OPTIMIZER_H_
