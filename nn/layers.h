// The layers that language models are made of. Shapes: B batch, T tokens, D hidden size. Weights are kept in
// Init::dtype (f32 masters) and cast to the dtype of the input where they are used, visibly, by the layer's
// forward.
#ifndef ROUX_NN_LAYERS_H_
#define ROUX_NN_LAYERS_H_

#include <memory>
#include <string>

#include "nn/module.h"

namespace roux {

// y = x W^T + b. weight: [out, in]; x: [..., in].
class Linear final : public ModuleOf<Linear> {
 public:
  Linear(int64_t in, int64_t out, bool bias, const Init& init);
  Tensor forward(const Tensor& x) const;
  std::string pretty_print() const override;
  const Tensor& weight() const { return weight_; }

 private:
  Tensor weight_, bias_;
};

// GPT-2's linear layer, as its checkpoints store it: y = x W + b with weight: [in, out].
class Conv1D final : public ModuleOf<Conv1D> {
 public:
  Conv1D(int64_t in, int64_t out, const Init& init);
  Tensor forward(const Tensor& x) const;
  std::string pretty_print() const override;

 private:
  Tensor weight_, bias_;
};

// Rows of weight: [V, D] for ids: [...] i32 or i64. Returns [..., D] in the dtype of weight.
class Embedding final : public ModuleOf<Embedding> {
 public:
  Embedding(int64_t vocabulary, int64_t dimension, const Init& init);
  Tensor forward(const Tensor& ids) const;
  std::string pretty_print() const override;
  const Tensor& weight() const { return weight_; }

 private:
  Tensor weight_;
};

class LayerNorm final : public ModuleOf<LayerNorm> {
 public:
  LayerNorm(int64_t dimension, double eps, const Init& init);
  Tensor forward(const Tensor& x) const;
  std::string pretty_print() const override;

 private:
  Tensor weight_, bias_;
  double eps_;
};

class RMSNorm final : public ModuleOf<RMSNorm> {
 public:
  RMSNorm(int64_t dimension, double eps, const Init& init);
  Tensor forward(const Tensor& x) const;
  std::string pretty_print() const override;

 private:
  Tensor weight_;
  double eps_;
};

// Keys and values of the tokens seen so far, for one attention layer. Starts empty; forward appends.
struct KVCache {
  Tensor k, v;  // [B, kv_heads, seen, head_dim]
  int64_t length() const { return k.defined() ? k.shape()[2] : 0; }
};

}  // namespace roux

#endif  // ROUX_NN_LAYERS_H_
