// The feed-forward part of a block.
#ifndef ROUX_NN_MLP_H_
#define ROUX_NN_MLP_H_

#include <memory>
#include <string>

#include "nn/layers.h"
#include "nn/pass.h"
#include "nn/transformer_config.h"

namespace roux {

// down(f(up x)), or with a gate down(f(gate x) * up x).
class Mlp final : public ModuleOf<Mlp> {
 public:
  Mlp(const TransformerConfig& config, int64_t layer, int64_t width, const Init& init);  // width: F
  Tensor forward(const Tensor& x, const Pass& pass) const;  // [B, T, D] -> [B, T, D]
  std::string pretty_print() const override;

  std::unique_ptr<Linear> gate_proj;  // none without a gate
  Linear up_proj, down_proj;

 private:
  Activation activation_;
  int64_t layer_;
  double dropout_;
};

}  // namespace roux

#endif  // ROUX_NN_MLP_H_
