// Language models whose weights are blocks: those of their values.
#include <gtest/gtest.h>

#include "autograd/autograd.h"
#include "nn/models/model_test_util.h"
#include "nn/models/transformer.h"
#include "nn/weights.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/block_linear.h"

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
