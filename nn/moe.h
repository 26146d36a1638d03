// A mixture of experts in the place of a block's MLP, and the loss that keeps its experts busy.
#ifndef ROUX_NN_MOE_H_
#define ROUX_NN_MOE_H_

#include <memory>
#include <string>

#include "absl/types/span.h"
#include "nn/mlp.h"

namespace roux {

// y = scale sum_{e in top k of p} w_e E_e(x) + s S(x), with p = softmax(gate x) and w = p, or renormalised
// w = p / sum of the top k; E_e: MLPs of MoeConfig::width units; S: one of shared_width that sees every
// token, s = sigmoid(shared_expert_gate x) or 1.   [Fedus et al. 2021; Dai et al. 2024, DeepSeekMoE;
// Qwen1.5-MoE] The softmax is computed in f32 (f64 in f64). Of equal probabilities the lower expert is
// chosen. No token is dropped. The rows of an expert are one product, so how many tokens chose it is waited
// for; on meta all experts get the same number. An expert that no token chose gets a gradient of zeros.
class MixtureOfExperts final : public ModuleOf<MixtureOfExperts> {
 public:
  MixtureOfExperts(const TransformerConfig& config, int64_t layer, const Init& init);  // needs config.moe
  Tensor forward(const Tensor& x, const Pass& pass) const;                             // [..., D] -> [..., D]
  std::string pretty_print() const override;

 private:
  Tensor routed(const Tensor& rows, const Tensor& probabilities, const Pass& experts) const;

  MoeConfig moe_;
  int64_t layer_;
  Linear gate_;  // [E, D]
  ModuleList<Mlp> experts_;
  std::unique_ptr<Mlp> shared_expert_;          // where shared_width > 0
  std::unique_ptr<Linear> shared_expert_gate_;  // where shared_gate
};

// E sum_e f_e P_e: f_e is the number of tokens that have expert e among their top `per_token`, P_e the sum of
// its probabilities, both divided by the number of tokens; tokens of all layers are counted together. At
// least per_token where the load is equal; the gradient is that of P.   [Fedus et al. 2021, equations 4 to 6]
//
//   std::vector<Tensor> routing;
//   const Tensor loss = model.loss_sum({.ids = ids, .taps = Taps().read(Site::kRouter, &routing)}, targets);
//   backward(loss / count + 0.001 * load_balance_loss(routing, config.moe->per_token));
//
// probabilities: [N, E] of each layer, floating, of one dtype; undefined ones (layers without experts) are
// passed over. mask: bool or numeric with N elements, not 0 for the tokens that count. Returns a scalar.
// Throws Error when there is no layer, when shapes do not fit, or unless 1 <= per_token <= E.
Tensor load_balance_loss(absl::Span<const Tensor> probabilities, int64_t per_token, const Tensor& mask = {});

}  // namespace roux

#endif  // ROUX_NN_MOE_H_
