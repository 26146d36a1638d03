#include "nn/attention.h"

#include "tensor/ops/attention.h"
#include "tensor/ops/index.h"
#include "tensor/ops/view.h"

namespace roux {

Tensor split_heads(const Tensor& x, int64_t heads) {
  ROUX_CHECK(x.dim() == 3 && x.size(2) % heads == 0)
      << "split_heads: x is " << x.spec() << ", needed [B, T, D] with D a multiple of " << heads << " heads";
  return transpose(view(x, {x.size(0), x.size(1), heads, x.size(2) / heads}), 1, 2);
}

Tensor merge_heads(const Tensor& x) {
  return reshape(transpose(x, 1, 2), {x.size(0), x.size(2), x.size(1) * x.size(3)});
}

Tensor causal_attention(const Tensor& q, const Tensor& k, const Tensor& v, KVCache* cache) {
  if (cache == nullptr) return scaled_dot_product_attention(q, k, v, {.causal = true});
  cache->k = cache->k.defined() ? cat({cache->k, k}, 2) : k;
  cache->v = cache->v.defined() ? cat({cache->v, v}, 2) : v;
  return scaled_dot_product_attention(q, cache->k, cache->v, {.causal = true});
}

}  // namespace roux
