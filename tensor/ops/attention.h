// Attention with all that may change who sees whom and with what weight. Forward and backward run in tiles of
// scores and keep two numbers per query beside their results: memory is linear in the sequence length, both
// ways and under every rule but `mask` and `bias`, and tiles in which no query sees a key are not computed.
#ifndef ROUX_TENSOR_OPS_ATTENTION_H_
#define ROUX_TENSOR_OPS_ATTENTION_H_

#include <optional>

#include "absl/types/span.h"
#include "tensor/generator.h"
#include "tensor/tensor.h"

namespace roux {

// Who sees whom. In row b query t stands at `own` = position[b, t], without positions t + S - T (T new
// queries behind a cache of S - T keys), and sees the keys of one interval [low, high), cut to [0, S):
//   low  = max(begin[b, t], own + 1 - window)            each where it is given
//   high = min(end[b, t], max(own + 1, prefix[b, t]))    S in place of the maximum where not causal
// The four tensors are i32 of any values and broadcast to [B, T]: [T], or [B, 1] for whole rows.
struct AttentionRules {
  bool causal = false;   // keys up to the query's own
  int64_t window = 0;    // > 0: the last `window` of these; needs causal and no prefix
  Tensor position = {};  // of the queries among the keys
  Tensor prefix = {};    // keys below it are seen by all queries of the row; needs causal     [prefix LM]
  Tensor begin = {};     // the first key of the query's document in a packed row
  Tensor end = {};       // one past its last key; or the length of a padded row
  Tensor mask = {};  // bool, broadcasts to [B, H, T, S]: for what is no interval; true where a query may look
  Tensor bias = {};  // floating, broadcasts to [B, H, T, S]: added to the scores
  // [H, 2 M - 1], floating: entry s - own + M - 1 of the head's row is added to the score of key s (T5's
  // buckets, ALiBi); the outermost entries stand for all larger distances. M >= S; without positions M >= T
  // too.
  Tensor distance_bias = {};
  // In place of begin and end: i32 or i64 [T] or [B, T], the document of each position by any number, as
  // document_bounds (sequence.h) reads it. As many keys as queries, without position.
  Tensor documents = {};
};

struct AttentionOptions {
  AttentionRules rules = {};
  std::optional<double> scale = {};  // of q k^T; 1 / sqrt(D) where none is given
  double softcap = 0;                // c > 0: c tanh(x / c) of the scaled product x, before biases
  // Each weight is kept with probability 1 - dropout and then divided by it, as dropout() of the weights
  // [B, H, T, S] with the same generator would do; they are drawn again in backward.
  double dropout = 0;
  Generator* generator = nullptr;  // only read, and needed, where dropout > 0
};

// softmax(scores) v over the last axis of the scores                    [Vaswani et al. 2017, eq. 1; tiles
// with a running maximum: Dao et al. 2022, alg. 1] scores = softcap(q k^T scale) + bias + distance bias where
// a query may look. q: [B, H, T, D], k: [B, G, S, D], v: [B, G, S, E], one floating dtype; G divides H and
// query head h reads key-value head h / (H / G). Returns [B, H, T, E], laid out as [B, T, H, E]:
// transpose(1, 2) of it is contiguous. A query that may look at no key gives zeros (and gets no gradient).
//
// Scores, sums and the weighted sum are computed in f32 (bf16 and f16 are converted first; with bf16 on AMX
// weights and their gradients keep 16 bits where they are multiplied) or f64; a bias may be of q's dtype or
// of that. Differentiable to any order in q, k, v, bias (a gradient of its own shape) and distance_bias; the
// second derivative takes memory for all scores. NaN or +inf among the scores that a query may look at makes
// its row NaN; a score of -inf is as good as hidden. Throws Error on mismatched shapes and dtypes and on
// rules that contradict each other. Bits do not depend on the number of threads.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options = {});
// The same in primitives (of the same numerics), with memory for all scores.
Tensor scaled_dot_product_attention_composed(const Tensor& q, const Tensor& k, const Tensor& v,
                                             const AttentionOptions& options = {});

// Attention to a part of the keys. lse: [B, H, T], f32 (f64 for f64): the log of the sum of the exponentials
// of a query's scores, before dropout; -inf where it sees nothing.
struct AttentionPart {
  Tensor y, lse;
};
// As scaled_dot_product_attention; lse is differentiable too.
AttentionPart attention_with_lse(const Tensor& q, const Tensor& k, const Tensor& v,
                                 const AttentionOptions& options = {});
AttentionPart attention_with_lse_composed(const Tensor& q, const Tensor& k, const Tensor& v,
                                          const AttentionOptions& options = {});

// Attention to the keys of all parts, which share one shape [B, H, T, E]:
//   y = sum_i e^(lse_i - m) y_i / sum_i e^(lse_i - m), m = max_i lse_i
// computed in f32 or f64 and rounded once to the parts' dtype. A part in which a query sees nothing changes
// no bit of it. Differentiable to any order. Throws Error without parts and on mismatched ones.
Tensor merge_attention(absl::Span<const AttentionPart> parts);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_ATTENTION_H_
