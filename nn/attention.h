// Multi-head attention as a layer.
#ifndef ROUX_NN_ATTENTION_H_
#define ROUX_NN_ATTENTION_H_

#include <memory>
#include <optional>
#include <string>

#include "nn/layers.h"
#include "nn/pass.h"
#include "nn/transformer_config.h"

namespace roux {

// [B, T, heads * d] -> [B, heads, T, d] (a view) and back (a copy where x is not laid out as [B, T, heads,
// d]).
Tensor split_heads(const Tensor& x, int64_t heads);
Tensor merge_heads(const Tensor& x);

// How many of B rows read each of `shared` rows, a divisor of B: B / shared, and 1 where there are none of
// both.
bool divides(int64_t shared, int64_t rows);
int64_t readers(int64_t rows, int64_t shared);
// Rows that share keys, beside each other in one product: row b of B rows reads row b / (B / shared) of them.
// [B, H, T, ...] -> [shared, H, B / shared * T, ...] and back to B rows of T tokens.
Tensor stack_rows(const Tensor& x, int64_t shared);
Tensor unstack_rows(const Tensor& x, int64_t rows, int64_t tokens);

// The part of a block that moves information between tokens.
class Mixer : public ModuleOf<Mixer> {
 public:
  virtual Tensor forward(const Tensor& x, const Pass& pass) const = 0;  // [B, T, D] -> [B, T, D]
};

// o(softmax(q k^T) v) with q, k and v projected from x, H heads and G key-value heads that divide them.
class Attention final : public Mixer {
 public:
  Attention(const TransformerConfig& config, int64_t layer, const Init& init);
  Tensor forward(const Tensor& x, const Pass& pass) const override { return attend(x, x, pass); }
  // Keys and values from another sequence: x [B, T, D], source [B, S, D]. Rotary positions are the pass's for
  // both, so with them S is T.
  Tensor attend(const Tensor& x, const Tensor& source, const Pass& pass) const;
  std::string pretty_print() const override;

  Linear q_proj, k_proj, v_proj, o_proj;
  std::unique_ptr<Norm> q_norm, k_norm;  // where the config has them

 private:
  Tensor normed_heads(const Tensor& x, const Norm* norm, int64_t heads) const;
  Tensor smeared(const Tensor& k, const Pass& pass) const;
  AttentionOptions options(const Pass& pass) const;
  Tensor with_prefix(const Tensor& q, const Tensor& k, const Tensor& v, const Pass& pass) const;
  int64_t layer_, heads_, kv_heads_;
  QkNorm qk_norm_;
  std::optional<int64_t> window_;
  std::optional<double> scale_, softcap_;
  double dropout_;
  Tensor k_smear_;  // [G] or undefined
};

}  // namespace roux

#endif  // ROUX_NN_ATTENTION_H_
