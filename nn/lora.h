// Low-rank adapters of Linear layers: LoRA [Hu et al. 2021], DoRA [Liu et al. 2024]. The values are those of
// PEFT, whose files nn/models/peft.h reads and writes.
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
#include <string>
#include <utility>
#include <vector>

#include "nn/module.h"
#include "nn/patterns.h"

namespace roux {

class Linear;

struct LoraOptions {
  int64_t r = 8;
  double alpha = 16;
  double dropout = 0;            // of the adapter's input, in training mode
  bool rank_stabilised = false;  // s = alpha / sqrt(r)                           [Kalajdzievski 2023]
  bool dora = false;
  Patterns targets = {"*_proj"};  // paths of Linear layers, "model.layers.3.self_attn.q_proj"
  std::string name = "default";

  double scale() const;  // s: alpha / r, or as rank_stabilised says
};

// The values of a floating weight, or of one of blocks, in this dtype.
Tensor weight_values(const Tensor& weight, DType dtype);

// What an adapter adds to y = x W^T, with W [out, in], lora_A [r, in] and lora_B [out, r]:
//
//   LoRA  s x A^T B^T
//   DoRA  (g - 1) y + g s x A^T B^T,  g = m / |W + s B A|
//
// m: lora_magnitude_vector [out]; |.|: the Euclidean norm of each row, a constant in backward, as in section
// 4.3 of the paper. With dropout x is the dropped one, in y too. Parameters are f32, f64 where W is.
class LoraAdapter final : public ModuleOf<LoraAdapter> {
 public:
  // Weights here and below are floating, or blocks.
  // A uniform in +-1 / sqrt(in) from the generator, B zero, m = |W|: nothing is added yet. Without a
  // generator, and on meta, A is zero.
  LoraAdapter(const LoraOptions& options, const Tensor& weight, Generator* generator);

  // x: [..., in]; y: [..., out], the product without a bias. Throws Error where there is dropout in training
  // mode but no generator.
  Tensor forward(const Tensor& x, const Tensor& y, const Tensor& weight, Generator* generator) const;
  // The weight that gives the same alone: W + s B A, or g (W + s B A). [out, in] of the adapter's dtype.
  Tensor merged(const Tensor& weight) const;
  const LoraOptions& options() const { return options_; }
  std::string pretty_print() const override;

 private:
  Tensor row_norms(const Tensor& weight) const;

  LoraOptions options_;
  Tensor lora_a_, lora_b_, magnitude_;  // magnitude: of DoRA alone
};

// The Linear layers below m, with their paths.
std::vector<std::pair<std::string, Linear*>> linears(const Module& m);

// An adapter <path>.<name> on each Linear below m whose path matches a target. Freezes all else in this tree,
// other adapters too; unfreeze() afterwards what shall train beside it. Returns how many. Throws Error, and
// changes nothing, for a target that matches none, a layer that has something of that name, r below 1, a
// dropout outside [0, 1).
int64_t attach_lora(Module& m, const LoraOptions& options, Generator& generator);

// Adapters like those of `from` on the Linear layers of the same paths, with values of 0: for take_weights()
// of nn/weights.h, which fills them.
void attach_lora_like(const Module& from, Module& to);

// These throw Error when no layer has an adapter of that name. Weights that merge_lora() changes are new
// tensors of m's own, of the old dtype: what shares the base does not see it. It throws Error, and changes
// nothing, for block-quantised weights, and where another adapter of the layer is a DoRA, which the norm of
// the weight is a part of: merge that one first.
void detach_lora(Module& m, const std::string& name = "default");
void merge_lora(Module& m, const std::string& name = "default");

}  // namespace roux

#endif  // ROUX_NN_LORA_H_
