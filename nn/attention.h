// What the attention layers of different models share.
#ifndef ROUX_NN_ATTENTION_H_
#define ROUX_NN_ATTENTION_H_

#include "nn/layers.h"

namespace roux {

// [B, T, heads * d] -> [B, heads, T, d] (a view) and back (a copy).
Tensor split_heads(const Tensor& x, int64_t heads);
Tensor merge_heads(const Tensor& x);

// Causal attention of q: [B, H, T, d] to what the cache holds followed by k, v: [B, H_kv, T, d]. Appends k
// and v to the cache; without one it is plain causal self-attention. Returns [B, H, T, d].
Tensor causal_attention(const Tensor& q, const Tensor& k, const Tensor& v, KVCache* cache);

}  // namespace roux

#endif  // ROUX_NN_ATTENTION_H_
