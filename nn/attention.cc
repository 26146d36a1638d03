#include "nn/attention.h"

#include "autograd/checkpoint.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/attention.h"
#include "tensor/ops/elementwise.h"
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

Tensor causal_attention(const Tensor& q, const Tensor& k, const Tensor& v, KVCache* cache,
                        const Tensor& mask) {
  const AttentionOptions options{.rules = {.causal = true, .mask = mask}};
  if (cache == nullptr) return scaled_dot_product_attention(q, k, v, options);
  cache->k = cache->k.defined() ? cat({cache->k, k}, 2) : k;
  cache->v = cache->v.defined() ? cat({cache->v, v}, 2) : v;
  return scaled_dot_product_attention(q, cache->k, cache->v, options);
}

Tensor same_document_mask(const Tensor& document) {
  ROUX_CHECK(document.dim() == 2 && is_integer(document.dtype()))
      << "same_document_mask: document is " << document.spec() << ", needed integers [B, T]";
  return unsqueeze(eq(unsqueeze(document, 2), unsqueeze(document, 1)), 1);
}

Tensor run_layer(bool checkpointed, const std::function<Tensor(const Tensor&)>& layer, const Tensor& x,
                 Generator* generator) {
  if (!checkpointed || !grad_mode_enabled()) return layer(x);
  std::vector<Generator*> generators;
  if (generator != nullptr) generators.push_back(generator);
  return checkpoint([layer](const std::vector<Tensor>& in) { return layer(in[0]); }, {x}, generators);
}

}  // namespace roux
