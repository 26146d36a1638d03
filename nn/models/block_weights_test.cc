// Language models whose weights are blocks: those of their values.
#include <gtest/gtest.h>

#include "autograd/autograd.h"
#include "nn/models/model_test_util.h"
#include "nn/models/transformer.h"
#include "nn/weights.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/block_linear.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/distillation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/loss.h"
#include "tensor/ops/quantize.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"

namespace roux {
namespace {

using testing::relative_difference;
using testing::some_ids;

// Tiny models of every kind whose rows are whole blocks.
std::vector<std::pair<std::string, TransformerConfig>> wide_configs() {
  auto configs = testing::tiny_configs();
  for (auto& [name, config] : configs) {
    config.hidden_size = 64;
    config.intermediate_size = 96;
    config.head_dim = 16;
  }
  return configs;
}

const Patterns kMatrices = {"*.{q,k,v,o,up,down}_proj.weight", "model.embed_tokens.weight"};

// The same model with the values of `from` in plain f32.
std::unique_ptr<Transformer> with_values(const Transformer& from) {
  Generator generator(9);
  auto plain = std::make_unique<Transformer>(from.config(), Init{&generator, 0.1});
  EXPECT_TRUE(load(*plain, from.state_dict()).ok());
  return plain;
}

TEST(BlockWeights, LogitsLossesAndGradientsAreThoseOfTheirValues) {
  for (const auto& [name, config] : wide_configs()) {
    Generator generator(3);
    Transformer model(config, {&generator, 0.1});
    EXPECT_GT(quantize(model, kMatrices, kQ4_1), 2 * 5) << name;
    const auto plain = with_values(model);
    const Tensor ids = some_ids(2, 9), targets = some_ids(2, 9);
    EXPECT_LT(relative_difference(model.logits(ids), plain->logits(ids)), 2e-5) << name;
    const Tensor loss = model.loss_sum(LmInput{.ids = ids}, targets),
                 plain_loss = plain->loss_sum(LmInput{.ids = ids}, targets);
    EXPECT_NEAR(loss.item(), plain_loss.item(), 1e-4 * plain_loss.item()) << name;
    backward(loss);
    backward(plain_loss);
    for (const auto& [path, parameter] : trainable(model)) {
      const Tensor expected = roux::parameter(*plain, path).grad();
      if (!expected.defined() || path.find("k_proj.bias") != std::string::npos) continue;
      ASSERT_TRUE(parameter.grad().defined()) << name << " " << path;
      EXPECT_LT(relative_difference(parameter.grad(), expected), 1e-3) << name << " " << path;
    }
  }
}

// Losses that are fused with a head in blocks are those of its values: each reduction, bias and softcap,
// first and second derivatives. int8 activations count where nothing is recorded.
TEST(BlockWeights, FusedLossesAreThoseOfTheirValues) {
  Generator generator(5);
  const Tensor weight = quantize(normal({40, 64}, 0, 0.3, generator), kQ4_1);
  const Tensor targets = some_ids(3, 7), teacher_logits = normal({3, 7, 40}, 0, 2, generator, kF64);
  const auto leaf = [&](const Shape& shape) {
    return normal(shape, 0, 1, generator, kF64).set_requires_grad(true);
  };
  const Tensor x = leaf({3, 7, 64}), bias = leaf({40});
  for (const Reduction reduction : {Reduction::kSum, Reduction::kMean, Reduction::kNone}) {
    for (const bool distils : {false, true}) {
      const auto derivatives = [&](const Tensor& w) {
        const OutputProjection output(w, bias, 3.0);
        Tensor loss = distils ? linear_distillation_loss(x, output, {.logits = teacher_logits},
                                                         {.reduction = reduction})
                              : linear_cross_entropy(x, output, targets, {.reduction = reduction});
        loss = sum(loss * loss);
        std::vector<Tensor> all = grad({loss}, {x, bias}, {.create_graph = true});
        const std::vector<Tensor> second = grad({sum(all[0] * all[0]) + sum(all[1] * all[1])}, {x, bias});
        all.insert(all.end(), second.begin(), second.end());
        all.push_back(loss);
        return all;
      };
      const std::vector<Tensor> got = derivatives(weight), expected = derivatives(dequantize(weight, kF64));
      for (size_t i = 0; i < got.size(); ++i) {
        EXPECT_LT(relative_difference(got[i], expected[i]), 1e-11) << i << distils;
      }
    }
    const ActivationsGuard guard(Activations::kInt8);
    const Tensor narrow = x.detach().to(kF32);
    const auto loss_of = [&](const Tensor& rows) {
      return linear_cross_entropy(rows, weight, targets, {.reduction = reduction});
    };
    const Tensor exact =
        linear_cross_entropy(narrow, dequantize(weight, kF32), targets, {.reduction = reduction});
    const Tensor recorded = narrow.detach().set_requires_grad(true);
    EXPECT_LT(relative_difference(loss_of(recorded), exact), 1e-6);
    EXPECT_GT(relative_difference(loss_of(narrow), exact), 1e-6);
  }
}

TEST(BlockWeights, FusedLossesHoldOneChunkOfLogits) {
  const int64_t tokens = 32768, classes = 32000;
  const Tensor weight = empty({kQ4_1, {classes, 2}}, kMeta), targets = zeros({tokens}, kI64, kMeta);
  const Tensor x = zeros({tokens, 64}, kF32, kMeta).set_requires_grad(true);
  for (const Reduction reduction : {Reduction::kMean, Reduction::kNone}) {
    reset_peak_memory(kMeta);
    const int64_t before = memory_stats(kMeta).current;
    backward(sum(linear_cross_entropy(x, weight, targets, {.reduction = reduction})));
    EXPECT_LT(memory_stats(kMeta).peak - before, 4 * tokens * classes / 8);
  }
}

TEST(BlockWeights, Int8ActivationsAreClose) {
  NoGradGuard no_grad;
  for (const auto& [name, config] : wide_configs()) {
    Generator generator(4);
    Transformer model(config, {&generator, 0.1});
    quantize(model, kMatrices, kQ8_0);
    const Tensor ids = some_ids(2, 9), logits = model.logits(ids);
    ActivationsGuard guard(Activations::kInt8);
    const Tensor rough = model.logits(ids);
    EXPECT_LT(relative_difference(rough, logits), 0.05) << name;
    EXPECT_GT(relative_difference(rough, logits), 1e-6) << name;
  }
}

}  // namespace
}  // namespace roux
