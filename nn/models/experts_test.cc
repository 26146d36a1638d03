// Mixtures of experts against dense formulas and transformers; logits and gradients of a whole model are in
// pretrained_test.cc.
#include <gtest/gtest.h>

#include <algorithm>

#include "autograd/autograd.h"
#include "autograd/gradcheck.h"
#include "nn/models/model_test_util.h"
#include "nn/models/pretrained.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/io/safetensors.h"
#include "tensor/ops/activation.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/order.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

using testing::relative_difference;
using testing::same_bits;
using testing::some_ids;
using testing::tiny_llama;

constexpr const char* kFolder = "tests/golden/language_models/qwen2_moe";

Tensor named(const NamedTensors& list, const std::string& name) {
  for (const auto& [key, value] : list) {
    if (key == name) return value;
  }
  ADD_FAILURE() << name << " is missing";
  return zeros({1});
}

TransformerConfig with_experts(MoeConfig moe, DType dtype = kF64) {
  TransformerConfig c = tiny_llama(dtype);
  c.moe = std::move(moe);
  return c;
}

// All experts for all tokens, and a mask of the chosen in the place of dispatch.
TEST(MixtureOfExperts, EqualsTheDenseFormula) {
  const MoeConfig cases[] = {{.experts = 5, .per_token = 2, .width = 6},
                             {.experts = 5, .per_token = 3, .width = 6, .renormalise = true, .scale = 2.5},
                             {.experts = 4, .per_token = 1, .width = 3, .shared_width = 7},
                             {.experts = 3,
                              .per_token = 3,
                              .width = 4,
                              .shared_width = 5,
                              .shared_gate = true,
                              .renormalise = true}};
  for (const MoeConfig& moe : cases) {
    for (const Activation activation : {Activation::kSwiglu, Activation::kRelu}) {
      TransformerConfig config = with_experts(moe);
      config.activation = activation;
      config.mlp_bias = activation == Activation::kRelu;
      Generator generator(1);
      const MixtureOfExperts layer(config, 0, {&generator, 0.5, kF64});
      for (Tensor p : layer.parameters()) {  // biases too
        NoGradGuard no_grad;
        copy_(p, normal(p.shape(), 0, 0.5, generator, kF64));
      }
      const NamedTensors weights = layer.named_parameters();
      const auto mlp = [&](const std::string& path, const Tensor& t) {
        const auto projected = [&](const std::string& name, const Tensor& in) {
          const Tensor bias = config.mlp_bias ? named(weights, path + name + ".bias") : Tensor();
          return linear(in, named(weights, path + name + ".weight"), bias);
        };
        const Tensor units = activation == Activation::kRelu
                                 ? relu(projected(".up_proj", t))
                                 : silu(projected(".gate_proj", t)) * projected(".up_proj", t);
        return projected(".down_proj", units);
      };
      const Tensor x = normal({2, 7, 16}, 0, 1, generator, kF64);
      const Tensor p = softmax(linear(x, named(weights, "gate.weight")), -1);
      const Tensor least = slice(sort(p, -1, true).values, -1, moe.per_token - 1, moe.per_token);
      Tensor w = p * cast(ge(p, least), kF64);
      if (moe.renormalise) w = w / sum(w, -1, true);
      Tensor expected = zeros({2, 7, 16}, kF64);
      for (int64_t e = 0; e < moe.experts; ++e)
        expected = expected + slice(w, -1, e, e + 1) * mlp("experts." + std::to_string(e), x) * moe.scale;
      if (moe.shared_width > 0) {
        const Tensor shared = mlp("shared_expert", x);
        expected = expected + (moe.shared_gate
                                   ? sigmoid(linear(x, named(weights, "shared_expert_gate.weight"))) * shared
                                   : shared);
      }
      const Tensor y = layer(x, Pass());
      EXPECT_LT(relative_difference(y, expected), 1e-12) << layer.pretty_print();
      const std::vector<Tensor> ours = grad({sum(y * y)}, layer.parameters()),
                                theirs = grad({sum(expected * expected)}, layer.parameters());
      for (size_t i = 0; i < ours.size(); ++i)
        EXPECT_LT(relative_difference(ours[i], theirs[i]), 1e-11) << weights[i].first;
      NoGradGuard no_grad;
      EXPECT_TRUE(same_bits(layer(x, Pass()), y));
      EXPECT_EQ(layer(zeros({0, 7, 16}, kF64), Pass()).shape(), (Shape{0, 7, 16}));
    }
  }
}

TEST(MixtureOfExperts, HasDerivativesOfAnyOrder) {
  Generator generator(2);
  const MixtureOfExperts layer(
      with_experts({.experts = 4, .per_token = 2, .width = 5, .renormalise = true, .scale = 2}), 0,
      {&generator, 0.5, kF64});
  Tensor x = normal({1, 5, 16}, 0, 1, generator, kF64);
  x.set_requires_grad(true);
  const TensorsFunction f = [&](const std::vector<Tensor>& in) {
    return std::vector<Tensor>{layer(in[0], Pass())};
  };
  EXPECT_TRUE(gradcheck(f, {x}).ok()) << gradcheck(f, {x});
  EXPECT_TRUE(gradgradcheck(f, {x}).ok()) << gradgradcheck(f, {x});
}

// Which parameters have gradients does not depend on the tokens.
TEST(MixtureOfExperts, ExpertsWithoutTokensGetZeroGradients) {
  Generator generator(3);
  const MixtureOfExperts layer(with_experts({.experts = 16, .per_token = 2, .width = 4}), 0,
                               {&generator, 0.5, kF64});
  backward(sum(layer(normal({1, 2, 16}, 0, 1, generator, kF64), Pass())));
  int idle = 0;
  for (const auto& [name, p] : layer.named_parameters()) {
    ASSERT_TRUE(p.grad().defined()) << name;
    idle += name.find("up_proj") != std::string::npos && amax(abs(p.grad())).item() == 0;
  }
  EXPECT_GE(idle, 12);
  EXPECT_LT(idle, 16);
}

// Its value, and through a tap its gradient, with checkpointing as without.
TEST(LoadBalanceLoss, EqualsTransformers) {
  const auto golden = load_safetensors(std::string(kFolder) + "/golden.safetensors");
  ASSERT_TRUE(golden.ok()) << golden.status();
  for (const bool checkpointing : {false, true}) {
    const auto model = load_pretrained<Transformer>(
        kFolder, {.dtype = kF64, .compute_dtype = kF64, .gradient_checkpointing = checkpointing});
    ASSERT_TRUE(model.ok()) << model.status();
    std::vector<Tensor> routing;
    const Tensor targets = named(*golden, "targets");
    (*model)->hidden({.ids = named(*golden, "ids"), .taps = Taps().read(Site::kRouter, &routing)});
    ASSERT_EQ(routing.size(), 2u);
    EXPECT_FALSE(routing[0].defined());  // a dense layer
    EXPECT_EQ(routing[1].shape(), (Shape{18, 4}));
    const Tensor loss = load_balance_loss(routing, 2);
    EXPECT_NEAR(loss.item() / named(*golden, "balance").item(), 1, 1e-12);
    EXPECT_NEAR(
        load_balance_loss(routing, 2, ge(targets, 0)).item() / named(*golden, "balance_of_targets").item(), 1,
        1e-12);
    backward(loss);
    for (const auto& [name, p] : (*model)->named_parameters()) {
      if (name != "model.embed_tokens.weight" && name != "model.layers.1.mlp.gate.weight") continue;
      EXPECT_LT(relative_difference(p.grad(), named(*golden, "balance_grad." + name)), 1e-10) << name;
    }
  }
}

TEST(LoadBalanceLoss, IsLeastWhereLoadsAreEqual) {
  // Four tokens, each with another best expert; the second best is the next one.
  const Tensor p =
      tensor(std::vector<double>{.4, .3, .2, .1, .1, .4, .3, .2, .2, .1, .4, .3, .3, .2, .1, .4}, {4, 4});
  EXPECT_NEAR(load_balance_loss({p}, 1).item(), 1, 1e-14);
  EXPECT_NEAR(load_balance_loss({p}, 2).item(), 2, 1e-14);
  // All tokens like the first: f = (1, 0, 0, 0), P its probabilities. Layers count together.
  const Tensor first = index_select(p, 0, zeros({4}, kI64));
  EXPECT_NEAR(load_balance_loss({first}, 1).item(), 4 * 0.4, 1e-14);
  EXPECT_NEAR(load_balance_loss({first, Tensor(), p}, 1).item(),
              4 * (5.0 / 8 * (0.4 + 0.25) / 2 + 1.0 / 8 * (0.6 + 0.75) / 2), 1e-14);
  EXPECT_EQ(error_of([&] { load_balance_loss({p}, 5); }),
            "load_balance_loss: per_token is 5, there are 4 experts");
  EXPECT_EQ(error_of([&] { load_balance_loss({p}, 1, ones({3})); }),
            "load_balance_loss: mask is f32[3], needed one element for each row of f64[4,4]");
  EXPECT_EQ(error_of([&] { load_balance_loss({Tensor()}, 1); }),
            "load_balance_loss: no layer has routing probabilities");
  EXPECT_EQ(error_of([&] {
              load_balance_loss({p, ones({4, 3}, kF64)}, 1);
            }),
            "load_balance_loss: probabilities is f64[4,3], needed floating [N, 4]");
}

TEST(MixtureOfExperts, DecodesChecksAndIsTapped) {
  const TransformerConfig config =
      with_experts({.experts = 4, .per_token = 2, .width = 6, .shared_width = 5, .dense_layers = {0}});
  Generator generator(4);
  const Transformer model(config, {&generator, 0.3, kF64});
  const Tensor ids = some_ids(2, 9);
  std::vector<std::vector<double>> gradients[2];
  for (const bool checkpointing : {false, true}) {
    TransformerConfig c = config;
    c.gradient_checkpointing = checkpointing;
    Generator same(5);
    const Transformer m(c, {&same, 0.3, kF64});
    backward(m.loss_sum(ids, ids));
    for (const Tensor& p : m.parameters()) gradients[checkpointing].push_back(p.grad().to_vector<double>());
  }
  EXPECT_EQ(gradients[0], gradients[1]);

  NoGradGuard no_grad;
  Tensor probabilities;
  const Tensor logits = model.logits({.ids = ids, .taps = Taps().read(Site::kRouter, 1, &probabilities)});
  EXPECT_EQ(probabilities.shape(), (Shape{18, 4}));
  EXPECT_LT(relative_difference(sum(probabilities, 1), ones({18}, kF64)), 1e-12);
  KVCache cache = model.make_cache(2, 9);
  model.logits({.ids = ids.slice(1, 0, 5), .cache = &cache});
  for (int64_t t = 5; t < 9; ++t) {
    EXPECT_LT(relative_difference(model.logits({.ids = ids.slice(1, t, t + 1), .cache = &cache}),
                                  logits.slice(1, t, t + 1)),
              1e-11);
  }
  // An edit decides who is asked: all to experts 2 and 3.
  const Taps edited = Taps().edit(Site::kRouter, 1, [](const Tensor& p) {
    return p * tensor(std::vector<double>{0, 0, 1, 1}, {1, 4});
  });
  EXPECT_GT(relative_difference(model.logits({.ids = ids, .taps = edited}), logits), 1e-3);
  Tensor x;
  const auto refusal = [&](const Taps& taps) {
    return error_of([&] { model.logits({.ids = ids, .taps = taps}); });
  };
  EXPECT_NE(refusal(Taps().read(Site::kRouter, 0, &x))
                .find("taps: layer 0 is not one that has experts, for kRouter"),
            std::string::npos);
  EXPECT_NE(
      refusal(Taps().read(Site::kUnits, 1, &x)).find("taps: layer 1 has experts in the place of kUnits"),
      std::string::npos);
  EXPECT_EQ(refusal(Taps().read(Site::kUnits, 0, &x)), "no error");
}

// The router decides in f32.
TEST(MixtureOfExperts, ComputesInBf16) {
  const MoeConfig moe{.experts = 4, .per_token = 2, .width = 6, .renormalise = true};
  Generator generator(6);
  const Transformer model(with_experts(moe, kF32), {&generator, 0.3});
  Transformer narrow(with_experts(moe, kBF16), {&generator, 0.3});
  ASSERT_TRUE(narrow.load_state_dict(model.state_dict()).ok());
  std::vector<Tensor> routing;
  const Tensor ids = some_ids(2, 9);
  const Tensor logits = narrow.logits({.ids = ids, .taps = Taps().read(Site::kRouter, &routing)});
  EXPECT_EQ(routing[0].dtype(), kF32);
  EXPECT_EQ(logits.dtype(), kBF16);
  EXPECT_LT(relative_difference(logits, model.logits(ids)), 0.1);
}

TEST(MixtureOfExperts, RefusesSizesThatDoNotFit) {
  const auto refusal = [](const MoeConfig& moe) { return error_of([&] { with_experts(moe).check(); }); };
  EXPECT_EQ(refusal({.experts = 4, .per_token = 5, .width = 2}),
            "transformer: moe.per_token is 5, needed 1 to moe.experts, 4");
  EXPECT_EQ(refusal({.experts = 4, .per_token = 1}), "transformer: moe.width is 0, needed at least 1");
  EXPECT_EQ(refusal({.experts = 4, .per_token = 1, .width = 2, .shared_gate = true}),
            "transformer: moe.shared_gate needs moe.shared_width above 0");
  EXPECT_EQ(refusal({.experts = 4, .per_token = 1, .width = 2, .dense_layers = {1, 0}}),
            "transformer: moe.dense_layers has 0 behind 1, needed ascending layers of 2");
}

}  // namespace
}  // namespace roux
