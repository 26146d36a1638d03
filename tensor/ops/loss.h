// Classification losses. Log-probabilities and their sums are computed in f32 for f32, bf16 and f16 logits
// and in f64 for f64; the loss has that dtype.
#ifndef ROUX_TENSOR_OPS_LOSS_H_
#define ROUX_TENSOR_OPS_LOSS_H_

#include <optional>
#include <utility>

#include "tensor/tensor.h"

namespace roux {

// logits = softcap(linear(x, weight, bias)): the end of a language model, for losses that are fused with it.
// A weight alone is one.
struct OutputProjection {
  OutputProjection() = default;
  OutputProjection(Tensor weight, Tensor bias = {}, std::optional<double> softcap = {})  // NOLINT: implicit
      : weight(std::move(weight)), bias(std::move(bias)), softcap(softcap) {}

  Tensor weight, bias;                 // [V, D], or the blocks of it; [V] or undefined
  std::optional<double> softcap = {};  // c > 0: logits become c tanh(logits / c)             [Gemma 2 report]
};

enum class Reduction {
  kMean,  // the weighted sum divided by the weight of the targets that count; NaN when none does
  kSum,
  kNone,  // one loss per target
};

struct CrossEntropyOptions {
  int64_t ignore_index = -100;  // targets with this value count for nothing
  Tensor weight = {};           // [V], the loss's dtype: weight of each class; 1 where undefined; no gradient
  Reduction reduction = Reduction::kMean;
  double label_smoothing = 0;  // eps in [0, 1]: the part of each target that is spread over all classes
};

// loss_i = (1 - eps) weight[t_i] nll_i[t_i] + eps / V sum_v weight[v] nll_i[v], nll_i[v] =
// logsumexp(logits_i)
// - logits_i[v]  [Szegedy et al. 2016]. logits: [..., V] floating, targets: [...] i32 or i64. A scalar, or
// [...] for kNone; kMean divides by the sum of weight[t_i], with label smoothing too. A row whose target does
// not count is not read, and its gradient is 0 even where the loss or its upstream gradient is NaN. A class
// weight of 0 is a weight: such rows are read. Throws Error on mismatched shapes or dtypes, for
// label_smoothing outside [0, 1], and for a target outside [0, V) with its value and position.
// Fused: forward keeps two numbers per row, backward writes the gradient in one pass. Any order of
// derivative.
Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options = {});
Tensor cross_entropy_composed(const Tensor& logits, const Tensor& targets,
                              const CrossEntropyOptions& options = {});

// cross_entropy of the logits that output makes of x, which are never held at once: x: [..., D], weight and
// bias of x's dtype; weights in blocks are read as linear reads them, exactly where the loss is recorded, and
// get no gradient. Rows are taken in chunks of about 8 million logits; for kMean and kSum the gradients are
// computed in the forward pass (so that no logit is computed twice), for kNone backward computes the logits
// again. Memory: one chunk, and when recording the gradients of x, weight and bias. Rows of x that do not
// count are not read.
Tensor linear_cross_entropy(const Tensor& x, const OutputProjection& output, const Tensor& targets,
                            const CrossEntropyOptions& options = {});
Tensor linear_cross_entropy_composed(const Tensor& x, const OutputProjection& output, const Tensor& targets,
                                     const CrossEntropyOptions& options = {});

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_LOSS_H_
