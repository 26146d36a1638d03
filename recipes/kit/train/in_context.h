// A decoder that reads numbers and gives numbers: in-context regression. GPT-2's blocks between a linear
// read-in and a linear head, with learned positions or none.
//
//   InContextRegressor model(config, /*dimension=*/2, /*outputs=*/1, config.init(generator, device));
//   const Tensor predicted = model(model.tokens(prompts));   // [B, T, 1]
#ifndef ROUX_RECIPES_KIT_TRAIN_IN_CONTEXT_H_
#define ROUX_RECIPES_KIT_TRAIN_IN_CONTEXT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "nn/layers.h"
#include "nn/models/transformer.h"
#include "recipes/kit/run/settings.h"
#include "recipes/kit/worlds/regression_prompts.h"
#include "tensor/generator.h"

namespace roux::kit {

// Sizes as settings of a recipe. `length`: the longest prompt in pairs, for which there are positions.
struct InContextConfig {
  int64_t layers = 2, hidden = 48, heads = 4, length = 24;
  double init_std = 0.14;  // about 1 / sqrt(hidden)
  bool positions = true;
  std::string format = "paired";

  template <class Visit>
  void visit(Visit&& visit) {
    visit("layers", layers, Range{1}), visit("hidden", hidden, Range{1}), visit("heads", heads, Range{1});
    visit("length", length, Range{1}), visit("init_std", init_std, Range{1e-6});
    visit("positions", positions);
    visit("format", format, Flag{"a token a pair, or x and y in turn", {"paired", "alternating"}});
  }
  absl::Status check() const;  // InvalidArgument unless heads divide hidden

  PromptFormat prompt_format() const;
  TransformerConfig transformer() const;
  Init init(Generator& generator, Device device) const { return {&generator, init_std, kF32, device}; }
};

class InContextRegressor final : public ModuleOf<InContextRegressor> {
 public:
  InContextRegressor(const InContextConfig& config, int64_t dimension, int64_t outputs, const Init& init);
  // prompt_tokens in its format and on its device: [B, T * tokens_per_pair, token_width].
  Tensor tokens(const RegressionPrompts& prompts) const;
  // Returns [B, T, outputs]: read where x_t was seen and y_t
  // was not.
  Tensor forward(const Tensor& tokens) const;
  std::string pretty_print() const override;

 private:
  PromptFormat format_;
  Linear read_in_;
  TransformerModel trunk_;
  Linear head_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TRAIN_IN_CONTEXT_H_
