// Losses of a student's distribution over V classes against a teacher's, which gets no gradient. Statistics
// are computed in f32 for f32, bf16 and f16 logits and in f64 for f64; the loss has that dtype.
#ifndef ROUX_TENSOR_OPS_DISTILLATION_H_
#define ROUX_TENSOR_OPS_DISTILLATION_H_

#include <optional>

#include "tensor/ops/loss.h"

namespace roux {

// Of a row, with the teacher's p and the student's q. A class without mass on the side that weighs it adds 0.
enum class Divergence {
  kCrossEntropy,   // -sum p log q: with soft targets
  kForwardKL,      // KL(p || q) = sum p (log p - log q)
  kReverseKL,      // KL(q || p)
  kJensenShannon,  // beta KL(p || m) + (1 - beta) KL(q || m), m = beta p + (1 - beta) q  [Agarwal et al.
                   // 2024]
};

// What a teacher of which K classes are known does outside of them, where the mass 1 - sum_k p_k is left.
enum class RestMass {
  kRenormalize,  // nothing: p_k / sum_k p_k, and 0 elsewhere (the reverse KL of which is infinite: an Error)
  kSpread,       // the mass that is left, in equal parts
  kBucket,       // "any other class" is one outcome, for teacher and student
  kIgnore,       // the sums above run over the K classes alone; q stays normalized over all V
};

// One of:
//   logits [..., V] of the student's dtype; log-probabilities are logits too, log(p) with -inf where p is 0;
//   x [..., D'] and what projects it to logits of V classes: linear_distillation_loss only;
//   ids [..., K] (i32 or i64, distinct in a row, in any order) and log_probs [..., K] (floating) of K classes.
struct Teacher {
  Tensor logits = {};
  Tensor x = {};
  OutputProjection output = {};
  Tensor ids = {}, log_probs = {};
  RestMass rest = RestMass::kRenormalize;
};

struct DistillationOptions {
  Divergence divergence = Divergence::kForwardKL;
  double beta = 0.5;  // of kJensenShannon, in (0, 1)
  // q = softmax(logits / temperature), p = softmax(teacher's logits / teacher_temperature); the latter is
  // `temperature` where not set. log_probs are divided too, which has a meaning for kRenormalize alone: with
  // another rest, set teacher_temperature = 1 and give the log-probabilities at the temperature wanted.
  double temperature = 1;
  std::optional<double> teacher_temperature = {};
  // Multiplies the loss by temperature^2: keeps the size of the gradient of the logits, which falls with
  // 1 / temperature^2  [Hinton et al. 2015].
  bool scale_by_temperature_squared = false;
  Tensor mask = {};                        // bool [...]: which rows count; all where undefined
  Reduction reduction = Reduction::kMean;  // kMean: over the rows that count; NaN when none does
};

// The divergence of each row of logits: [..., V] floating. A scalar, or [...] for kNone. Rows that do not
// count are not read, neither here nor in the teacher, and their gradient is 0 whatever comes from above.
// Throws Error on mismatched shapes or dtypes, for a teacher of no form or of several, for options out of
// range, for reverse KL with kRenormalize, and for ids (of rows that count) outside [0, V) or named twice.
// Fused: one walk over a row for its statistics and one for its terms, no memory of [..., V] but the
// gradient. Any order of derivative.
Tensor distillation_loss(const Tensor& logits, const Teacher& teacher,
                         const DistillationOptions& options = {});
Tensor distillation_loss_composed(const Tensor& logits, const Teacher& teacher,
                                  const DistillationOptions& options = {});

// distillation_loss of the logits that output makes of x, in chunks of rows: neither the student's logits nor
// those of a teacher given by x and output live all at once. x: [..., D], weight and bias of x's dtype,
// or the weight in blocks, as linear_cross_entropy reads them.
// Gradients are computed as in linear_cross_entropy: in the forward pass for kMean and kSum.
Tensor linear_distillation_loss(const Tensor& x, const OutputProjection& output, const Teacher& teacher,
                                const DistillationOptions& options = {});
Tensor linear_distillation_loss_composed(const Tensor& x, const OutputProjection& output,
                                         const Teacher& teacher, const DistillationOptions& options = {});

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_DISTILLATION_H_
