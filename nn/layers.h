// The layers that language models are made of. Shapes: B batch, T tokens, D hidden size. Weights are kept in
// Init::dtype (f32 masters) and cast to the dtype of the input where they are used, visibly, by the layer's
// forward.
#ifndef ROUX_NN_LAYERS_H_
#define ROUX_NN_LAYERS_H_

#include <cstdint>
#include <string>

#include "nn/lora.h"
#include "nn/module.h"

namespace roux {

// y = x W^T + b, and what adapters (nn/lora.h) add. weight: [out, in] or the blocks of it (quantize() of
// nn/weights.h puts them into the slot: they get no gradient, ActivationsGuard says how x is read); x: [...,
// in].
class Linear final : public ModuleOf<Linear, AdaptedLayer> {
 public:
  Linear(int64_t in, int64_t out, bool bias, const Init& init);
  // The generator is that of the adapters' dropout.
  Tensor forward(const Tensor& x, Generator* adapter_dropout = nullptr) const;
  std::string pretty_print() const override;
  const Tensor& weight() const override { return weight_; }
  LoraPlace place() const override { return LoraPlace::kLinear; }

 private:
  Tensor weight_, bias_;
};

// Rows of weight: [V, D] for ids: [...] i32 or i64, and what adapters add to them. Returns [..., D] in the
// dtype of weight, f32 for blocks.
class Embedding final : public ModuleOf<Embedding, AdaptedLayer> {
 public:
  Embedding(int64_t vocabulary, int64_t dimension, const Init& init);
  Tensor forward(const Tensor& ids) const;
  std::string pretty_print() const override;
  const Tensor& weight() const override { return weight_; }
  LoraPlace place() const override { return LoraPlace::kEmbedding; }

 private:
  Tensor weight_;
};

enum class NormKind : uint8_t {
  kLayer,       // layer_norm with weight and bias
  kRms,         // rms_norm with weight
  kRmsPlusOne,  // rms_norm with 1 + weight, which starts at 0                                     [Gemma]
};

// Normalises the last axis: [..., dimension]. Formulas: tensor/ops/normalization.h.
class Norm final : public ModuleOf<Norm> {
 public:
  Norm(NormKind kind, int64_t dimension, double eps, const Init& init);
  Tensor forward(const Tensor& x) const;
  std::string pretty_print() const override;

 private:
  NormKind kind_;
  double eps_;
  Tensor weight_, bias_;
};

}  // namespace roux

#endif  // ROUX_NN_LAYERS_H_
