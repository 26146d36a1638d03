// One block of a Transformer: a mixer and a feed-forward part on the residual stream.
#ifndef ROUX_NN_BLOCK_H_
#define ROUX_NN_BLOCK_H_

#include <functional>
#include <memory>
#include <string>

#include "nn/attention.h"
#include "nn/cross_attention.h"
#include "nn/mlp.h"
#include "nn/moe.h"

namespace roux {

using MakeMixer = std::function<std::unique_ptr<Mixer>(int64_t layer)>;  // where it returns null: attention

class Block final : public ModuleOf<Block> {
 public:
  Block(const TransformerConfig& config, int64_t layer, const Init& init, const MakeMixer& make_mixer = {});

  // x: [B, T, D], the residual stream.
  Tensor forward(const Tensor& x, const Pass& pass) const;
  // forward in two steps, for streams that a caller mixes itself: what the mixer reads, and the rest, where
  // `mixed` is what the mixer made of that.
  Tensor mixer_input(const Tensor& x, const Pass& pass) const;
  Tensor after_mixer(const Tensor& x, const Tensor& mixed, const Pass& pass) const;

  const Mixer& mixer() const { return *mixer_; }
  const Attention* attention() const { return attention_; }  // the mixer, where it is attention; else null
  const CrossAttention* cross_attention() const { return cross_.get(); }  // null without
  std::string pretty_print() const override;

 private:
  Tensor finish(const Tensor& x, const Tensor& input, const Tensor& mixed, const Pass& pass) const;

  Residual residual_;
  int64_t layer_;
  double dropout_;
  std::unique_ptr<Norm> norm_1_, norm_2_;        // none in kReorderedNorm, one in kParallelOneNorm
  std::unique_ptr<Norm> mixer_norm_, mlp_norm_;  // of what the parts add; kSandwich and kReorderedNorm
  std::unique_ptr<Mixer> mixer_;
  Attention* attention_ = nullptr;
  std::unique_ptr<CrossAttention> cross_;
  std::unique_ptr<Norm> cross_norm_;
  std::unique_ptr<Mlp> mlp_;  // or
  std::unique_ptr<MixtureOfExperts> moe_;
};

// layer(x), or with `checkpointed`, and where blocks are gathered (nn/parallel/sharded_parameters.h), the
// same while only x is kept: the layer runs again in backward. No effect when nothing is recorded. The layer
// and what it refers to must live until backward.
Tensor run_layer(bool checkpointed, const std::function<Tensor(const Tensor&)>& layer, const Tensor& x,
                 Generator* generator = nullptr);

}  // namespace roux

#endif  // ROUX_NN_BLOCK_H_
