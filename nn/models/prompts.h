// Prompts that are trained in front of a frozen model: vectors in the place of embeddings, or keys and values
// of each layer.
//
//   freeze(model, {"*"});
//   SoftPrompt prompt(model.embed(words));                              // [P, D], or drawn: 20 x D
//   const Tensor hidden = prompt.behind(model.hidden(prompt.prepend(model, {.ids = ids, .lengths = lengths})));
//   backward(model.losses(hidden, targets, {}));
//
//   PrefixTuning prefix(model.config(), {.tokens = 10}, Init{&generator});
//   backward(model.loss_sum({.ids = ids, .prefix = prefix()}, targets));
#ifndef ROUX_NN_MODELS_PROMPTS_H_
#define ROUX_NN_MODELS_PROMPTS_H_

#include <memory>
#include <optional>
#include <string>

#include "nn/models/language_model.h"
#include "nn/transformer_config.h"

namespace roux {

// P vectors that every row sees before its tokens.                                     [Lester et al. 2021]
class SoftPrompt final : public ModuleOf<SoftPrompt> {
 public:
  SoftPrompt(int64_t tokens, int64_t hidden_size, const Init& init);
  // Starts as a copy of embeddings: [P, D] or [1, P, D], as model.embed() makes them.
  explicit SoftPrompt(const Tensor& embeddings);

  Tensor forward() const { return weight_; }  // [P, D]
  int64_t tokens() const { return weight_.size(0); }
  // `in` with the prompt in front of each row: embeddings [B, P + T, D] in the place of ids, and P more in
  // lengths and bidirectional (so what was seen both ways still is, and sees the prompt too). For the source
  // of an encoder-decoder likewise, before encode(). Throws Error where `in` has a cache that is not empty,
  // documents, positions, a mask, a bias or first_layer, which would have to say what they mean for the
  // prompt.
  LmInput prepend(const LanguageModel& model, const LmInput& in) const;
  // x: [B, P + T, ...] -> [B, T, ...], without what belongs to the prompt.
  Tensor behind(const Tensor& x) const;
  std::string pretty_print() const override;

 private:
  Tensor weight_;
};

struct PrefixTuningOptions {
  int64_t tokens = 20;
  // Units of an MLP with tanh that makes the keys and values from one vector a token, which trains more
  // steadily; afterwards its result is all that is needed. Without: they are the parameters.
  std::optional<int64_t> mlp_width = {};
};

// LmInput::prefix, trained: P keys and values of every layer, one for all rows; keys are not rotated. The
// embedding has the layout of PEFT's prefix encoder.                                   [Li and Liang 2021]
class PrefixTuning final : public ModuleOf<PrefixTuning> {
 public:
  // c: of the model; of an encoder-decoder its decoder's.
  PrefixTuning(const TransformerConfig& c, const PrefixTuningOptions& options, const Init& init);
  KeyValues forward() const;  // in the model's compute_dtype
  std::string pretty_print() const override;

 private:
  int64_t layers_, kv_heads_, head_dim_, tokens_;
  DType dtype_;
  Embedding embedding_;                        // [P, 2 layers G d], or with an MLP [P, G d]
  std::unique_ptr<ModuleList<Linear>> dense_;  // of the MLP
};

}  // namespace roux

#endif  // ROUX_NN_MODELS_PROMPTS_H_
