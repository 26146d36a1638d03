// Attention. Forward and backward run in tiles and keep two numbers per query row besides their results:
// memory is linear in the sequence length both ways.
#ifndef ROUX_TENSOR_OPS_ATTENTION_H_
#define ROUX_TENSOR_OPS_ATTENTION_H_

#include <optional>

#include "tensor/tensor.h"

namespace roux {

struct AttentionOptions {
  bool causal = false;
  // Broadcasts to [B, H, T, S]. bool: true where a query may look; floating (q's dtype): added to the scores.
  Tensor mask = {};
  std::optional<double> scale = {};  // of the scores; 1 / sqrt(D) where none is given
};

// softmax(q k^T scale + mask) v over the last axis of the scores        [Vaswani et al. 2017, eq. 1; tiles
// with a running maximum: Dao et al. 2022, alg. 1] q: [B, H, T, D], k: [B, G, S, D], v: [B, G, S, E], one
// floating dtype; G divides H and query head h reads key-value head h / (H / G). Returns [B, H, T, E], laid
// out as [B, T, H, E]: transpose(1, 2) of it is contiguous. `causal` is aligned to the end: query t looks at
// keys up to t + S - T, so that T new queries may follow a cache of S - T keys. A query that may look at no
// key gives zeros (and gets no gradient).
//
// Scores, sums and the weighted sum are computed in f32 (bf16 and f16 are converted first) or f64. The mask
// gets a gradient only through the composed form, which is used when a floating mask requires grad. NaN or
// +inf among the scores that a query may look at makes its row NaN; a score of -inf is as good as hidden.
// Throws Error on mismatched shapes and dtypes. Bits do not depend on the number of threads.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options = {});
// The same in primitives (of the same numerics), with memory for all scores.
Tensor scaled_dot_product_attention_composed(const Tensor& q, const Tensor& k, const Tensor& v,
                                             const AttentionOptions& options = {});

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_ATTENTION_H_
