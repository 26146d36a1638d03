#include "nn/block.h"

#include "autograd/checkpoint.h"
#include "nn/parallel/sharded_parameters.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/elementwise.h"

namespace roux {

Block::Block(const TransformerConfig& config, int64_t layer, const Init& init, const MakeMixer& make_mixer)
    : residual_(config.residual), layer_(layer), dropout_(config.dropout.hidden) {
  const auto norm = [&] {
    return std::make_unique<Norm>(config.norm, config.hidden_size, config.norm_eps, init);
  };
  const bool reordered = residual_ == Residual::kReorderedNorm;
  if (make_mixer) mixer_ = make_mixer(layer);
  if (mixer_ == nullptr) {
    auto attention = std::make_unique<Attention>(config, layer, init);
    attention_ = attention.get();
    mixer_ = std::move(attention);
  }
  if (config.cross_attention) {
    cross_ = std::make_unique<CrossAttention>(config, layer, init);
    cross_norm_ = norm();
  }
  if (config.has_experts(layer)) {
    moe_ = std::make_unique<MixtureOfExperts>(config, layer, init);
  } else {
    mlp_ = std::make_unique<Mlp>(config, layer, config.intermediate_size, init);
  }
  register_module(attention_ != nullptr ? "self_attn" : "mixer", *mixer_);
  if (cross_) {
    register_module("cross_attn", *cross_);
    register_module("cross_attn_layernorm", *cross_norm_);
  }
  register_module("mlp", moe_ ? static_cast<Module&>(*moe_) : *mlp_);
  if (!reordered) {
    norm_1_ = norm();
    register_module("input_layernorm", *norm_1_);
  }
  if (!reordered && residual_ != Residual::kParallelOneNorm) {
    norm_2_ = norm();
    register_module("post_attention_layernorm", *norm_2_);
  }
  if (reordered || residual_ == Residual::kSandwich) {
    mixer_norm_ = norm(), mlp_norm_ = norm();
    register_module("mixer_norm", *mixer_norm_);
    register_module("mlp_norm", *mlp_norm_);
  }
}

Tensor Block::forward(const Tensor& x, const Pass& pass) const {
  const Tensor input = mixer_input(x, pass);
  return finish(x, input, (*mixer_)(input, pass), pass);
}

Tensor Block::after_mixer(const Tensor& x, const Tensor& mixed, const Pass& pass) const {
  gather_if_sharded(*this);
  return finish(x, residual_ == Residual::kParallelOneNorm ? mixer_input(x, pass) : Tensor(), mixed, pass);
}

Tensor Block::mixer_input(const Tensor& x, const Pass& pass) const {
  gather_if_sharded(*this);
  const bool as_it_is = residual_ == Residual::kPostNorm || residual_ == Residual::kReorderedNorm;
  return pass.taps(Site::kMixerInput, layer_, as_it_is ? x : (*norm_1_)(x));
}

// A: the mixer, C: cross-attention, M: the MLP or experts, N1, Nc and N2: the norms.
Tensor Block::finish(const Tensor& x, const Tensor& input, const Tensor& mixed, const Pass& pass) const {
  const auto dropped = [&](const Tensor& t) { return dropout_in_training(t, dropout_, training(), pass); };
  const auto tap = [&](Site site, const Tensor& t) { return pass.taps(site, layer_, t); };
  const auto mlp = [&](const Tensor& t) {
    const Tensor in = tap(Site::kFeedForwardInput, t);
    return moe_ ? (*moe_)(in, pass) : (*mlp_)(in, pass);
  };
  const auto cross = [&](const Tensor& t) {
    return tap(Site::kCross, dropped((*cross_)(tap(Site::kCrossInput, t), pass)));
  };
  const auto add_mixed = [&](const Tensor& t) { return x + tap(Site::kMixer, dropped(t)); };
  const auto add_mlp = [&](const Tensor& h, const Tensor& t) {
    return h + tap(Site::kFeedForward, dropped(t));
  };

  Tensor h, y;
  switch (residual_) {
    case Residual::kPreNorm:  // h = x + A(N1 x), [h += C(Nc h),] y = h + M(N2 h)
      h = add_mixed(mixed);
      if (cross_) h = h + cross((*cross_norm_)(h));
      h = tap(Site::kMiddle, h);
      y = add_mlp(h, mlp((*norm_2_)(h)));
      break;
    case Residual::kPostNorm:  // h = N1(x + A x), [h = Nc(h + C h),] y = N2(h + M h)
      h = (*norm_1_)(add_mixed(mixed));
      if (cross_) h = (*cross_norm_)(h + cross(h));
      h = tap(Site::kMiddle, h);
      y = (*norm_2_)(add_mlp(h, mlp(h)));
      break;
    case Residual::kParallel:  // y = x + A(N1 x) + M(N2 x)
      y = add_mlp(add_mixed(mixed), mlp((*norm_2_)(x)));
      break;
    case Residual::kParallelOneNorm:  // y = x + A(N1 x) + M(N1 x)
      y = add_mlp(add_mixed(mixed), mlp(input));
      break;
    case Residual::kSandwich:  // h = x + N1'(A(N1 x)), y = h + N2'(M(N2 h))
      h = tap(Site::kMiddle, add_mixed((*mixer_norm_)(mixed)));
      y = add_mlp(h, (*mlp_norm_)(mlp((*norm_2_)(h))));
      break;
    case Residual::kReorderedNorm:  // h = x + N1'(A x), y = h + N2'(M h)
      h = tap(Site::kMiddle, add_mixed((*mixer_norm_)(mixed)));
      y = add_mlp(h, (*mlp_norm_)(mlp(h)));
      break;
  }
  return tap(Site::kBlock, y);
}

std::string Block::pretty_print() const {
  static constexpr const char* kNames[] = {"pre-norm",           "post-norm",      "parallel",
                                           "parallel, one norm", "sandwich norms", "reordered norms"};
  return std::string("Block, ") + kNames[static_cast<int>(residual_)];
}

Tensor run_layer(bool checkpointed, const std::function<Tensor(const Tensor&)>& layer, const Tensor& x,
                 Generator* generator) {
  if (!(checkpointed || parameters_are_sharded()) || !grad_mode_enabled()) return layer(x);
  std::vector<Generator*> generators;
  if (generator != nullptr) generators.push_back(generator);
  return checkpoint([layer](const std::vector<Tensor>& in) { return layer(in[0]); }, {x}, generators);
}

}  // namespace roux
