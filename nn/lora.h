// Low-rank adapters of Linear layers, embeddings and output layers: LoRA [Hu et al. 2021], DoRA [Liu et al.
// 2024]. The values are those of PEFT, whose files nn/models/peft.h reads and writes.
//
//   Transformer student(base, Weights::kShared);     // the base stays the reference
//   attach_lora(student, {.r = 16, .alpha = 32, .targets = {"*.{q,v}_proj"}}, generator);
//   AdamW adam({{trainable(student)}}, {});          // the adapters alone
//
// The base may be block-quantised (quantize() of nn/weights.h): QLoRA [Dettmers et al. 2023].
//
// All adapters of a tree of modules add up, so nothing is switched on or off: another adapter on the same
// base is another tree, which costs no tensor memory, and an adapter that begins as a copy of another is
//
//   Transformer next(student, Weights::kShared);     // student's weights and adapters
//   own(next, {"*.lora_*"});                         // adapters of its own, which train
#ifndef ROUX_NN_LORA_H_
#define ROUX_NN_LORA_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nn/module.h"
#include "nn/patterns.h"

namespace roux {

struct LoraOptions {
  int64_t r = 8;
  double alpha = 16;
  double dropout = 0;            // of a Linear adapter's input, in training mode; no other adapter drops
  bool rank_stabilised = false;  // s = alpha / sqrt(r)                           [Kalajdzievski 2023]
  bool dora = false;
  Patterns targets = {"*_proj"};  // paths of Linear layers, "model.layers.3.self_attn.q_proj"
  Patterns embeddings = {};       // paths of embeddings and output layers: "model.embed_tokens", "lm_head"
  std::string name = "default";

  double scale() const;  // s: alpha / r, or as rank_stabilised says
};

// The values of a floating weight, or of one of blocks, in this dtype.
Tensor weight_values(const Tensor& weight, DType dtype);

// Where an adapter stands. The output layer of a language model is a Linear without dropout: what stands
// before it takes no generator. (PEFT drops there too; on embeddings it does not.)
enum class LoraPlace : uint8_t { kLinear, kEmbedding, kOutput };

// What an adapter adds to y = x W^T, with W [out, in], lora_A [r, in] and lora_B [out, r]:
//
//   LoRA  s x A^T B^T
//   DoRA  (g - 1) y + g s x A^T B^T,  g = m / |W + s B A|
//
// m: lora_magnitude_vector [out]; |.|: the Euclidean norm of each row, a constant in backward, as in section
// 4.3 of the paper. With dropout x is the dropped one, in y too. Parameters are f32, f64 where W is.
//
// An embedding E [V, D] is such a layer with W = E^T and rows of the identity as x: lora_embedding_A [r, V],
// lora_embedding_B [D, r], m [D], norms of E's columns.
class LoraAdapter final : public ModuleOf<LoraAdapter> {
 public:
  // Weights here and below are floating, or blocks.
  // A uniform in +-1 / sqrt(in) from the generator, B zero, m = |W|: nothing is added yet. Of an embedding A
  // is zero and B standard normal. Without a generator, and on meta, both are zero.
  LoraAdapter(const LoraOptions& options, LoraPlace place, const Tensor& weight, Generator* generator);

  // x: [..., in], of an embedding ids [...]; y: [..., out], what the layer makes of it without a bias. Throws
  // Error where there is dropout in training mode but no generator.
  Tensor forward(const Tensor& x, const Tensor& y, const Tensor& weight, Generator* generator) const;
  // What to add to the weight to get the same from it alone, in the adapter's dtype and the weight's shape:
  // s B A, or (g - 1) W + g s B A. Backward reaches A, B and m.
  Tensor weight_update(const Tensor& weight) const;
  const LoraOptions& options() const { return options_; }
  // Its tensors, under these names: "lora_A" and "lora_B", "lora_embedding_A" and "lora_embedding_B".
  const Tensor& a() const { return lora_a_; }
  const Tensor& b() const { return lora_b_; }
  const Tensor& magnitude() const { return magnitude_; }  // of DoRA alone
  const char* a_name() const { return place_ == LoraPlace::kEmbedding ? "lora_embedding_A" : "lora_A"; }
  const char* b_name() const { return place_ == LoraPlace::kEmbedding ? "lora_embedding_B" : "lora_B"; }
  std::string pretty_print() const override;

 private:
  Tensor product() const;  // s B A, of the weight's shape
  Tensor row_norms(const Tensor& weight) const;

  LoraOptions options_;
  LoraPlace place_;
  Tensor lora_a_, lora_b_, magnitude_;
};

// A layer that takes adapters.
class AdaptedLayer : public Module {
 public:
  virtual const Tensor& weight() const = 0;  // [out, in]; of an embedding [V, D]
  virtual LoraPlace place() const = 0;
  virtual const AdaptedLayer* tied_to() const { return nullptr; }  // the layer whose weight this one has

  const std::vector<std::unique_ptr<LoraAdapter>>& adapters() const { return adapters_; }
  const LoraAdapter* adapter(const std::string& name) const;  // or null
  // Throws Error for a name that is empty, has a dot or is taken.
  void check_adapter_name(const std::string& name) const { check_name(name); }
  void attach(const LoraOptions& options, Generator* generator);
  void detach(const std::string& name);

 protected:
  // y and what all adapters add to it; y: what the weight alone makes of x.
  Tensor with_adapters(const Tensor& x, const Tensor& y, Generator* dropout) const;
  // x W^T + b, and what adapters add. bias: [out] or undefined.
  Tensor adapted_linear(const Tensor& x, const Tensor& bias, Generator* dropout) const;

 private:
  std::vector<std::unique_ptr<LoraAdapter>> adapters_;
};

// The layers below m that take adapters, with their paths; the Linear layers among them.
std::vector<std::pair<std::string, AdaptedLayer*>> adapted_layers(const Module& m);
std::vector<std::pair<std::string, AdaptedLayer*>> linears(const Module& m);

// An adapter <path>.<name> on each Linear below m whose path matches a target, and each embedding or output
// layer whose path matches one of `embeddings`. Freezes all else in this tree, other adapters too; unfreeze()
// afterwards what shall train beside it. Returns how many. Throws Error, and changes nothing, for a pattern
// that matches none, a layer that has something of that name, r below 1, a dropout outside [0, 1).
int64_t attach_lora(Module& m, const LoraOptions& options, Generator& generator);

// Adapters like those of `from` on the layers of the same paths, with values of 0: for take_weights()
// of nn/weights.h, which fills them.
void attach_lora_like(const Module& from, Module& to);

// These throw Error when no layer has an adapter of that name. Weights that merge_lora() changes are new
// tensors of m's own, of the old dtype: what shares the base does not see it. It throws Error, and changes
// nothing, for block-quantised weights, where another adapter of the layer is a DoRA, which the norm of the
// weight is a part of (merge that one first), and for layers that share their weight: the other would change.
void detach_lora(Module& m, const std::string& name = "default");
void merge_lora(Module& m, const std::string& name = "default");

}  // namespace roux

#endif  // ROUX_NN_LORA_H_
