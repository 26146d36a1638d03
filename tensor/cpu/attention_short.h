// Attention of rows so short that a head's scores are one tile, in f32, without masks, biases or dropout. The
// general kernel spends most of such a head on whole squares of scores and on the calls of its products.
#ifndef ROUX_TENSOR_CPU_ATTENTION_SHORT_H_
#define ROUX_TENSOR_CPU_ATTENTION_SHORT_H_

#include "tensor/cpu/attention_tiles.h"

namespace roux::cpu {

// One head; its queries and intervals are those of `tile`.
struct ShortHead {
  const Problem<float>& p;
  const QueryTile& tile;
  Rows<const float> q, k, v;
};
// Whether the problem's heads are such, in lengths and in widths of whole vectors. Few queries beside many
// keys (a step of decoding) would not pay for arranging the keys.
bool has_short_heads(const Problem<float>& p);

void short_forward(const ShortHead& head, Scratch<float> scratch, const Rows<float>& y, float* largest,
                   float* log_sum);
// Adds to grad_k and grad_v; overwrites grad_q.
void short_backward(const ShortHead& head, Scratch<float> scratch, const Rows<const float>& grad_y,
                    const Rows<const float>& y, const float* largest, const float* log_sum,
                    const float* grad_lse, const Rows<float>& grad_q, const Rows<float>& grad_k,
                    const Rows<float>& grad_v);

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_ATTENTION_SHORT_H_
