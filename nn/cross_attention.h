// Attention of a decoder to an encoder's output.
#ifndef ROUX_NN_CROSS_ATTENTION_H_
#define ROUX_NN_CROSS_ATTENTION_H_

#include <string>
#include <utility>

#include "nn/layers.h"
#include "nn/pass.h"
#include "nn/transformer_config.h"

namespace roux {

// o(softmax(q k^T) v), q projected from x, k and v from the pass's memory, without positions. Where the
// memory has R rows for B rows of x, row b reads row b / (B / R).
class CrossAttention final : public ModuleOf<CrossAttention> {
 public:
  CrossAttention(const TransformerConfig& config, int64_t layer, const Init& init);
  Tensor forward(const Tensor& x, const Pass& pass) const;  // [B, T, D] -> [B, T, D]
  // Keys and values [R, G, S, d] of states [R, S, D]; forward reads those in pass.memory_keys, where given.
  std::pair<Tensor, Tensor> keys(const Tensor& states, Generator* adapter_dropout = nullptr) const;
  std::string pretty_print() const override;

  Linear q_proj, k_proj, v_proj, o_proj;

 private:
  int64_t layer_, heads_, kv_heads_;
  std::optional<double> scale_;
  double dropout_;
};

}  // namespace roux

#endif  // ROUX_NN_CROSS_ATTENTION_H_
