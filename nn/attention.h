// What the attention layers of different models share.
#ifndef ROUX_NN_ATTENTION_H_
#define ROUX_NN_ATTENTION_H_

#include <functional>

#include "nn/layers.h"

namespace roux {

// [B, T, heads * d] -> [B, heads, T, d] (a view) and back (a copy).
Tensor split_heads(const Tensor& x, int64_t heads);
Tensor merge_heads(const Tensor& x);

// Causal attention of q: [B, H, T, d] to what the cache holds followed by k, v: [B, H_kv, T, d]. Appends k
// and v to the cache; without one it is plain causal self-attention. `mask` as in
// AttentionRules. Returns [B, H, T, d].
Tensor causal_attention(const Tensor& q, const Tensor& k, const Tensor& v, KVCache* cache,
                        const Tensor& mask = {});

// The mask of rows that hold several documents: bool [B, 1, T, T], true where query and key belong to the
// same one. document: [B, T] i32 or i64, its number for each token.
Tensor same_document_mask(const Tensor& document);

// layer(x), or with `checkpointed` the same while only x is kept: the layer runs again in backward. No
// effect when nothing is recorded. The layer and what it refers to must live until backward.
Tensor run_layer(bool checkpointed, const std::function<Tensor(const Tensor&)>& layer, const Tensor& x,
                 Generator* generator = nullptr);

}  // namespace roux

#endif  // ROUX_NN_ATTENTION_H_
